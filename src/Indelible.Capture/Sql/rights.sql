-- Who may do what to protected tables, as it stands: what is compared with how it stood before. $1 oids of the tables, $2 their names when they were protected: a table that is renamed is the same table.
SELECT 'owner of ' || t.name, pg_get_userbyid(c.relowner)::text
FROM unnest($1, $2) AS t(oid, name) JOIN pg_class c ON c.oid = t.oid
UNION ALL
SELECT 'row security of ' || t.name, CASE WHEN NOT c.relrowsecurity THEN 'off' WHEN c.relforcerowsecurity THEN 'forced' ELSE 'on' END
FROM unnest($1, $2) AS t(oid, name) JOIN pg_class c ON c.oid = t.oid
UNION ALL
-- Roles that may more than others; a role that is not here may nothing of it.
SELECT 'role ' || r.rolname, concat_ws(', ', CASE WHEN r.rolcanlogin THEN 'login' END, CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolreplication THEN 'replication' END,
       CASE WHEN r.rolbypassrls THEN 'bypassrls' END, CASE WHEN r.rolcreaterole THEN 'createrole' END)
FROM pg_roles r WHERE r.rolsuper OR r.rolreplication OR r.rolbypassrls OR r.rolcreaterole
