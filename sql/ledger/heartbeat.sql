-- Renews the lease, and tells what the run has asked for so far. $4: the connection is that
-- of the last heartbeat; with another backend it goes through a pooler. $5: it is known to.
-- No row: the lease is lost.
update ocds.run
set heartbeat_at = now(), backend_pid = activity.pid, backend_start = activity.backend_start,
    server = extract(epoch from pg_postmaster_start_time())::text,
    is_pooled = run.is_pooled or $5
        or $4 and (run.backend_pid, run.backend_start) <> (activity.pid, activity.backend_start),
    requests = $6, retries = $7, bytes = $8
from pg_stat_activity as activity
where run.id = $1 and run.epoch = $2 and run.taken_at = $3 and run.state = 'running'
    and activity.pid = pg_backend_pid()
