-- Finds those of the processes of which the publisher serves a compiled release.
-- The condition on the source is explained in take_from_queue.sql.
select ocid
from ocds.publisher_compiled
where source || '' = $1 and ocid = any($2) and absent_since is null
