-- What became of the page's releases.
update ocds.page
set inserted = $4, updated = $5, unchanged = $6, folded = $7, quarantined = $8
where run_id = $1 and chain = $2 and number = $3
