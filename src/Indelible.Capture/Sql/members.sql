-- A protected tree: the root itself and its partitions at every level. $1 oid of the root.
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, c.relreplident::text,
       (SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid AND x.indisreplident),
       (SELECT CASE WHEN t.tgtype = 62 AND t.tgfoid = to_regproc('indelible.attribute')::oid AND t.tgqual IS NULL AND t.tgattr::text = ''   -- 62: BEFORE, FOR EACH STATEMENT, all four
                    THEN t.tgenabled::text ELSE '?' END
        FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'zz_indelible')
FROM (SELECT relid::oid AS oid FROM pg_partition_tree($1) UNION SELECT $1) tree
JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY c.oid <> $1, c.oid
