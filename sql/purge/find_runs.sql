-- Opens a cursor over the keys of the runs of a source, which the purge deletes. The running one is
-- the purge itself, so it stays.
declare purged no scroll cursor for
select id
from ocds.run
where source = $1 and state <> 'running'
