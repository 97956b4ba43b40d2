-- Finds pg_stat_statements, in whatever schema it was created, for the rest of the
-- transaction. No row: it was not created in this database.
select set_config('search_path', quote_ident(namespace.nspname), true)
from pg_extension as extension
join pg_namespace as namespace on namespace.oid = extension.extnamespace
where extension.extname = 'pg_stat_statements'
