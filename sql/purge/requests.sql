-- Reads the requests of a source's runs.
declare purged no scroll cursor for
select request.id
from ocds.run
join ocds.request on request.run_id = run.id
where run.source = $1
