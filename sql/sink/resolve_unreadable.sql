-- The page could be read this time; and all of its file, if $5 says that it ends there.
update ocds.quarantine
set resolved_at = $4, resolution = 'stored'
where source = $1 and chain = $2
    and page_number between $3 and case when $5 then 9223372036854775807 else $3 end
    and reason = 'unreadable-page' and resolved_at is null
