-- The built-in source peru-compras-api picked more from its index than agreements. Its narrower
-- pattern picks a part of what it picked, so what is stored before the watermark stays stored,
-- and the watermark counts for it. The texts are JSON, as the program writes them.
update ocds.watermark
set scope = replace(scope,
    '"agreement":{"page":{"mode":"none"},"pattern":"(?:^|¬)(\\d+)-[^¬¯^]*\\^"',
    '"agreement":{"matching":"^\\d+$","page":{"mode":"none"},"pattern":"(?:\\A|¬)(\\d+)-[^¬¯^]*\\^|¯(?s:.*)"')
where source = 'peru-compras-api';

update ocds.run
set definition = replace(definition,
    '"agreement":{"page":{"mode":"none"},"pattern":"(?:^|¬)(\\d+)-[^¬¯^]*\\^"',
    '"agreement":{"matching":"^\\d+$","page":{"mode":"none"},"pattern":"(?:\\A|¬)(\\d+)-[^¬¯^]*\\^|¯(?s:.*)"')
where source = 'peru-compras-api';
