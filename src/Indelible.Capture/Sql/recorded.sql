-- What protection changed. Ordered by trees, each root first.
SELECT r.root, r.oid, n.nspname::text, c.relname::text, r.identity_before::text, r.index_before, r.select_granted
FROM indelible.relation r JOIN pg_class c ON c.oid = r.oid JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY r.root, r.oid <> r.root, r.oid
