-- The page could be read this time.
update ocds.quarantine
set resolved_at = $3, resolution = 'stored'
where source = $1 and page_number = $2 and reason = 'unreadable-page' and resolved_at is null
