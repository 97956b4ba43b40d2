-- Lists the sources with rejects that a replay tries. A replay handles one source after the
-- other. $3 has the reasons that are left out, as in rejects_to_replay.sql.
select distinct source
from ocds.quarantine
where resolved_at is null and reason <> all($3::text[])
    and ($1::text is null or source = $1)
    and ($2::bigint[] is null or id = any($2))
order by source
