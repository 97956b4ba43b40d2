-- Returns true if two walks have met the same keys on the same pages.
select not exists (
    select
    from (select chain, number, keys from ocds.walked_page where run_id = $1) as previous
    full join (select chain, number, keys from ocds.walked_page where run_id = $2) as walk
        using (chain, number)
    where previous.keys is distinct from walk.keys
) as are_equal
