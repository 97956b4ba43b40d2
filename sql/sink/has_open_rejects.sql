-- Returns true if a source has rejects that storing a release may resolve.
select exists (
    select from ocds.quarantine
    where source = $1 and resolved_at is null and reason <> 'superseded'
)
