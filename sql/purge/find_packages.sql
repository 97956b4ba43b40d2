-- Opens a cursor over the ids of the packages of a source, which the purge deletes.
declare purged no scroll cursor for
select id
from ocds.package
where source = $1
