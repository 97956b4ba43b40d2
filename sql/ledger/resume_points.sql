-- Reads the last page before the first gap of each chain of a run, and the number of items up to
-- there. Chains start at page $2.
with walk as (
    select chain, number, next_number, next_cursor, coalesce(items, releases) as items,
        number - row_number() over (partition by chain order by number) as island
    from ocds.page
    where run_id = $1
)
select distinct on (chain) chain, number, next_number, next_cursor,
    (sum(items) over (partition by chain))::bigint as items
from walk
where island = $2 - 1
order by chain, number desc
