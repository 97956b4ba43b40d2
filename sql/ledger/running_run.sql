-- Reads the run that holds a source, and what shows if its holder is alive. is_within_ttl: the
-- lease was renewed within $2 seconds. is_in_time: it was renewed within two heartbeat intervals
-- of the holder, or two of $3 seconds if the run has no interval. has_backend: its backend
-- exists; the backend of another role shows no start time, so its process id alone decides.
-- is_same_server: this server received the last heartbeat; another server does not know that
-- backend.
select
    run.id, run.kind, run.definition, run.from_page, run.to_page, run.epoch, run.taken_at, run.owner,
    to_char(run.taken_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since,
    run.heartbeat_at, run.is_pooled,
    run.heartbeat_at > now() - make_interval(secs => $2) as is_within_ttl,
    run.heartbeat_at > now() - make_interval(secs => 2 * coalesce(run.heartbeat_seconds, $3)) as is_in_time,
    exists (
        select from pg_stat_activity as activity
        where activity.pid = run.backend_pid
            and (activity.backend_start = run.backend_start or activity.backend_start is null)
    ) as has_backend,
    run.server is null or run.server = extract(epoch from pg_postmaster_start_time())::text as is_same_server
from ocds.run
where run.source = $1 and run.state = 'running'
