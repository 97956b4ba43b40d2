-- Opens a cursor over the keys of the logged requests of a source, which the purge deletes.
declare purged no scroll cursor for
select request.id
from ocds.run
join ocds.request on request.run_id = run.id
where run.source = $1
