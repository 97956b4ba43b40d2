-- The next rows to delete: few enough that their transaction is short, and enough that
-- the time of a commit does not count.
fetch 1000 from purged
