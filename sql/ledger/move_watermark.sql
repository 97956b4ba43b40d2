-- All of a source up to $6, or to the page $7, is stored by run $1. What was asked
-- for after the run began may have come too early to be seen: the watermark is never
-- later than that. A run that began behind the watermark, at $5, does not move it:
-- there is a gap between.
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
