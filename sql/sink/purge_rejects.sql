-- The next rejects of a source to go.
select id
from ocds.quarantine
where source = $1 and id > $2
order by id
limit $3
