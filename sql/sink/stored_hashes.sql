-- The hashes of a page's keys that are stored, of whatever source: who asks takes
-- its own. Asked for a source that is newer than the statistics, the planner would
-- expect no rows of it and read all of them, by an index led by source, for each
-- page. It is planned anew each time, for what the table has grown to.
select key.position, stored.source, stored.content_hash
from unnest($1::text[], $2::text[]) with ordinality as key (ocid, release_id, position)
join ocds.release as stored on stored.ocid = key.ocid and stored.release_id = key.release_id
