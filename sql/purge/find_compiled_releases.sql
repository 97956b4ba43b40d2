-- Opens a cursor over the keys of the compiled releases of a source, which the purge deletes. No
-- index begins with their source, so this reads the whole primary key, but only once.
declare purged no scroll cursor for
select ocid
from ocds.compiled_release
where source = $1
