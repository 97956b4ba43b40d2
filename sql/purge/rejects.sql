-- Reads the rejects of a source.
declare purged no scroll cursor for
select id
from ocds.quarantine
where source = $1
