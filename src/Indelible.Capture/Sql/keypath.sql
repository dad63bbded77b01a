-- Where the operators live that compare the keys of tables, those of the server itself apart; and whether we may use them. $1 oids.
SELECT DISTINCT i.indrelid, n.nspname::text, has_schema_privilege(n.oid, 'USAGE')
FROM pg_index i CROSS JOIN unnest(i.indclass::oid[]) k(opclass)
    JOIN pg_opclass c ON c.oid = k.opclass JOIN pg_amop a ON a.amopfamily = c.opcfamily
    JOIN pg_operator o ON o.oid = a.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE i.indrelid = ANY ($1::oid[]) AND i.indisprimary AND n.nspname <> 'pg_catalog'
ORDER BY 1, 2
