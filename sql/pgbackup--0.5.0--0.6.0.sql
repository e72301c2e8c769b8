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

CREATE FUNCTION pgbackup_restore_tables(
	relations text[],
	backup text DEFAULT 'latest',
	at timestamptz DEFAULT NULL,
	at_lsn pg_lsn DEFAULT NULL,
	into_schema text DEFAULT 'pgbackup_recovery',
	with_indexes boolean DEFAULT true,
	OUT staged regclass,
	OUT row_count bigint,
	OUT backup text,
	OUT as_of timestamptz,
	OUT as_of_lsn pg_lsn)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_restore_tables';

COMMENT ON FUNCTION pgbackup_restore_tables(text[], text, timestamptz, pg_lsn, text, boolean)
IS 'stage several tables of one backup, or as they were at one moment, beside the live ones';

REVOKE ALL ON FUNCTION pgbackup_restore_tables(text[], text, timestamptz, pg_lsn, text, boolean) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Verification and proofs
-- ---------------------------------------------------------------------------

-- ---------------------------------------------------------------------------
-- Health
-- ---------------------------------------------------------------------------
