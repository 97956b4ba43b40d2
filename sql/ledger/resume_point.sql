-- The last page before the first gap of a run's plain chain that starts at page $2.
with walk as (
    select number, next_number, next_cursor,
        number - row_number() over (order by number) as island
    from ocds.page
    where run_id = $1 and chain = ''
)
select number, next_number, next_cursor
from walk
where island = $2 - 1
order by number desc
limit 1
