-- What a replay made of a reject: stored, or refused again for this reason.
update ocds.quarantine
set resolved_at = $2, resolution = $3, reason = $4, message = $5, sqlstate = $6, constraint_name = $7
where id = $1 and resolved_at is null
