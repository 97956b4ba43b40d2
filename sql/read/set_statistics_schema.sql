-- Makes the schema of pg_stat_statements the search path, for the rest of the transaction.
-- Returns no row if this database does not have the extension.
select set_config('search_path', quote_ident(namespace.nspname), true)
from pg_extension as extension
join pg_namespace as namespace on namespace.oid = extension.extnamespace
where extension.extname = 'pg_stat_statements'
