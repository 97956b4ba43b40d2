-- Pages behind the first gap are fetched again: what came before them may
-- change what they overwrite. Without a page before the gap, $2 is null.
delete from ocds.page
where run_id = $1 and chain = '' and ($2::bigint is null or number > $2)
