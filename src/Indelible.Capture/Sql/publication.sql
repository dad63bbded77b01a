-- A publication and the relations named in it. $1 name.
SELECT pg_has_role(p.pubowner, 'USAGE'), p.puballtables, p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate, p.pubviaroot,
       ARRAY(SELECT r.prrelid FROM pg_publication_rel r WHERE r.prpubid = p.oid)
FROM pg_publication p WHERE p.pubname = $1
