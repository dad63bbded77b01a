-- Who may do what to protected tables, as it stands: what is compared with how it stood before. $1 oids of the tables.
SELECT 'owner of ' || n.nspname || '.' || c.relname, pg_get_userbyid(c.relowner)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY($1)
UNION ALL
SELECT 'row security of ' || n.nspname || '.' || c.relname, CASE WHEN NOT c.relrowsecurity THEN 'off' WHEN c.relforcerowsecurity THEN 'forced' ELSE 'on' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY($1)
UNION ALL
-- Roles that may more than others; a role that is not here may nothing of it.
SELECT 'role ' || r.rolname, concat_ws(', ', CASE WHEN r.rolcanlogin THEN 'login' END, CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolreplication THEN 'replication' END,
       CASE WHEN r.rolbypassrls THEN 'bypassrls' END, CASE WHEN r.rolcreaterole THEN 'createrole' END)
FROM pg_roles r WHERE r.rolsuper OR r.rolreplication OR r.rolbypassrls OR r.rolcreaterole
