-- Opens a cursor over the keys of the replaced contents of a source, which the purge deletes. No
-- index begins with their source, so this reads the whole primary key, but only once.
declare purged no scroll cursor for
select ocid, release_id, replaced_at
from ocds.release_history
where source = $1
