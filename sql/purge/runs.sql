-- The next runs of a source to go: not the one that purges, which is running.
select id
from ocds.run
where source = $1 and state <> 'running' and ($2::bigint is null or id > $2)
order by id
limit $3
