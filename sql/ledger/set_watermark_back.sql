-- The watermark goes back to where run $1 began, or, of a feed of changes, to its last page
-- before the first gap: what that run moved it over is not all there. Chains start at
-- page $2.
update ocds.watermark
set reached = least(watermark.reached, run.window_from), moved_at = now(),
    cursor = (
        select walk.cursor
        from (
            select number, cursor, number - row_number() over (order by number) as island
            from ocds.page
            where run_id = $1 and chain = ''
        ) as walk
        where walk.island = $2 - 1
        order by walk.number desc
        limit 1
    )
from ocds.run
where run.id = $1 and watermark.source = run.source
    -- of the same feed: a run that was asked for dates says so before its scope
    and strpos(run.definition, watermark.scope) > 0
returning watermark.reached
