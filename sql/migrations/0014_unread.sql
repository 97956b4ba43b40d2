-- Dates, amounts and names are read in more forms than before. What is there and still
-- cannot be read is marked. The rows that are stored are read again from their data, as
-- src/extract reads them.

-- The names of the columns that are null although the release has a value for them. Null
-- if there are none.
alter table ocds.release add column unread text[];
alter table ocds.compiled_release add column unread text[];

-- The text of an amount that is no plain number: with an exponent, or written for people.
-- The rules and their reasons are those of src/extract/amount.rs.
create function ocds.formatted_amount(amount text) returns numeric
language sql immutable parallel safe
return (
    select case
        -- the limits keep the number within the range of double precision
        when trimmed ~ '^[+-]?([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})[eE][+-]?[0-9]{1,3}$' then
            case
                when abs(trimmed::numeric) between 2.2250738585072014e-308 and 1.7976931348623157e308
                    or trimmed::numeric = 0
                    then trimmed::numeric
            end
        when octet_length(number) > 100 then null
        -- the decimal mark is a point
        when number ~ '^[+-]?([0-9]+(\.[0-9]+)?|[0-9]{1,3}(,[0-9]{3})+\.[0-9]+|[0-9]{1,3}(,[0-9]{3}){2,})$'
            then replace(number, ',', '')::numeric
        -- the decimal mark is a comma
        when number ~ '^[+-]?([0-9]+,([0-9]{1,2}|[0-9]{4,})|[0-9]{1,3}(\.[0-9]{3})+,[0-9]+|[0-9]{1,3}(\.[0-9]{3}){2,})$'
            then replace(replace(number, '.', ''), ',', '.')::numeric
        -- spaces separate the groups: all the same space
        when number ~ '^[+-]?[0-9]{1,3}([ \u00a0\u202f])[0-9]{3}(\1[0-9]{3})*([.,][0-9]+)?$'
            then replace(regexp_replace(number, '[ \u00a0\u202f]', '', 'g'), ',', '.')::numeric
    end
    from btrim(amount, E' \t\n\f\r') as trimmed
    -- the sign of a currency
    cross join lateral regexp_replace(trimmed, '^([+-]?)[N\u20a6$\u20ac\u00a3][ \u00a0\u202f]*(?=[0-9])', '\1') as number
);

-- A number, or the text of one, that can be cast to double precision: whoever does that
-- would else have one amount of 400 digits, or of 400 places, break the whole query. A
-- short number is within the range, so that the two bounds are compared with few.
create or replace function ocds.amount(value jsonb) returns numeric
language sql immutable parallel safe
return case jsonb_typeof(value)
    when 'number' then
        case
            when length(value #>> '{}') <= 300 then (value #>> '{}')::numeric
            when abs((value #>> '{}')::numeric) between 2.2250738585072014e-308 and 1.7976931348623157e308
                or (value #>> '{}')::numeric = 0
                then (value #>> '{}')::numeric
        end
    when 'string' then
        case
            when value #>> '{}' ~ '^[ \t\n\f\r]*[+-]?([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})[ \t\n\f\r]*$'
                then (value #>> '{}')::numeric
            else ocds.formatted_amount(value #>> '{}')
        end
end;

-- Whether an organisation, or one of a list, has no name of its own.
create function ocds.lacks_name(organisations jsonb) returns boolean
language sql immutable parallel safe
return organisations @? '$[*] ? (!(@.name.type() == "string" && @.name != ""))';

-- The names of organisations, in their order. An organisation without a name has that of
-- the first party with its id, if there is one.
create function ocds.organisation_names(organisations jsonb, parties jsonb) returns text[]
language sql immutable parallel safe
return array(
    select coalesce(party.name, organisation.name)
    from (
        select
            place,
            case jsonb_typeof(entry -> 'name') when 'string' then entry ->> 'name' end as name,
            case when jsonb_typeof(entry -> 'id') in ('string', 'number') then entry ->> 'id' end as id
        from ocds.entries(organisations) with ordinality as listed (entry, place)
    ) as organisation
    left join (
        select distinct on (entry ->> 'id') entry ->> 'id' as id, entry ->> 'name' as name
        from ocds.entries(parties) with ordinality as listed (entry, place)
        where jsonb_typeof(entry -> 'id') in ('string', 'number') and entry ->> 'id' ~ '\S'
            and jsonb_typeof(entry -> 'name') = 'string' and entry ->> 'name' <> ''
        order by entry ->> 'id', place
    ) as party on party.id = organisation.id and coalesce(organisation.name, '') = ''
    order by organisation.place
);

create or replace view ocds.award as
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
    -- the parties are read only if a name is missing, because that takes long
    case
        when ocds.lacks_name(award -> 'suppliers')
            then ocds.organisation_names(award -> 'suppliers', release.data -> 'parties')
        else array(select supplier ->> 'name' from ocds.entries(award -> 'suppliers') as supplier)
    end as supplier_names,
    award as data
from ocds.release
cross join lateral ocds.entries(release.data -> 'awards') as award
where jsonb_typeof(award) = 'object';

-- Reads a date whose column is null, as src/extract/date.rs does. A date without an offset
-- is in the time zone of its source, which is not known here.
create function ocds.reread_date(
    value jsonb,
    out instant timestamptz,
    out needs_zone boolean,
    out is_unread boolean
)
language plpgsql immutable strict
as $$
declare
    written text;
    part text[];
    hour integer;
    minute integer;
    second integer;
    civil timestamp;
begin
    written := case jsonb_typeof(value)
        when 'string' then btrim(value #>> '{}', E' \t\n\f\r')
        when 'number' then trim_scale((value #>> '{}')::numeric)::text
    end;
    is_unread := coalesce(written ~ '\S' and written !~ '^000[01]-', jsonb_typeof(value) <> 'null');
    if written is null or not is_unread then
        return;
    end if;

    part := regexp_match(written, '^(?:([1-9][0-9]{12})|/Date\(([0-9]{1,13})(?:[+-][0-9]{4})?\)/)$');
    if part is not null then
        instant := to_timestamp(0) + coalesce(part[1], part[2])::bigint * interval '1 millisecond';
        is_unread := false;
        return;
    end if;

    part := regexp_match(
        written,
        '^([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})'
        '(?:[Tt ]([0-9]{2})(:?)([0-9]{2})(?:\6([0-9]{2})(?:[.,]([0-9]+))?)?'
        '(?:[ \t\n\f\r]*([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)(?:\[[A-Za-z0-9+\-/_:.~]+\])?)?)?$'
    );
    if part is null or (part[2] = '' and part[1]::integer not between 1900 and 2199) then
        return;
    end if;
    hour := coalesce(part[5], '0');
    minute := coalesce(part[7], '0');
    second := coalesce(part[8], '0');
    if minute > 59 or second > 60 or hour > 24
        or (hour = 24 and (minute > 0 or second > 0 or part[9] ~ '[1-9]'))
    then
        return;
    end if;
    begin
        civil := make_timestamp(part[1]::integer, part[3]::integer, part[4]::integer, 0, 0, 0)
            + make_interval(hours => hour, mins => minute, secs => least(second, 59))
            + left(rpad(coalesce(part[9], '0'), 6, '0'), 6)::integer * interval '1 microsecond';
    exception when datetime_field_overflow then
        return;
    end;
    if part[10] is null then
        needs_zone := civil < '9999-12-30';
        return;
    end if;
    if part[10] !~ '^[Zz]' then
        hour := substr(part[10], 2, 2);
        minute := coalesce(nullif(right(replace(part[10], ':', ''), -3), ''), '0');
        if hour > 23 or minute > 59 then
            return;
        end if;
        civil := civil - (left(part[10], 1) || '1')::integer * make_interval(hours => hour, mins => minute);
    end if;
    -- the last instant that the program can hold
    if civil < '9999-12-30 22:00:01' then
        instant := civil at time zone 'UTC';
        is_unread := false;
    end if;
end
$$;

-- Reads the rows again. The hash of a row that needs its source's time zone is forgotten,
-- so that the row is written when its release is fetched again.
update ocds.release as stored
set
    date = reread.date,
    buyer_name = reread.buyer_name,
    tender_value = reread.tender_value,
    tender_start = reread.tender_start,
    tender_end = reread.tender_end,
    supplier_names = reread.supplier_names,
    unread = reread.unread,
    content_hash = case when reread.needs_zone then '' else stored.content_hash end
from ocds.release
cross join lateral jsonb_to_record(release.data)
    as served (date jsonb, buyer jsonb, tender jsonb, awards jsonb, parties jsonb)
cross join lateral ocds.reread_date(case when release.date is null then served.date end) as date
cross join lateral ocds.reread_date(
    case when release.tender_start is null then served.tender -> 'tenderPeriod' -> 'startDate' end
) as tender_start
cross join lateral ocds.reread_date(
    case when release.tender_end is null then served.tender -> 'tenderPeriod' -> 'endDate' end
) as tender_end
cross join lateral (
    -- a column holds 96 bits and 28 places; zeros behind those are dropped
    select
        case
            when fitting = 0 then 0
            when scale(fitting) <= 28 and abs(fitting) * power(10::numeric, scale(fitting)) < power(2::numeric, 96) then fitting
        end as amount,
        coalesce(
            case jsonb_typeof(served_amount) when 'string' then served_amount #>> '{}' ~ '\S' else jsonb_typeof(served_amount) <> 'null' end,
            false
        ) as is_present
    from (select case when release.tender_value is null then served.tender -> 'value' -> 'amount' end as served_amount) as it
    cross join lateral (
        select case when scale(amount) > 28 then trim_scale(amount) else amount end as fitting
        from ocds.amount(served_amount) as amount
    ) as fitted
) as tender_value
cross join lateral (
    select
        coalesce(release.date, date.instant) as date,
        case
            when release.buyer_name <> '' or jsonb_typeof(served.buyer) <> 'object' then release.buyer_name
            else coalesce((ocds.organisation_names(served.buyer, served.parties))[1], release.buyer_name)
        end as buyer_name,
        coalesce(release.tender_value, tender_value.amount) as tender_value,
        coalesce(release.tender_start, tender_start.instant) as tender_start,
        coalesce(release.tender_end, tender_end.instant) as tender_end,
        case
            when exists (
                select from ocds.entries(served.awards) as award where ocds.lacks_name(award -> 'suppliers')
            ) then array(
                select supplier.name
                from ocds.entries(served.awards) with ordinality as award (award, place)
                cross join lateral unnest(ocds.organisation_names(award.award -> 'suppliers', served.parties))
                    with ordinality as supplier (name, place)
                where supplier.name is not null
                group by supplier.name
                order by min(array[award.place, supplier.place])
                limit 100000
            )
            else release.supplier_names
        end as supplier_names,
        nullif(
            array_remove(
                array[
                    case when date.is_unread then 'date' end,
                    case when tender_value.is_present and tender_value.amount is null then 'tender_value' end,
                    case when tender_start.is_unread then 'tender_start' end,
                    case when tender_end.is_unread then 'tender_end' end
                ],
                null
            ),
            '{}'
        ) as unread,
        coalesce(date.needs_zone or tender_start.needs_zone or tender_end.needs_zone, false) as needs_zone
) as reread
where stored.ocid = release.ocid and stored.release_id = release.release_id and stored.source = release.source
    and (
        stored.date, stored.buyer_name, stored.tender_value, stored.tender_start, stored.tender_end,
        stored.supplier_names, stored.unread
    ) is distinct from (
        reread.date, reread.buyer_name, reread.tender_value, reread.tender_start, reread.tender_end,
        reread.supplier_names, reread.unread
    );

update ocds.compiled_release as stored
set
    date = reread.instant,
    unread = case when reread.is_unread then array['date'] end,
    content_hash = case when reread.needs_zone then '' else stored.content_hash end
from ocds.compiled_release as release
cross join lateral ocds.reread_date(release.data -> 'date') as reread
where release.date is null and (reread.instant is not null or reread.is_unread)
    and stored.ocid = release.ocid and stored.source = release.source;

drop function ocds.reread_date;

create index release_unread_idx on ocds.release (source) where unread is not null;
create index compiled_release_unread_idx on ocds.compiled_release (source) where unread is not null;

-- The values that are there and could not be read, by column and kind.
create view ocds.unread as
select
    source,
    column_name,
    case column_name when 'tender_value' then 'amount' else 'date' end as kind,
    count(*) as releases
from (
    select source, unread from ocds.release where unread is not null
    union all
    select source, unread from ocds.compiled_release where unread is not null
) as release
cross join lateral unnest(release.unread) as column_name
group by source, column_name;
