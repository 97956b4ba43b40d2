-- Returns true if a release of a source is marked as absent.
select exists (select from ocds.release where source = $1 and absent_since is not null)
    or exists (select from ocds.publisher_compiled where source = $1 and absent_since is not null)
