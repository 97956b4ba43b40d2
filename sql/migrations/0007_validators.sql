-- What a publisher said of a page by which it can be asked later whether the page has
-- changed, as it was served, and a digest of all that its bytes became rows by. All
-- null where nothing was said, or nothing that can be kept.
alter table ocds.page
    add column etag text,
    add column last_modified text,
    add column rules text;
