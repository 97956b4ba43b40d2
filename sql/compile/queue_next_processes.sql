-- Queues the next 10,000 processes of a source behind an ocid, and those that have rows but no
-- release. Each of the three tables is read along its key, which begins with the ocid. Returns the
-- last of them in the order of the database.
with queued as (
    insert into ocds.compile_queue (ocid, source)
    select ocid, $1
    from (
        (
            select distinct ocid from ocds.release
            where source = $1 and ocid > $2 order by ocid limit 10000
        )
        union
        (
            select ocid from ocds.publisher_compiled
            where source = $1 and ocid > $2 order by ocid limit 10000
        )
        union
        (
            select ocid from ocds.process
            where source = $1 and ocid > $2 order by ocid limit 10000
        )
    ) as next_process
    order by ocid
    limit 10000
    returning ocid
)
select max(ocid) from queued
