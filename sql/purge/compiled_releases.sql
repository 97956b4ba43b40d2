-- Reads the compiled releases of a source. No index is led by their source, so this
-- reads the whole key of the table, but only once.
declare purged no scroll cursor for
select ocid
from ocds.compiled_release
where source = $1
