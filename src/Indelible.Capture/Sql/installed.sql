-- What an earlier protect left. Only if indelible.source exists and is ours to read.
SELECT s.name, s.publication, s.slot, s.role, s.role_created, s.inner_pad, coalesce(obj_description(n.oid, 'pg_namespace'), '')
FROM indelible.source s, pg_namespace n WHERE n.nspname = 'indelible'
