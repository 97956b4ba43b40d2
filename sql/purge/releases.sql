-- Reads the releases of a source, in the order of whatever index finds them.
declare purged no scroll cursor for
select ocid, release_id
from ocds.release
where source = $1
