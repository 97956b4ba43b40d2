-- Reads how far the incremental runs of a source have got.
select reached, cursor from ocds.watermark where source = $1 and scope = $2
