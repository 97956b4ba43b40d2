-- The next releases of a source to go, in the order of the key: what is gone is
-- not read again.
select ocid, release_id
from ocds.release
where source = $1 and ($2::text is null or (ocid, release_id) > ($2, $3::text))
order by ocid, release_id
limit $4
