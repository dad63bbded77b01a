-- $1: slot. Drops it.
SELECT pg_drop_replication_slot($1)
