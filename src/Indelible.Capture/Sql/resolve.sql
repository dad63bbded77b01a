-- Relations by name: each in the schema named, or the first on the search path. $1 schemas, NULL where none is named, $2 names. Exact spelling wins over folded.
SELECT wanted.place::int4, found.oid, found.schema, found.name
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted(schema, name, place), LATERAL (
    SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND c.relname IN (wanted.name, lower(wanted.name))
      AND CASE WHEN wanted.schema IS NULL THEN n.nspname = ANY (current_schemas(false)) ELSE n.nspname IN (wanted.schema, lower(wanted.schema)) END
    ORDER BY c.relname <> wanted.name, coalesce(n.nspname <> wanted.schema, false), array_position(current_schemas(false), n.nspname)
    LIMIT 1) AS found
