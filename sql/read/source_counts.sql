-- Counts the rows of a source, and says whether there is anything else of it.
select
    (select count(*) from ocds.release where source = $1)
        + (select count(*) from ocds.publisher_compiled where source = $1) as releases,
    (select count(*) from ocds.quarantine where source = $1) as rejects,
    (select count(*) from ocds.run where source = $1) as runs,
    exists (select from ocds.source where name = $1)
        or exists (select from ocds.compile_queue where source = $1)
        or exists (select from ocds.process where source = $1)
        or exists (select from ocds.process_gone where source = $1) as has_others
