-- Deletes the pages after the first gap of each chain, because they must be fetched again: a
-- page from before them may change what they overwrite. $2 are the chains with pages before the
-- gap, $3 their last pages before it.
delete from ocds.page
where run_id = $1 and not exists (
    select from unnest($2::text[], $3::bigint[]) as kept (chain, number)
    where kept.chain = page.chain and kept.number >= page.number
)
