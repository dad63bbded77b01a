-- What protection changed on a tree. $1 oid of the root.
SELECT r.oid, n.nspname::text, c.relname::text, r.identity_before::text, r.index_before, r.select_granted
FROM indelible.relation r JOIN pg_class c ON c.oid = r.oid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.root = $1 ORDER BY r.oid <> r.root, r.oid
