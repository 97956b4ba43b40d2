-- Reads the runs of a source, except the running one, which is the purge.
declare purged no scroll cursor for
select id
from ocds.run
where source = $1 and state <> 'running'
