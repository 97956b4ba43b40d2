-- Reads the state of each source that has ever run: its last run, its stored releases and those of
-- them that the publisher no longer serves, its rejects, and its values that could not be read. Rows
-- with one of the reasons $1 are no rejects, but passed over.
select
    run.source, run.id, run.kind, run.state, run.owner, run.started_at, run.ended_at, run.error,
    run.refused_answer, run.refused_since, run.refused_days, stuck.page as stuck_at_page,
    totals.pages, totals.releases, totals.passed_over,
    stored.releases as stored, stored.absent, stored.newest, watermark.reached as watermark,
    refused.open as quarantined, unread.columns as unread
from (select distinct source from ocds.run) as source
cross join lateral (
    select * from ocds.run
    where run.source = source.source
    -- a run that only compiles is shown if there is no other
    order by kind = 'compile', id desc
    limit 1
) as run
cross join lateral (
    select count(*) as pages, coalesce(sum(page.releases), 0)::bigint as releases,
        coalesce(sum(page.passed_over), 0)::bigint as passed_over
    from ocds.page where page.run_id = run.id
) as totals
cross join lateral (
    -- The page that the run asks for first when it is resumed, if it is a chain without a name.
    select coalesce(max(page.next_number), 1) as page
    from ocds.page
    where run.refused_answer is not null and page.run_id = run.id and page.chain = ''
) as stuck
cross join lateral (
    select count(*) as releases, count(stored.absent_since) as absent, max(stored.date) as newest
    from (
        select date, absent_since from ocds.release where release.source = source.source
        union all
        select date, absent_since
        from ocds.publisher_compiled
        where publisher_compiled.source = source.source
    ) as stored
) as stored
cross join lateral (
    select count(*) as open
    from ocds.quarantine
    where quarantine.source = source.source and quarantine.resolved_at is null
        and quarantine.reason <> all($1::text[])
) as refused
cross join lateral (
    select coalesce(jsonb_object_agg(unread.column_name, unread.releases), '{}') as columns
    from ocds.unread
    where unread.source = source.source
) as unread
left join ocds.watermark on watermark.source = source.source
order by run.source
