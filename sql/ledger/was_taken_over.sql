-- Returns true if a lost lease of source $3 was taken over: its run has a later epoch, or there
-- is a later run. Otherwise the server has lost the claim.
select exists (
    select from ocds.run
    where source = $3 and (id = $1 and epoch >= $2 or id > $1)
) as was_taken_over
