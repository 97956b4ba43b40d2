-- The run that holds a source, and what is known of its holder: whether it was heard of
-- within $2 seconds, whether within $3, in which it would have missed a heartbeat, and
-- whether its backend is still there. Another role's backend shows no start, so its
-- process id alone has to do.
select
    run.id, run.kind, run.definition, run.from_page, run.to_page, run.epoch, run.taken_at, run.owner,
    to_char(run.taken_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since,
    run.heartbeat_at, run.is_pooled,
    run.heartbeat_at > now() - make_interval(secs => $2) as is_heard_of,
    run.heartbeat_at > now() - make_interval(secs => $3) as is_in_time,
    exists (
        select from pg_stat_activity as activity
        where activity.pid = run.backend_pid
            and (activity.backend_start = run.backend_start or activity.backend_start is null)
    ) as has_backend
from ocds.run
where run.source = $1 and run.state = 'running'
