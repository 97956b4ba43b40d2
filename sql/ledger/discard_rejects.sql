-- People decided that these are not wanted. They stay, as resolved.
update ocds.quarantine
set resolved_at = now(), resolution = 'discarded'
where resolved_at is null and id = any($1)
returning id
