-- Opens a cursor over the keys of the pages of a source, which the purge deletes.
declare purged no scroll cursor for
select page.run_id, page.chain, page.number
from ocds.run
join ocds.page on page.run_id = run.id
where run.source = $1
