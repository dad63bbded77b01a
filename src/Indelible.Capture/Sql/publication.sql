-- A publication, the relations named in it, those that it does not publish whole (row filters and column lists, from 15 on), and whether it publishes stored generated
-- columns (from 18 on). $1 name.
SELECT pg_has_role(p.pubowner, 'USAGE'), p.puballtables,
       concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END, CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END),
       p.pubviaroot,
       ARRAY(SELECT r.prrelid FROM pg_publication_rel r WHERE r.prpubid = p.oid),
       ARRAY(SELECT r.prrelid FROM pg_publication_rel r WHERE r.prpubid = p.oid AND to_jsonb(r) ->> 'prqual' IS NOT NULL),
       ARRAY(SELECT r.prrelid FROM pg_publication_rel r WHERE r.prpubid = p.oid AND to_jsonb(r) ->> 'prattrs' IS NOT NULL),
       coalesce(to_jsonb(p) ->> 'pubgencols', 'n') = 's'
FROM pg_publication p WHERE p.pubname = $1
