-- Reads the stored hashes of the compiled releases of a page, of any source, for the reason
-- given in stored_release_hashes.sql.
select key.position, stored.source, stored.content_hash
from unnest($1::text[]) with ordinality as key (ocid, position)
join ocds.publisher_compiled as stored on stored.ocid = key.ocid
