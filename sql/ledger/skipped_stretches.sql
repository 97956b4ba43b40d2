-- Reads the stretches of source $1, chain $2, that are skipped: of all runs if $6 is true, or only
-- those of run $3. Those whose first position run $3 has stored are resolved first, unless it has
-- lost its lease ($4, $5). A run that returns to a stretch begins there, so each row says whether
-- a stretch was resolved within the last day.
with resolved as (
    update ocds.quarantine
    set resolved_at = now(), resolution = 'stored'
    from ocds.run
    where quarantine.source = $1 and quarantine.chain = $2 and quarantine.reason = 'refused-page'
        and quarantine.resolved_at is null
        and run.id = $3 and run.epoch = $4 and run.taken_at = $5 and run.state = 'running'
        and exists (
            select from ocds.page
            where page.run_id = $3 and page.cursor = quarantine.pointer
        )
    returning quarantine.id
)
select pointer, message,
    exists (
        select from ocds.quarantine
        where source = $1 and chain = $2 and reason = 'refused-page'
            and resolution = 'stored' and resolved_at > now() - interval '1 day'
    ) as has_gone_back
from ocds.quarantine
where source = $1 and chain = $2 and reason = 'refused-page' and resolved_at is null
    and ($6 or run_id = $3)
    and id not in (select id from resolved)
order by id
limit $7
