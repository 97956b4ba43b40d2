-- Moves the watermark after run $1 has stored everything of a source up to date $6 or page $7.
-- The watermark is never later than the start of the run, because a publisher may show data from
-- after that moment late. If the run began at $5, after the watermark, the watermark stays,
-- because there is a gap between.
insert into ocds.watermark (source, scope, reached, cursor, run_id, moved_at)
select run.source, $4, case when $6::timestamptz is not null then least($6, run.started_at) end,
    $7, run.id, now()
from ocds.run
where run.id = $1 and run.epoch = $2 and run.taken_at = $3
on conflict (source) do update
set scope = excluded.scope, cursor = excluded.cursor, run_id = excluded.run_id, moved_at = excluded.moved_at,
    reached = case
        when watermark.scope = excluded.scope then greatest(watermark.reached, excluded.reached)
        else excluded.reached
    end
where watermark.scope <> excluded.scope
    or watermark.cursor is distinct from excluded.cursor
    or watermark.reached is null
    or ($5::timestamptz is null or $5 <= watermark.reached) and excluded.reached > watermark.reached
