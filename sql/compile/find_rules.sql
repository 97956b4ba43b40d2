-- Reads what the rows of a source's processes depend on, and whether all of its processes were
-- compiled once.
select compile_rules, compiled_at is not null as is_compiled
from ocds.source
where name = $1
