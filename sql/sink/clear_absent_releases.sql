-- Clears the mark of the releases $2, $3, because the publisher serves them. The conditions outside
-- the key are in a `case`, for the reason given in stored_release_hashes.sql.
update ocds.release
set absent_since = null
from unnest($2::text[], $3::text[]) as key (ocid, release_id)
where release.ocid = key.ocid and release.release_id = key.release_id
    and case when release.source = $1 and release.absent_since is not null then true else false end
returning release.ocid
