-- Marks runs that have all their pages as verified.
update ocds.run set verified_at = now() where id = any($1)
