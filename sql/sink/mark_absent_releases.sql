-- Marks the releases $2, $3 as absent, as clear_absent_releases.sql clears the mark.
update ocds.release
set absent_since = $4
from unnest($2::text[], $3::text[]) as key (ocid, release_id)
where release.ocid = key.ocid and release.release_id = key.release_id
    and case when release.source = $1 and release.absent_since is null then true else false end
returning release.ocid
