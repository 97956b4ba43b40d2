-- The holder lives, and what the run has asked for so far. No row: the lease is lost.
update ocds.run
set heartbeat_at = now(), backend_pid = activity.pid, backend_start = activity.backend_start,
    requests = $3, retries = $4, bytes = $5
from pg_stat_activity as activity
where run.id = $1 and run.epoch = $2 and run.state = 'running' and activity.pid = pg_backend_pid()
