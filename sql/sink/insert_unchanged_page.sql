-- Copies the row of a page that, as the publisher says, has not changed since run $2, and the keys
-- that were met on it. Its releases are stored already. The key exists already if an earlier commit
-- of the page succeeded and its reply was lost.
with walked as (
    insert into ocds.walked_page (run_id, chain, number, is_whole, keys)
    select $1, chain, $5, is_whole, keys
    from ocds.walked_page
    where run_id = $2 and chain = $3 and number = $4
)
insert into ocds.page (
    run_id, chain, number, cursor, next_number, next_cursor, url, fetched_at, committed_at, package,
    releases, inserted, updated, unchanged, folded, quarantined, older, passed_over, items,
    etag, last_modified, rules
)
select $1, chain, $5, cursor, $6, next_cursor, url, $7, $8, package,
    releases, 0, 0, inserted + updated + unchanged, folded, quarantined, older, passed_over, items,
    $9, $10, rules
from ocds.page
where run_id = $2 and chain = $3 and number = $4
returning
    releases::bigint, inserted::bigint, updated::bigint,
    unchanged::bigint, folded::bigint, quarantined::bigint,
    older::bigint, passed_over::bigint
