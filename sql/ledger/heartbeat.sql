-- The holder lives, and what it has asked for so far. No row: the lease is lost.
update ocds.run
set heartbeat_at = now(), backend_pid = activity.pid, backend_start = activity.backend_start,
    requests = run.requests + $3, retries = run.retries + $4, bytes = run.bytes + $5
from pg_stat_activity as activity
where run.id = $1 and run.epoch = $2 and run.state = 'running' and activity.pid = pg_backend_pid()
