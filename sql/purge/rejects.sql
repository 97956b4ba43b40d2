-- The next rejects of a source to go.
select id
from ocds.quarantine
where source = $1 and ($2::bigint is null or id > $2)
order by id
limit $3
