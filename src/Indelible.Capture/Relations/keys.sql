-- $1: oids of the protected tables. Numbers of their primary keys' columns, in key order.
SELECT i.indrelid, k.number
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
WHERE i.indisprimary AND i.indrelid = ANY ($1::oid[]) AND k.place <= i.indnkeyatts
ORDER BY i.indrelid, k.place
