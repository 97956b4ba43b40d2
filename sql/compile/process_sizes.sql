-- Measures the releases of processes as they are stored, without decompressing them, and the
-- publisher's compiled releases. The condition on the source is explained in take_from_queue.sql.
select ocid, sum(pg_column_size(data))::bigint as bytes
from ocds.release
where source || '' = $1 and ocid = any($2)
group by ocid
union all
select ocid, pg_column_size(data)::bigint
from ocds.publisher_compiled
where source || '' = $1 and ocid = any($2)
