-- Reads the requests of the runs of a source.
declare purged no scroll cursor for
select request.id
from ocds.run
join ocds.request on request.run_id = run.id
where run.source = $1
