-- Returns true if a source has unresolved rejects. A stored release may resolve them; a superseded
-- reject stays as it is.
select exists (
    select from ocds.quarantine
    where source = $1 and resolved_at is null and reason <> 'superseded'
)
