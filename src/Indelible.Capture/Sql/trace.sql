-- Memberships, partitions and triggers, and which transaction wrote each: what was changed and changed back is not what it was. $1 publication, $2 oids of the protected
-- tables, $3 and $4 their schemas and names when they were protected: a table that is renamed is the same table. How: always - told whenever it changes, appears or goes; change - only if it changes; appear - and if it appears. Root: the table it is about, 0 for all.
-- Hides: why, when it is another than it was, the log may not show all that happened to the table's rows.
WITH RECURSIVE tree AS (
    SELECT oid, oid AS root, format('%I.%I', schema, name) AS name FROM unnest($2::int8[]::oid[], $3::text[], $4::text[]) AS wanted(oid, schema, name)
    UNION ALL
    SELECT p.oid, t.root, p.oid::regclass::text FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid JOIN pg_class p ON p.oid = i.inhrelid AND p.relispartition
), member AS (
    SELECT t.root, c.oid, t.name, i.xmin::text AS attached_by,
           CASE WHEN c.oid <> t.root THEN (SELECT a.xmin::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tableoid') END AS made_by
    FROM tree t JOIN pg_class c ON c.oid = t.oid LEFT JOIN pg_inherits i ON i.inhrelid = c.oid)
SELECT 'always' AS how, 'publication itself' AS what, format('oid %s, written by transaction %s', p.oid, p.xmin) AS state, 0::int8 AS root, 'publication-changed' AS hides
FROM pg_publication p WHERE p.pubname = $1
UNION ALL SELECT 'always', format('%s in publication', m.name),
    format('oid %s, written by transaction %s%s%s', r.oid, r.xmin, ', rows ' || md5(to_jsonb(r) ->> 'prqual'), ', columns ' || (to_jsonb(r) ->> 'prattrs')), r.prrelid::int8, 'publication-changed'
FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN member m ON m.oid = r.prrelid AND m.oid = m.root WHERE p.pubname = $1
UNION ALL SELECT CASE WHEN attached_by = made_by THEN 'change' ELSE 'appear' END, format('partition %s', name),
    CASE WHEN attached_by = made_by THEN 'made as a partition' ELSE 'attached by transaction ' || attached_by END, root::int8, 'partition-attached'
FROM member WHERE oid <> root
UNION ALL SELECT CASE WHEN m.oid = m.root THEN 'always' ELSE 'change' END, format('trigger on %s', m.name), format('oid %s, written by transaction %s, enabled %s', t.oid, t.xmin, t.tgenabled), m.root::int8, ''
FROM member m JOIN pg_trigger t ON t.tgrelid = m.oid AND t.tgname = 'zz_indelible'
UNION ALL SELECT 'always', format('event trigger %s', e.evtname), format('oid %s, written by transaction %s, enabled %s', e.oid, e.xmin, e.evtenabled), 0, 'event-triggers-changed'
FROM pg_event_trigger e WHERE e.evtname LIKE 'indelible\_%'
