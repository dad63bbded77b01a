-- $1: oids of the protected tables. Every relation of their partition trees, with its columns and the number each has in the root.
WITH RECURSIVE tree AS (
    SELECT root AS relation, root FROM unnest($1::oid[]) AS root
    UNION ALL
    SELECT i.inhrelid, t.root
    FROM tree t
    JOIN pg_catalog.pg_inherits i ON i.inhparent = t.relation
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition
)
SELECT t.relation, t.root, c.relkind = 'p' AS holds_no_rows, a.attname::text, a.atttypid, coalesce(r.attnum, 0::int2) AS root_number, a.attgenerated <> '' AS generated
FROM tree t
JOIN pg_catalog.pg_class c ON c.oid = t.relation
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_attribute r ON r.attrelid = t.root AND r.attnum > 0 AND NOT r.attisdropped AND r.attname = a.attname
ORDER BY t.relation, a.attnum
