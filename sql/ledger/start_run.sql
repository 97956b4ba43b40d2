-- Starts a new run, held by the backend of this session.
insert into ocds.run (
    source, kind, definition, from_page, to_page, owner,
    state, end_seen, epoch, backend_pid, backend_start, heartbeat_at, started_at, taken_at,
    is_pooled, heartbeat_seconds, server
)
select $1, $2, $3, $4, $5, $6, 'running', false, 1, activity.pid, activity.backend_start, now(), now(), now(),
    $7, $8, extract(epoch from pg_postmaster_start_time())::text
from pg_stat_activity as activity
where activity.pid = pg_backend_pid()
returning id, epoch, taken_at, requests, retries, bytes, server
