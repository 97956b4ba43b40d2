-- Opens a cursor over the keys of the releases of a source that are not marked as absent and that
-- no load has brought ($2), and says which of them were stored before the earlier of two walks began
-- ($3). No index begins with their source, so this reads the whole table, but only once. Compiled
-- releases have an empty id.
declare stored no scroll cursor for
select ocid, release_id, first_seen_at < $3::timestamptz as is_known
from ocds.release
where source = $1 and absent_since is null and run_id <> all($2::bigint[])
union all
select ocid, '', first_seen_at < $3::timestamptz
from ocds.publisher_compiled
where source = $1 and absent_since is null and run_id <> all($2::bigint[])
