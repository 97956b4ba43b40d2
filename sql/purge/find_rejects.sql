-- Opens a cursor over the keys of the rejects of a source, which the purge deletes.
declare purged no scroll cursor for
select id
from ocds.quarantine
where source = $1
