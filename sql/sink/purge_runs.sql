-- The next runs of a source to go, with their pages and requests: not the one that
-- purges, which is running.
select id
from ocds.run
where source = $1 and id > $2 and state <> 'running'
order by id
limit $3
