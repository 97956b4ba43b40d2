-- These runs have all their pages.
update ocds.run set verified_at = now() where id = any($1)
