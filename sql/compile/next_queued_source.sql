-- Reads the next source, in the order of their names, that has processes in the queue.
select source
from ocds.compile_queue
where source > $1
order by source
limit 1
