-- The watermark of a source to go.
select source
from ocds.watermark
where source = $1 and ($2::text is null or source > $2)
limit $3
