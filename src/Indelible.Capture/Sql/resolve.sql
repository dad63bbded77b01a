-- A relation by name: in the schema named, or the first on the search path. $1 schema or NULL, $2 name. Exact spelling wins over folded.
SELECT c.oid, n.nspname::text, c.relname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND c.relname IN ($2::text, lower($2::text))
  AND CASE WHEN $1::text IS NULL THEN n.nspname = ANY (current_schemas(false)) ELSE n.nspname IN ($1::text, lower($1::text)) END
ORDER BY c.relname <> $2::text, coalesce(n.nspname <> $1::text, false), array_position(current_schemas(false), n.nspname)
LIMIT 1
