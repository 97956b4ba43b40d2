-- Pages behind the first gap of their chain are fetched again: what came before
-- them may change what they overwrite. $2 are the chains that have pages before
-- the gap, $3 their last ones.
delete from ocds.page
where run_id = $1 and not exists (
    select from unnest($2::text[], $3::bigint[]) as kept (chain, number)
    where kept.chain = page.chain and kept.number >= page.number
)
