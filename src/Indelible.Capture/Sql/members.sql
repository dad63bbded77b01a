-- Protected trees: each root itself and its partitions at every level, with the rows the server's statistics give each. $1 oids of the roots. Not pg_partition_tree: it locks every partition.
WITH RECURSIVE tree AS (
    SELECT root AS oid, root FROM unnest($1::oid[]) AS root
    UNION ALL
    SELECT i.inhrelid, t.root FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid JOIN pg_class p ON p.oid = i.inhrelid AND p.relispartition
)
SELECT tree.root, c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, c.relreplident::text,
       (SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid AND x.indisreplident),
       (SELECT CASE WHEN t.tgtype = 62 AND t.tgfoid = to_regproc('indelible.attribute')::oid AND t.tgqual IS NULL AND t.tgattr::text = ''   -- 62: BEFORE, FOR EACH STATEMENT, all four
                    THEN t.tgenabled::text ELSE '?' END
        FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'zz_indelible'),
       greatest(c.reltuples, 0)::int8
FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY tree.root, c.oid <> tree.root, c.oid
