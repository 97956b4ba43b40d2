-- Reads the hashes of the contents of which processes have rows.
-- The condition on the source is explained in take_from_queue.sql.
select ocid, content_hash
from ocds.process
where source || '' = $1 and ocid = any($2)
