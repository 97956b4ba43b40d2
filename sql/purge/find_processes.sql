-- Opens a cursor over the processes of a source, which the purge deletes. Most tables have no index
-- that begins with the source, so this reads their whole primary keys, but only once. The rows come
-- as they are found, and not sorted, so a process with several releases comes several times.
declare purged no scroll cursor for
select ocid
from ocds.process
where source = $1
union all
select release.ocid
from ocds.release
where release.source = $1 and not exists (
    select from ocds.process
    where process.ocid = release.ocid and process.source = release.source
)
union all
select publisher_compiled.ocid
from ocds.publisher_compiled
where publisher_compiled.source = $1 and not exists (
    select from ocds.process
    where process.ocid = publisher_compiled.ocid and process.source = publisher_compiled.source
)
union all
select ocid
from ocds.compile_queue
where source = $1
union all
select ocid
from ocds.process_gone
where source = $1
