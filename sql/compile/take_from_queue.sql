-- Takes processes out of the queue. Another attempt at the same processes waits here, and finds
-- nothing if this one commits. A release that is committed from now on has a row of its own.
--
-- The condition on the source is of a form that no index serves, so that the planner uses the key.
-- By an index that begins with the source, it would read all rows of a source that is newer than
-- its statistics, for each batch.
delete from ocds.compile_queue
where source || '' = $1 and ocid = any($2)
returning ocid
