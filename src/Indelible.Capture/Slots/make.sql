-- $1: slot, $2: publication. Makes the slot if there is the publication, and tells where it begins; null if there is not.
SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = $2) THEN (pg_create_logical_replication_slot($1, 'pgoutput')).lsn END
