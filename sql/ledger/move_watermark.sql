-- All of a source up to $5, or to the page $6, is stored by run $1. What was asked
-- for after the run began may have come too early to be seen: the watermark is never
-- later than that. A run that began behind the watermark, at $4, does not move it:
-- there is a gap between.
insert into ocds.watermark (source, scope, reached, cursor, run_id, moved_at)
select run.source, $3, case when $5::timestamptz is not null then least($5, run.started_at) end,
    $6, run.id, now()
from ocds.run
where run.id = $1 and run.epoch = $2
on conflict (source) do update
set scope = excluded.scope, cursor = excluded.cursor, run_id = excluded.run_id, moved_at = excluded.moved_at,
    reached = case
        when watermark.scope = excluded.scope then greatest(watermark.reached, excluded.reached)
        else excluded.reached
    end
where watermark.scope <> excluded.scope
    or watermark.cursor is distinct from excluded.cursor
    or watermark.reached is null
    or ($4::timestamptz is null or $4 <= watermark.reached) and excluded.reached > watermark.reached
