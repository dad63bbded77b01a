-- A protected relation by its oid: its name and kind now. $1 oid.
SELECT n.nspname::text, c.relname::text, c.relkind::text, greatest(c.reltuples, 0)::int8 + coalesce((
    SELECT sum(greatest(l.reltuples, 0))::int8 FROM pg_partition_tree($1) p JOIN pg_class l ON l.oid = p.relid WHERE p.isleaf AND l.oid <> $1), 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
