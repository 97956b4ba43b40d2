-- Clears the mark of the compiled releases of the processes $2, as clear_absent_releases.sql does.
update ocds.publisher_compiled
set absent_since = null
from unnest($2::text[]) as key (ocid)
where publisher_compiled.ocid = key.ocid
    and case
        when publisher_compiled.source = $1 and publisher_compiled.absent_since is not null then true
        else false
    end
returning publisher_compiled.ocid
