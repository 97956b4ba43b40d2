-- Reads the pages of source $1 that the publisher refuses and that runs step over.
select chain, page_number
from ocds.quarantine
where source = $1 and reason = 'refused-page' and resolved_at is null
order by id
limit $2
