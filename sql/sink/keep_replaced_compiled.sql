-- Keeps the contents that these compiled releases are about to replace. Newer contents stay if $8
-- is true. The conditions outside the key are in a `case`, for the reason given in
-- stored_release_hashes.sql.
insert into ocds.release_history (
    source, ocid, release_id, date, content_hash, package_id, repairs, run_id, chain_number,
    page_number, first_seen_at, fetched_at, replaced_at, replaced_by, data, served
)
select stored.source, stored.ocid, key.release_id, stored.date, stored.content_hash,
    stored.package_id, stored.repairs, stored.run_id, stored.chain_number,
    stored.page_number, stored.first_seen_at, stored.fetched_at, $5, $6, stored.data, stored.served
from unnest($2::text[], $3::text[], $4::bytea[], $7::timestamptz[])
    as key (ocid, release_id, content_hash, date)
join ocds.publisher_compiled as stored on stored.ocid = key.ocid
where case
    when stored.source = $1 and stored.content_hash <> key.content_hash
        -- a migration empties the hash of a row that has to be read again
        and stored.content_hash <> ''
        and not ($8 and coalesce(stored.date > key.date, stored.date is not null))
        then true
    else false
end
