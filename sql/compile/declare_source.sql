-- Notes on what the rows of a source's processes depend on, before a first release of the source
-- is stored. A source that is there keeps what it has, because its rows may depend on that.
insert into ocds.source (name, compile_rules)
values ($1, $2)
on conflict (name) do nothing
