-- Reads the releases of processes.
-- The condition on the source is explained in take_from_queue.sql.
select ocid, release_id, date, tag, run_id, chain_number, page_number, absent_since,
    data::text
from ocds.release
where source || '' = $1 and ocid = any($2)
