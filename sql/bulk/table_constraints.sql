-- Reads the constraints of table $1 and of the tables that refer to it, its unique indexes, and
-- the maximum lengths of its columns. If two have the same name, that of $1 comes last.
(
    select conname::text as name, pg_get_constraintdef(oid) as definition, null::integer as longest
    from pg_constraint
    where to_regclass($1) in (conrelid, confrelid)
    order by conrelid = to_regclass($1)
)
union all
select pg_class.relname::text, pg_get_indexdef(pg_index.indexrelid), null
from pg_index
join pg_class on pg_class.oid = pg_index.indexrelid
where pg_index.indrelid = to_regclass($1) and pg_index.indisunique
    and not exists (select from pg_constraint where conindid = pg_index.indexrelid and contype in ('p', 'u'))
union all
select attname::text, null, atttypmod - 4
from pg_attribute
where attrelid = to_regclass($1) and atttypid in ('varchar'::regtype, 'bpchar'::regtype) and atttypmod > 4
