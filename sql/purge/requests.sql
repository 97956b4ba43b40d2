-- The next requests of a source's runs to go.
select request.id
from ocds.request
join ocds.run on run.id = request.run_id
where run.source = $1 and ($2::bigint is null or request.id > $2)
order by request.id
limit $3
