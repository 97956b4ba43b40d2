-- Inserts the packages to which the page's rows refer. Most are stored already. They come in the
-- order of their ids, so that two transactions cannot wait for each other.
insert into ocds.package (source, id, data, first_seen_at)
select $1, package.id, package.data::jsonb, $4
from unnest($2::uuid[], $3::text[]) as package (id, data)
on conflict do nothing
