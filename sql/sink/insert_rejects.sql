-- A document that was refused before is counted, once for each run, and not kept
-- twice. It is open again, unless people have decided that it is not wanted.
insert into ocds.quarantine (
    source, url, run_id, page_number, seen, first_seen_at, last_seen_at,
    document_hash, pointer, reason, message, sqlstate, constraint_name, ocid, release_id, document
)
select $1, $2, $3, $4, 1, $5, $5, reject.*
from unnest(
    $6::bytea[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bytea[]
) as reject
on conflict (source, document_hash, pointer) do update
set url = excluded.url, run_id = excluded.run_id, page_number = excluded.page_number,
    seen = quarantine.seen + (quarantine.run_id <> excluded.run_id)::integer, last_seen_at = excluded.last_seen_at,
    reason = excluded.reason, message = excluded.message,
    sqlstate = excluded.sqlstate, constraint_name = excluded.constraint_name,
    resolved_at = case when quarantine.resolution = 'discarded' then quarantine.resolved_at end,
    resolution = case when quarantine.resolution = 'discarded' then quarantine.resolution end
