-- Reads the cost of the statements that name schema ocds in this database. Only members of
-- pg_read_all_stats see the statement texts of other roles.
select query, calls, rows, total_exec_time
from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database())
    and query ~ '\mocds\.|"ocds"\.'
