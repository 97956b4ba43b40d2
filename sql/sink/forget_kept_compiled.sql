-- Deletes what this transaction has kept of compiled releases that were not replaced after all,
-- because the server refused the new content or the stored one is newer. The conditions outside
-- the keys are in a `case`, for the reason given in stored_release_hashes.sql.
delete from ocds.release_history as kept
using unnest($2::text[], $3::text[]) as key (ocid, release_id)
cross join lateral (
    select source, content_hash
    from ocds.publisher_compiled as present
    where present.ocid = key.ocid
    offset 0
) as stored
where kept.ocid = key.ocid and kept.release_id = key.release_id
    and case
        when kept.source = $1 and stored.source = $1 and kept.replaced_at = $4
            and kept.content_hash = stored.content_hash
            then true
        else false
    end
