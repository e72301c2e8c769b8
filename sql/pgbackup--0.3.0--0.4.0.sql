/* pgbackup--0.3.0--0.4.0.sql */

\echo Use "ALTER EXTENSION pgbackup UPDATE TO '0.4.0'" to load this file. \quit

-- ---------------------------------------------------------------------------
-- The WAL archive
-- ---------------------------------------------------------------------------

CREATE FUNCTION pgbackup_archive(
	OUT state text,
	OUT archive_mode text,
	OUT archive_library text,
	OUT timeline integer,
	OUT last_archived text,
	OUT last_archived_at timestamptz,
	OUT bytes_per_second bigint,
	OUT files_per_minute double precision,
	OUT workers integer,
	OUT ready bigint,
	OUT ready_bytes bigint,
	OUT ready_for interval,
	OUT failures bigint,
	OUT failing_since timestamptz,
	OUT last_failed text,
	OUT last_failed_at timestamptz,
	OUT last_message text,
	OUT last_detail text,
	OUT last_hint text,
	OUT gap_count bigint,
	OUT gaps text[],
	OUT repository_error text)
RETURNS record
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'pgbackup_archive';

COMMENT ON FUNCTION pgbackup_archive()
IS 'the WAL archive: what was archived last and how fast, what waits, what has failed, and which segments are missing';

CREATE VIEW pgbackup_archive AS SELECT * FROM pgbackup_archive();

COMMENT ON VIEW pgbackup_archive
IS 'the WAL archive: what was archived last and how fast, what waits, what has failed, and which segments are missing';

REVOKE ALL ON FUNCTION pgbackup_archive() FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Base backups: what is listed has more columns
-- ---------------------------------------------------------------------------

DROP VIEW pgbackup_backups;
DROP FUNCTION pgbackup_list();
DROP FUNCTION pgbackup_contents(text);

CREATE FUNCTION pgbackup_list(
	OUT id text,
	OUT kind text,
	OUT database text,
	OUT label text,
	OUT status text,
	OUT started_at timestamptz,
	OUT finished_at timestamptz,
	OUT tables bigint,
	OUT raw_bytes bigint,
	OUT stored_bytes bigint,
	OUT start_lsn pg_lsn,
	OUT stop_lsn pg_lsn,
	OUT timeline integer,
	OUT parent text,
	OUT server_version text,
	OUT proven_at timestamptz,
	OUT damaged_pages bigint)
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'pgbackup_list';

COMMENT ON FUNCTION pgbackup_list()
IS 'every backup of this cluster in the repository, oldest first';

CREATE VIEW pgbackup_backups AS SELECT * FROM pgbackup_list();

COMMENT ON VIEW pgbackup_backups
IS 'every backup of this cluster in the repository, oldest first';

CREATE FUNCTION pgbackup_contents(
	backup text DEFAULT 'latest',
	OUT schema_name text,
	OUT table_name text,
	OUT row_count bigint,
	OUT raw_bytes bigint,
	OUT stored_bytes bigint,
	OUT path text)
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'pgbackup_contents';

COMMENT ON FUNCTION pgbackup_contents(text)
IS 'the tables whose data a logical backup holds, or the files of a base backup';

REVOKE ALL ON FUNCTION pgbackup_list(), pgbackup_contents(text) FROM PUBLIC;

COMMENT ON FUNCTION pgbackup_run(text, text, text[], text[], text[], text[], text[], text, integer, integer, boolean)
IS 'make a backup of this database, or with kind full of the cluster, and return its id';

-- ---------------------------------------------------------------------------
-- What can be recovered
-- ---------------------------------------------------------------------------

CREATE FUNCTION pgbackup_recovery_window(
	OUT timeline integer,
	OUT backup text,
	OUT from_time timestamptz,
	OUT to_time timestamptz,
	OUT from_lsn pg_lsn,
	OUT to_lsn pg_lsn,
	OUT last_segment text,
	OUT missing_segment text)
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'pgbackup_recovery_window';

COMMENT ON FUNCTION pgbackup_recovery_window()
IS 'from when to when the cluster can be recovered: a row for each stretch of WAL without a gap that a base backup leads into, by timeline; missing_segment is the one that ends it';

REVOKE ALL ON FUNCTION pgbackup_recovery_window() FROM PUBLIC;
