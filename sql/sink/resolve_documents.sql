-- Documents that could be had and read this time, but for those that came with this
-- page.
update ocds.quarantine
set resolved_at = $3, resolution = 'stored'
from unnest($2::text[]) as document (url)
where quarantine.source = $1 and md5(quarantine.url) = md5(document.url) and quarantine.url = document.url
    and quarantine.reason in ('missing-document', 'unreadable-document') and quarantine.resolved_at is null
    and quarantine.last_seen_at <> $3
