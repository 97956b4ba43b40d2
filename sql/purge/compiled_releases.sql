-- The next compiled releases of a source to go, in the order of the key.
select ocid
from ocds.compiled_release
where source = $1 and ($2::text is null or ocid > $2)
order by ocid
limit $3
