-- Notes that no process of a source was left in the queue.
update ocds.source
set compiled_at = $2
where name = $1
