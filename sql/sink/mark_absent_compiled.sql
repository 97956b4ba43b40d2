-- Marks the compiled releases of the processes $2 as absent, as clear_absent_releases.sql clears the
-- mark.
update ocds.publisher_compiled
set absent_since = $3
from unnest($2::text[]) as key (ocid)
where publisher_compiled.ocid = key.ocid
    and case
        when publisher_compiled.source = $1 and publisher_compiled.absent_since is null then true
        else false
    end
returning publisher_compiled.ocid
