-- Reads the rejects of a source that a replay tries: those with the ids $2, or all, oldest
-- first. It leaves out superseded ones, because a later version of each is stored.
select id, is_redacted
from ocds.quarantine
where source = $1 and resolved_at is null and reason <> 'superseded'
    and ($2::bigint[] is null or id = any($2))
order by run_id, page_number, id
