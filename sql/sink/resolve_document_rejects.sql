-- Resolves rejects of documents that could be fetched and read this time, except those of run $4,
-- which may have met them on another piece of the same file. It looks them up one by one, for the reason given in resolve_rejects.sql.
update ocds.quarantine
set resolved_at = $3, resolution = 'stored'
from unnest($2::text[]) as document (url)
cross join lateral (
    select id
    from ocds.quarantine as open
    where open.source = $1 and md5(open.url) = md5(document.url) and open.url = document.url
        and open.reason in ('missing-document', 'unfetched-document', 'unreadable-document')
        and open.resolved_at is null and open.run_id <> $4
    offset 0
) as stored
where quarantine.id = stored.id
    -- Another transaction may have resolved it meanwhile. The planner cannot use a `case`.
    and case when quarantine.resolved_at is null then true else false end
