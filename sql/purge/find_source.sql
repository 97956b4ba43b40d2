-- Opens a cursor over what is noted of a source, which the purge deletes.
declare purged no scroll cursor for
select name
from ocds.source
where name = $1
