-- Whether a lease of source $3 that does not hold any more was taken over: its run has a
-- later epoch, or a later run there is. If neither, the server has lost the claim.
select exists (
    select from ocds.run
    where source = $3 and (id = $1 and epoch >= $2 or id > $1)
) as was_taken_over
