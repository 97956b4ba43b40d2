-- Resolves rejects whose key is stored now, except those of this page. It looks them up key by
-- key: `offset 0` prevents the planner from reading all open rejects of the source for each page
-- if its statistics show none.
--
-- If URLs are given, one for each key, the newest content is kept, and another one says nothing
-- about the rejected content. Then it resolves only what an earlier run met at the same URL. If
-- this run meets it there again, it is opened again.
update ocds.quarantine
set resolved_at = $4, resolution = 'stored'
from unnest($2::text[], $3::text[], $5::text[]) as key (ocid, release_id, url)
cross join lateral (
    select id
    from ocds.quarantine as open
    where open.source = $1 and md5(open.ocid) = md5(key.ocid) and open.resolved_at is null
        and open.reason <> 'superseded' and open.last_seen_at <> $4
        and open.ocid = key.ocid and open.release_id = key.release_id
        and (key.url is null or (open.url = key.url and open.run_id <> $6))
    offset 0
) as stored
where quarantine.id = stored.id
    -- Another transaction may have resolved it meanwhile. The planner cannot use a `case`.
    and case when quarantine.resolved_at is null then true else false end
