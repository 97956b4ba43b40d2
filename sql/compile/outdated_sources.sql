-- Lists those of the sources $1 whose rows depend on other rules than $2.
select source.name
from ocds.source
join unnest($1::text[], $2::text[]) as present (name, rules) on present.name = source.name
where source.compile_rules <> present.rules
