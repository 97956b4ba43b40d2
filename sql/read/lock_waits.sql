-- Lists the sessions that wait for a lock on a table of schema ocds, longest wait first. It
-- shows no statement texts, because those of other programs contain values.
with waiting as (
    -- At most one lock for each backend, in this database or of a transaction.
    select pid, locktype, relation, mode, waitstart
    from pg_locks
    where not granted
),
-- The tables that a waiting backend needs, nearest first: the one whose lock it waits for; the
-- one whose row it has locked while it waits for another transaction; those it writes, because a
-- backend that waits for a key that another transaction has just inserted has locked no row.
concerned as (
    select
        waiting.pid,
        format('%I.%I', namespace.nspname, class.relname) as name,
        case
            when lock.relation = waiting.relation then 1
            when lock.locktype = 'tuple' then 2
            else 3
        end as distance
    from waiting
    join pg_locks as lock on lock.pid = waiting.pid
        and lock.database = (select oid from pg_database where datname = current_database())
    join pg_class as class on class.oid = lock.relation and class.relkind in ('r', 'p')
    join pg_namespace as namespace on namespace.oid = class.relnamespace
    where namespace.nspname = 'ocds'
        and case
            when waiting.relation is not null then lock.relation = waiting.relation
            else lock.locktype = 'tuple' or lock.mode = 'RowExclusiveLock'
        end
),
nearest as (
    select pid, name, rank() over (partition by pid order by distance) as place
    from concerned
)
select
    waiting.pid, coalesce(activity.application_name, '') as application_name, activity.state,
    waiting.locktype as waits_for, waiting.mode, nearest.tables,
    extract(epoch from clock_timestamp() - waiting.waitstart)::float8 as waited_seconds,
    pg_blocking_pids(waiting.pid) as blocked_by
from waiting
join pg_stat_activity as activity on activity.pid = waiting.pid
join (
    select pid, array_agg(distinct name order by name) as tables
    from nearest
    where place = 1
    group by pid
) as nearest on nearest.pid = waiting.pid
order by waiting.waitstart, waiting.pid
