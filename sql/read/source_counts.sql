-- Counts the rows of a source.
select
    (select count(*) from ocds.release where source = $1)
        + (select count(*) from ocds.publisher_compiled where source = $1) as releases,
    (select count(*) from ocds.quarantine where source = $1) as rejects,
    (select count(*) from ocds.run where source = $1) as runs
