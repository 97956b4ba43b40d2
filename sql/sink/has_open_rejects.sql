-- Returns true if a source has unresolved rejects that a stored page may resolve: those with none of
-- the reasons $2.
select exists (
    select from ocds.quarantine
    where source = $1 and resolved_at is null and reason <> all($2::text[])
)
