-- Whether a role may read tables. $1 role, $2 oids.
SELECT c.oid, coalesce(has_schema_privilege($1, c.relnamespace, 'USAGE'), false), coalesce(has_table_privilege($1, c.oid, 'SELECT'), false)   -- NULL: dropped this moment
FROM pg_class c WHERE c.oid = ANY ($2::oid[])
