-- Facts of relations. $1 oids.
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, c.relrowsecurity, c.relispartition,
       CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::regclass::text END,
       pg_has_role(c.relowner, 'USAGE'), pg_get_userbyid(c.relowner)::text,
       c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid),
       ARRAY(SELECT a.attname::text
             FROM pg_index x, unnest(x.indkey::int2[]) WITH ORDINALITY k(attnum, place), pg_attribute a
             WHERE x.indrelid = c.oid AND x.indisprimary AND k.place <= x.indnkeyatts AND a.attrelid = c.oid AND a.attnum = k.attnum
             ORDER BY k.place),
       EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid AND x.indisprimary AND NOT x.indimmediate)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::oid[])
