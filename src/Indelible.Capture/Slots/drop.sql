-- $1: slot. Drops it if it is of no more use.
SELECT pg_drop_replication_slot(s.slot_name)::text FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1 AND s.wal_status = 'lost'
