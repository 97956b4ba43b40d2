-- Counts the rows of the queue of a source.
select count(*) from ocds.compile_queue where source = $1
