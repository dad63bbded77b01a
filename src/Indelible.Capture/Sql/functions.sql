-- Functions of schema indelible as they are: name, body, whether they run as their owner, with which settings, and whether the schema's owner owns them.
SELECT p.proname::text, p.prosrc, p.prosecdef, coalesce(array_to_string(p.proconfig, '; '), ''), p.proowner = n.nspowner
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'indelible' ORDER BY p.proname, p.oid
