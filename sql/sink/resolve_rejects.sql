-- Rejects whose key is stored now, but for those that came with this page.
update ocds.quarantine
set resolved_at = $4, resolution = 'stored'
from unnest($2::text[], $3::text[]) as key (ocid, release_id)
where quarantine.source = $1 and quarantine.resolved_at is null and quarantine.reason <> 'superseded'
    and md5(quarantine.ocid) = md5(key.ocid)
    and quarantine.last_seen_at <> $4
    and quarantine.ocid = key.ocid and quarantine.release_id = key.release_id
