-- Notes that processes had rows and have none any more.
insert into ocds.process_gone (ocid, source, gone_at)
select ocid, $1, $3
from unnest($2::text[]) as ocid
on conflict (ocid, source) do update set gone_at = excluded.gone_at
