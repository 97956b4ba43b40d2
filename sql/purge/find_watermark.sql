-- Opens a cursor over the key of the watermark of a source, which the purge deletes.
declare purged no scroll cursor for
select source
from ocds.watermark
where source = $1
