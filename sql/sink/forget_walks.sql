-- Deletes 10,000 of the pages whose keys earlier walks of source $1 than run $2 have met. The next
-- walk is compared with this one.
delete from ocds.walked_page
where (run_id, chain, number) in (
    select walked_page.run_id, walked_page.chain, walked_page.number
    from ocds.run
    join ocds.walked_page on walked_page.run_id = run.id
    where run.source = $1 and run.id < $2
    limit 10000
)
