-- Finds the processes of the releases $1, $2 that the page $4, $5, $6 of the source $3 has written.
-- The condition on the source is of a form that no index serves, for the reason given in
-- stored_release_hashes.sql.
select distinct stored.ocid
from unnest($1::text[], $2::text[]) as key (ocid, release_id)
join ocds.release as stored on stored.ocid = key.ocid and stored.release_id = key.release_id
where stored.source || '' = $3 and stored.run_id = $4 and stored.chain_number = $5
    and stored.page_number = $6
