-- Reads the stored hashes of the keys of a page, of any source; the caller selects its own. With
-- a condition on a source that is newer than the statistics, the planner would expect no rows of
-- it, and read all of them by an index that begins with the source, for each page. The statement
-- is planned each time, because the table grows.
select key.position, stored.source, stored.content_hash
from unnest($1::text[], $2::text[]) with ordinality as key (ocid, release_id, position)
join ocds.release as stored on stored.ocid = key.ocid and stored.release_id = key.release_id
