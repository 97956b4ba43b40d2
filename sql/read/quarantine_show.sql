-- Reads one reject with its bytes.
select id, source, reason, message, sqlstate, ocid, release_id, version, package_id, run_id,
    chain, chain_number, page_number, pointer, url, seen, first_seen_at, last_seen_at, octet_length(document) as bytes,
    is_redacted, overwrite,
    resolved_at, resolution, document
from ocds.quarantine
where id = $1
