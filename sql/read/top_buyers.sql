-- Ranks buyers by the value of their tenders, counting the newest release of each contracting
-- process.
select buyer_name, tender_currency as currency, count(*) as processes, sum(tender_value)::text as value
from (
    select distinct on (ocid) ocid, buyer_name, tender_currency, tender_value
    from ocds.release
    where source = $1 and tender_value is not null
    order by ocid, date desc nulls last
) as newest
group by buyer_name, tender_currency
order by sum(tender_value) desc
limit $2
