-- Reads the stretches of source $1 that runs have skipped, or only those of run $3. The quarantine
-- has them under chain $2. A run that reads one of them again begins there, so each row says
-- whether that has happened within the last day.
select pointer, message,
    exists (
        select from ocds.quarantine
        where source = $1 and chain = $2 and reason = 'refused-page'
            and resolution = 'stored' and resolved_at > now() - interval '1 day'
    ) as has_gone_back
from ocds.quarantine
where source = $1 and chain = $2 and reason = 'refused-page' and resolved_at is null
    and ($3::bigint is null or run_id = $3)
order by id
limit $4
