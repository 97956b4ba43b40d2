-- What a publisher said about releases that it served together: publisher, licence,
-- publication policy, published date, extensions, everything of the package but its items
-- and its links to other pages. It outlives the run that fetched it. The id is made by the
-- client from the content, so that no row has to be looked up.
create table ocds.package (
    source text not null,
    id uuid not null,              -- the first 16 bytes of the BLAKE3 of the package's text
    data jsonb not null,
    first_seen_at timestamptz not null,
    primary key (source, id)
);

-- The package that served the row's content. Null where there was none, or none is known.
alter table ocds.release add column package_id uuid;
alter table ocds.compiled_release add column package_id uuid;
alter table ocds.quarantine add column package_id uuid;

-- Rows of before get the package of their page, where the page is still there and is the
-- only one of its run with that number. A page kept the package of its first document only,
-- so that releases of other documents on it get that one. Pieces of files, which often have
-- many documents, are left out. No function here makes a BLAKE3, so the ids are other
-- digests: a package that is served again may have a second row.
with page_package as materialized (
    select run_id, number, source, md5(data::text)::uuid as id, data, fetched_at
    from (
        select page.run_id, page.number, run.source, page.fetched_at,
            page.package - array['releases', 'records', 'links'] as data,
            count(*) over (partition by page.run_id, page.number) as pages,
            page.cursor like 'piece %' or page.next_cursor like 'piece %' as is_piece
        from ocds.page
        join ocds.run on run.id = page.run_id
    ) as page
    where pages = 1 and is_piece is not true and jsonb_typeof(data) = 'object'
        and not data ? 'ocid'
        and data ?| array['publisher', 'license', 'publicationPolicy', 'publishedDate', 'uri',
            'version', 'extensions']
),
of_release as (
    update ocds.release
    set package_id = page_package.id
    from page_package
    where page_package.run_id = release.run_id and page_package.number = release.page_number
    returning release.source, release.package_id
),
of_compiled as (
    update ocds.compiled_release
    set package_id = page_package.id
    from page_package
    where page_package.run_id = compiled_release.run_id
        and page_package.number = compiled_release.page_number
    returning compiled_release.source, compiled_release.package_id
),
referred as (
    select source, package_id from of_release
    union
    select source, package_id from of_compiled
)
insert into ocds.package (source, id, data, first_seen_at)
select distinct on (source, id) source, id, data, fetched_at
from page_package
where (source, id) in (select source, package_id from referred)
order by source, id, fetched_at;
