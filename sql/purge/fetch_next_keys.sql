-- Reads the keys of the next rows to delete from the open cursor. They are few, to keep the
-- transaction short, but enough to make the time of the commit unimportant.
fetch 1000 from purged
