-- Resolves rejects of documents that could be fetched and read this time, except those of this
-- page. It looks them up one by one, for the reason given in resolve_rejects.sql.
--
-- If the page is a piece of the file $4, this says nothing about documents on other pieces. Then,
-- of the documents with the file's URL, it resolves those of this piece, and those of all later
-- pieces if $7 is true, because the piece ends the file.
update ocds.quarantine
set resolved_at = $3, resolution = 'stored'
from unnest($2::text[]) as document (url)
cross join lateral (
    select id
    from ocds.quarantine as open
    where open.source = $1 and md5(open.url) = md5(document.url) and open.url = document.url
        and open.reason in ('missing-document', 'unfetched-document', 'unreadable-document')
        and open.resolved_at is null and open.last_seen_at <> $3
        and (
            $4::text is null or open.url <> $4
            or open.chain = $5
                and open.page_number between $6 and case when $7 then 9223372036854775807 else $6 end
        )
    offset 0
) as stored
where quarantine.id = stored.id
    -- Another transaction may have resolved it meanwhile. The planner cannot use a `case`.
    and case when quarantine.resolved_at is null then true else false end
