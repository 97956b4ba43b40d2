-- What analysts ask for, as plain SQL over the releases.
--
-- Arrays that a publisher sends as a lone object count as an array of one, and
-- an amount sent as text is a number where it reads as one.

-- The entries of what should be an array: itself, or what was sent in its place.
create function ocds.entries(value jsonb) returns setof jsonb
language sql immutable parallel safe
return jsonb_array_elements(
    case coalesce(jsonb_typeof(value), 'null')
        when 'array' then value
        when 'null' then '[]'
        else jsonb_build_array(value)
    end
);

-- A number, or the text of one.
create function ocds.amount(value jsonb) returns numeric
language sql immutable parallel safe
return case
    when jsonb_typeof(value) = 'number' then (value #>> '{}')::numeric
    when value #>> '{}' ~ '^\s*-?[0-9]{1,100}(\.[0-9]{1,100})?\s*$' then (value #>> '{}')::numeric
end;

create view ocds.award as
select
    release.source,
    release.ocid,
    release.release_id,
    release.date as release_date,
    award ->> 'id' as award_id,
    award ->> 'title' as title,
    award ->> 'status' as status,
    award ->> 'date' as date,
    ocds.amount(award -> 'value' -> 'amount') as value,
    award -> 'value' ->> 'currency' as currency,
    array(
        select supplier ->> 'name' from ocds.entries(award -> 'suppliers') as supplier
    ) as supplier_names,
    award as data
from ocds.release
cross join lateral ocds.entries(release.data -> 'awards') as award
where jsonb_typeof(award) = 'object';

create view ocds.contract as
select
    release.source,
    release.ocid,
    release.release_id,
    release.date as release_date,
    contract ->> 'id' as contract_id,
    contract ->> 'awardID' as award_id,
    contract ->> 'title' as title,
    contract ->> 'status' as status,
    contract ->> 'dateSigned' as date_signed,
    ocds.amount(contract -> 'value' -> 'amount') as value,
    contract -> 'value' ->> 'currency' as currency,
    contract as data
from ocds.release
cross join lateral ocds.entries(release.data -> 'contracts') as contract
where jsonb_typeof(contract) = 'object';

create view ocds.party as
select
    release.source,
    release.ocid,
    release.release_id,
    release.date as release_date,
    party ->> 'id' as party_id,
    party ->> 'name' as name,
    array(select role #>> '{}' from ocds.entries(party -> 'roles') as role) as roles,
    party -> 'identifier' ->> 'scheme' as identifier_scheme,
    party -> 'identifier' ->> 'id' as identifier,
    party -> 'address' ->> 'countryName' as country,
    party as data
from ocds.release
cross join lateral ocds.entries(release.data -> 'parties') as party
where jsonb_typeof(party) = 'object';

-- The items of tenders, awards and contracts, told apart by section.
create view ocds.item as
select
    release.source,
    release.ocid,
    release.release_id,
    release.date as release_date,
    part.section,
    part.section_id,
    item ->> 'id' as item_id,
    item ->> 'description' as description,
    item -> 'classification' ->> 'scheme' as classification_scheme,
    item -> 'classification' ->> 'id' as classification_id,
    ocds.amount(item -> 'quantity') as quantity,
    item -> 'unit' ->> 'name' as unit,
    item as data
from ocds.release
cross join lateral (
    select 'tender' as section, release.data -> 'tender' ->> 'id' as section_id, release.data -> 'tender' -> 'items' as items
    union all
    select 'award', award ->> 'id', award -> 'items' from ocds.entries(release.data -> 'awards') as award
    union all
    select 'contract', contract ->> 'id', contract -> 'items' from ocds.entries(release.data -> 'contracts') as contract
) as part
cross join lateral ocds.entries(part.items) as item
where jsonb_typeof(item) = 'object';
