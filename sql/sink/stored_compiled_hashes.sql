-- The hashes of a page's compiled releases that are stored, of whatever source, as
-- of its releases.
select key.position, stored.source, stored.content_hash
from unnest($1::text[]) with ordinality as key (ocid, position)
join ocds.compiled_release as stored on stored.ocid = key.ocid
