/* pgbackup--0.5.0--0.6.0.sql */

\echo Use "ALTER EXTENSION pgbackup UPDATE TO '0.6.0'" to load this file. \quit

-- ---------------------------------------------------------------------------
-- Tables as they were at a moment
-- ---------------------------------------------------------------------------

ALTER TABLE pgbackup_dropped_objects ADD COLUMN owner_name name;

COMMENT ON COLUMN pgbackup_dropped_objects.owner_name
IS 'whose relation it was; unknown if pgbackup was not in shared_preload_libraries';

COMMENT ON FUNCTION pgbackup_undrop(text, timestamptz, boolean)
IS 'puts back a table that was dropped, as it was then, with cascade also what went along; one that was truncated is staged';

-- ---------------------------------------------------------------------------
-- Verification and proofs
-- ---------------------------------------------------------------------------

-- ---------------------------------------------------------------------------
-- Health
-- ---------------------------------------------------------------------------
