-- The rejects of a source that a replay tries: those named, or all, oldest first.
-- What was superseded is not among them: its successor is stored.
select id, is_redacted
from ocds.quarantine
where source = $1 and resolved_at is null and reason <> 'superseded'
    and ($2::bigint[] is null or id = any($2))
order by run_id, page_number, id
