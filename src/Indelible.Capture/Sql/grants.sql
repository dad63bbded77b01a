-- Whether a role may read a table. $1 role, $2 oid.
SELECT has_schema_privilege($1, c.relnamespace, 'USAGE'), has_table_privilege($1, c.oid, 'SELECT') FROM pg_class c WHERE c.oid = $2
