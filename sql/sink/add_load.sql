-- Notes that a run loads files for a source.
update ocds.source
set loads = loads || $2::bigint
where name = $1 and $2 <> all(loads)
