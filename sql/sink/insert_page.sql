-- Inserts the row that makes a page durable, and the keys that a walk has met on it ($23), if they
-- are noted. The key of the page exists already if an earlier commit of it succeeded and its reply
-- was lost.
with walked as (
    insert into ocds.walked_page (run_id, chain, number, is_whole, keys)
    select $1::bigint, $2::text, $3::bigint, $24::boolean, $23::bytea
    where $23::bytea is not null
)
insert into ocds.page (
    run_id, chain, number, cursor, next_number, next_cursor, url, fetched_at, committed_at, package,
    releases, inserted, updated, unchanged, folded, quarantined, older, passed_over, items,
    etag, last_modified, rules
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22)
