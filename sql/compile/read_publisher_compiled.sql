-- Reads the compiled releases that the publisher serves of processes.
-- The condition on the source is explained in take_from_queue.sql.
select ocid, date, tag, absent_since, data::text
from ocds.publisher_compiled
where source || '' = $1 and ocid = any($2)
