-- Renews the lease and writes how many requests the run has sent. $4 is true if the connection
-- is the same as at the last heartbeat: another backend then proves that there is a pooler. $5
-- is true if a pooler is known. Returns no row if the lease is lost.
update ocds.run
set heartbeat_at = now(), backend_pid = activity.pid, backend_start = activity.backend_start,
    server = extract(epoch from pg_postmaster_start_time())::text,
    is_pooled = run.is_pooled or $5
        or $4 and (run.backend_pid, run.backend_start) <> (activity.pid, activity.backend_start),
    requests = $6, retries = $7, bytes = $8
from pg_stat_activity as activity
where run.id = $1 and run.epoch = $2 and run.taken_at = $3 and run.state = 'running'
    and activity.pid = pg_backend_pid()
