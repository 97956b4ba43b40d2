-- Lists unresolved rejects, newest first, of source $1 and reason $2 if these are given. Rows with
-- one of the reasons $4 are passed over: they are listed if $5 is true, and then no others.
select id, source, reason, message, sqlstate, ocid, release_id, version, package_id, run_id,
    chain, chain_number, page_number, pointer, url, seen, first_seen_at, last_seen_at, octet_length(document) as bytes,
    is_redacted, overwrite
from ocds.quarantine
where resolved_at is null
    and ($1::text is null or source = $1)
    and ($2::text is null or reason = $2)
    and (reason = any($4::text[])) = $5
order by id desc
limit $3
