-- Reads the counts of a page that an earlier commit has stored.
select
    releases::bigint, inserted::bigint, updated::bigint,
    unchanged::bigint, folded::bigint, quarantined::bigint,
    older::bigint, passed_over::bigint
from ocds.page
where run_id = $1 and chain = $2 and number = $3
