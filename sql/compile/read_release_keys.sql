-- Reads the releases of processes without their texts, which are too large or cannot be read.
-- The condition on the source is explained in take_from_queue.sql.
select ocid, release_id, date, tag, run_id, chain_number, page_number, absent_since, ''
from ocds.release
where source || '' = $1 and ocid = any($2)
