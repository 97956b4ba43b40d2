-- Queues processes whose releases have changed.
insert into ocds.compile_queue (ocid, source)
select ocid, $2
from unnest($1::text[]) as ocid
