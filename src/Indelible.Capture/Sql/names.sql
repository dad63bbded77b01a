-- Every relation a person may have meant.
SELECT n.nspname::text, c.relname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'indelible') AND n.nspname NOT LIKE 'pg\_%'
ORDER BY 1, 2 LIMIT 5000
