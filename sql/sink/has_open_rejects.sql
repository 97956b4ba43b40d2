-- Whether storing a release of the source may resolve a reject.
select exists (
    select from ocds.quarantine
    where source = $1 and resolved_at is null and reason <> 'superseded'
)
