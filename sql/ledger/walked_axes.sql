-- Reads the axis values that runs of a source before run $3 have walked from the start of the
-- feed. The definition of a run begins with the scope $2 only if the run started at the
-- watermark.
with walk as (
    select id, state
    from ocds.run
    where source = $1 and kind = 'incremental' and starts_with(definition, $2) and id < $3
)
select distinct split_part(page.chain, ' ', 2) as axes
from ocds.page
join walk on walk.id = page.run_id
where walk.state = 'complete' or walk.id = (select min(id) from walk)
