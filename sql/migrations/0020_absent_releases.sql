-- Which stored releases a publisher no longer serves. Two complete walks of a whole feed in a row
-- decide it, so the keys that each of them met are kept, as 8 bytes for each release.

-- Null until two complete walks in a row have not met the release. An upsert leaves it as it is,
-- and a page of the feed that has the release clears it.
alter table ocds.release add column absent_since timestamptz;
alter table ocds.publisher_compiled add column absent_since timestamptz;

create index release_absent_idx on ocds.release (source) where absent_since is not null;
create index publisher_compiled_absent_idx on ocds.publisher_compiled (source)
    where absent_since is not null;

-- The keys that a page of a walk has met. The row goes with the page.
create table ocds.walked_page (
    run_id bigint not null,
    chain text not null,
    number bigint not null,
    is_whole boolean not null,     -- nothing was on the page whose key is unknown
    keys bytea not null,           -- 8 bytes of each key's BLAKE3
    primary key (run_id, chain, number),
    foreign key (run_id, chain, number) references ocds.page on delete cascade
);

-- a digest cannot be compressed
alter table ocds.walked_page alter column keys set storage external;

-- How many releases of the complete walk before it a walk did not meet. Null if it was not compared,
-- or if what it found was not noted.
alter table ocds.run add column unserved bigint;

-- What `load` brought belongs to no walk. The runs of loads outlive their rows here.
alter table ocds.source add column loads bigint[] not null default '{}';

update ocds.source
set loads = loaded.ids
from (select source, array_agg(id order by id) as ids from ocds.run where kind = 'load' group by source)
    as loaded
where loaded.source = source.name;

alter table ocds.process add column absent_since timestamptz;

comment on column ocds.release.absent_since is 'when the first complete walk of the feed began that did not meet the release, if the one after it did not either; null while the publisher serves it';
comment on column ocds.publisher_compiled.absent_since is 'when the first complete walk of the feed began that did not meet the compiled release, if the one after it did not either; null while the publisher serves it';
comment on column ocds.process.absent_since is 'since when the publisher serves nothing of the process any more; null while it does';
comment on column ocds.source.loads is 'runs that have loaded files';
comment on table ocds.walked_page is 'The keys of the releases that a page of a complete walk has met.';
comment on column ocds.walked_page.run_id is 'the run that walked';
comment on column ocds.walked_page.chain is 'the chain of the page';
comment on column ocds.walked_page.number is 'the number of the page';
comment on column ocds.walked_page.is_whole is 'false if something was on the page whose key is unknown';
comment on column ocds.walked_page.keys is 'the first 8 bytes of the BLAKE3 of each key';
