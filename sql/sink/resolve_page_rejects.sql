-- Resolves the reject of a page that could be read this time. If $5 is true, the page ends its
-- file, and this resolves the rejects of all later pages of the file too.
update ocds.quarantine
set resolved_at = $4, resolution = 'stored'
where source = $1 and chain = $2
    and page_number between $3 and case when $5 then 9223372036854775807 else $3 end
    and reason in ('unreadable-page', 'refused-page') and resolved_at is null
