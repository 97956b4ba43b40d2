-- A number, or the text of one, that can be cast to double precision: whoever does that
-- would else have one amount of 400 digits, or of 400 places, break the whole query.
-- White space around a text is what a cast passes over, and not a wider space. A short
-- number is within the range, so that the two bounds are compared with few.
create or replace function ocds.amount(value jsonb) returns numeric
language sql immutable parallel safe
return case
    when jsonb_typeof(value) = 'number' then
        case
            when length(value #>> '{}') <= 300 then (value #>> '{}')::numeric
            when abs((value #>> '{}')::numeric) between 2.2250738585072014e-308 and 1.7976931348623157e308
                or (value #>> '{}')::numeric = 0
                then (value #>> '{}')::numeric
        end
    when value #>> '{}' ~ '^[ \t\n\v\f\r]*-?[0-9]{1,100}(\.[0-9]{1,100})?[ \t\n\v\f\r]*$'
        then (value #>> '{}')::numeric
end;
