-- The run that holds a source, and whether its holder lives: heard of within $2
-- seconds, and its backend still there. Another role's backend shows no start, so
-- its process id alone has to do.
select
    run.id, run.kind, run.definition, run.from_page, run.to_page, run.epoch, run.owner,
    to_char(run.taken_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since,
    run.heartbeat_at > now() - make_interval(secs => $2)
        and exists (
            select from pg_stat_activity as activity
            where activity.pid = run.backend_pid
                and (activity.backend_start = run.backend_start or activity.backend_start is null)
        ) as alive
from ocds.run
where run.source = $1 and run.state = 'running'
