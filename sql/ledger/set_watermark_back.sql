-- Sets the watermark back to where run $1 began, because it was moved past pages that are
-- missing. In a feed of changes, sets it back to the last page before the first gap: of that
-- run, whose pages are counted from 1, or else of the run before it that has seen the end of the
-- feed and is not known to have lost pages too.
update ocds.watermark
set reached = least(watermark.reached, run.window_from), moved_at = now(),
    cursor = coalesce(
        (
            select walk.cursor
            from (
                select number, cursor, number - row_number() over (order by number) as island
                from ocds.page
                where run_id = $1 and chain = ''
            ) as walk
            where walk.island = 0
            order by walk.number desc
            limit 1
        ),
        (
            select page.cursor
            from ocds.run as earlier
            join ocds.page on page.run_id = earlier.id and page.chain = ''
            where earlier.source = run.source and earlier.id < $1
                and earlier.kind = 'incremental'
                and (
                    earlier.state = 'complete'
                    or earlier.end_seen and not earlier.is_given_up and earlier.verified_at is null
                )
                and strpos(earlier.definition, watermark.scope) > 0
            order by earlier.id desc, page.number desc
            limit 1
        )
    )
from ocds.run
where run.id = $1 and watermark.source = run.source
    -- The run belongs to the same feed. Its definition has the dates, if any, before the scope.
    and strpos(run.definition, watermark.scope) > 0
returning watermark.reached
