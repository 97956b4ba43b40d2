-- Finds the processes of the compiled releases $1 that the page $3, $4, $5 of the source $2 has
-- written, as written_releases.sql does.
select distinct stored.ocid
from unnest($1::text[]) as key (ocid)
join ocds.publisher_compiled as stored on stored.ocid = key.ocid
where stored.source || '' = $2 and stored.run_id = $3 and stored.chain_number = $4
    and stored.page_number = $5
