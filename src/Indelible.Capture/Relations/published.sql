-- $1: publication, $2: oid. Whether this relation is published in its own right now.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_get_publication_tables($1) AS p WHERE p.relid = $2
)
