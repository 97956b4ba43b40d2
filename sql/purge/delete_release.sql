-- Deletes the releases of processes. The condition on the source is of a form that no index serves, so that
-- the planner uses the key, as in compile/take_from_queue.sql.
delete from ocds.release where source || '' = $1 and ocid = any($2)
