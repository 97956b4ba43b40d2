-- Reads the next rows of the queue behind a row of a source, in the order of the index, and so those
-- of the next source behind the last one of this source. With a condition on one source alone, the
-- planner would expect few rows of it and sort them all, each time. It locks nothing: what is
-- compiled is decided by deleting the rows.
select ocid, id, source
from ocds.compile_queue
where (source, id) > ($1, $2)
order by source, id
limit $3
