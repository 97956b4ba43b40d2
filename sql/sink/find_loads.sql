-- Reads the runs that have loaded files for a source.
select loads from ocds.source where name = $1
