-- Notes that all processes of a source are in the queue or depend on these rules.
update ocds.source
set compile_rules = $2
where name = $1
