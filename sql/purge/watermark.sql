-- Reads the watermark of a source.
declare purged no scroll cursor for
select source
from ocds.watermark
where source = $1
