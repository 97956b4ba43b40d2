-- Inserts the row that makes a page durable. The key exists already if an earlier commit of the
-- page succeeded and its reply was lost.
insert into ocds.page (
    run_id, chain, number, cursor, next_number, next_cursor, url, fetched_at, committed_at, package,
    releases, inserted, updated, unchanged, folded, quarantined, older, passed_over, items,
    etag, last_modified, rules
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22)
