-- Opens a cursor over the keys of the releases of a source, which the purge deletes, in the order
-- of the index that the planner chooses.
declare purged no scroll cursor for
select ocid, release_id
from ocds.release
where source = $1
