-- Reads the compiled releases that the publisher serves of processes without their texts, which are
-- too large or cannot be read. The condition on the source is explained in take_from_queue.sql.
select ocid, date, tag, absent_since, ''
from ocds.publisher_compiled
where source || '' = $1 and ocid = any($2)
