-- The hashes of a page's keys that are stored. It is planned anew each time, for
-- what the table has grown to: index probes, unless the table is tiny.
select key.position, stored.content_hash
from unnest($2::text[], $3::text[]) with ordinality as key (ocid, release_id, position)
join ocds.release as stored
    on stored.source = $1 and stored.ocid = key.ocid and stored.release_id = key.release_id
