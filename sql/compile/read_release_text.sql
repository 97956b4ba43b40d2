-- Reads the text of a release.
select data::text
from ocds.release
where source = $1 and ocid = $2 and release_id = $3
