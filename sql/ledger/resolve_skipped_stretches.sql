-- Resolves the skipped stretches of source $1, chain $2, whose first position run $3 has stored.
update ocds.quarantine
set resolved_at = now(), resolution = 'stored'
where source = $1 and chain = $2 and reason = 'refused-page' and resolved_at is null
    and exists (
        select from ocds.page
        where page.run_id = $3 and page.cursor = quarantine.pointer
    )
