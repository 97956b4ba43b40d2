-- Forgets that processes were gone, because they have releases again.
-- The condition on the source is explained in take_from_queue.sql.
delete from ocds.process_gone
where source || '' = $1 and ocid = any($2)
