-- What this database has spent on statements that name our schema. Statements of
-- other roles show their text to members of pg_read_all_stats alone.
select query, calls, rows, total_exec_time
from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database())
    and query ~ '\mocds\.|"ocds"\.'
