-- Reads the next keys from the open cursor. They are few, because those that are gone are marked in
-- one transaction.
fetch 1000 from stored
