-- Reads the rejects of a source that a replay tries: those with the ids $2, or all, oldest
-- first. It leaves out the reasons $3: a later version of a superseded
-- release is stored, and what is passed over was never a release.
select id, is_redacted
from ocds.quarantine
where source = $1 and resolved_at is null and reason <> all($3::text[])
    and ($2::bigint[] is null or id = any($2))
order by run_id, page_number, id
