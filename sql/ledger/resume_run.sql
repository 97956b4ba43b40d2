-- Resumes an unfinished run under a new epoch, held by the backend of this session.
update ocds.run
set state = 'running', end_seen = false, epoch = run.epoch + 1, owner = $2,
    backend_pid = activity.pid, backend_start = activity.backend_start,
    heartbeat_at = now(), taken_at = now(), ended_at = null, error = null,
    is_pooled = $3, heartbeat_seconds = $4, server = extract(epoch from pg_postmaster_start_time())::text,
    pages = null, verified_at = null
from pg_stat_activity as activity
where run.id = $1 and activity.pid = pg_backend_pid()
returning run.id, run.epoch, run.taken_at, run.requests, run.retries, run.bytes, run.server,
    run.refused_answer, run.refused_since, run.refused_days
