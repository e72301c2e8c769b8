/* pgbackup--0.5.0--0.6.0.sql */

\echo Use "ALTER EXTENSION pgbackup UPDATE TO '0.6.0'" to load this file. \quit

-- ---------------------------------------------------------------------------
-- Tables as they were at a moment
-- ---------------------------------------------------------------------------

ALTER TABLE pgbackup_dropped_objects ADD COLUMN owner_name name;

COMMENT ON COLUMN pgbackup_dropped_objects.owner_name
IS 'whose relation it was; unknown if pgbackup was not in shared_preload_libraries';

COMMENT ON FUNCTION pgbackup_restore_table(text, text, timestamptz, pg_lsn, text, text, boolean)
IS 'stage a table from a backup, or as it was at a moment, beside the live ones';

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
-- What the repository holds
-- ---------------------------------------------------------------------------

CREATE FUNCTION pgbackup_list_all(
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
AS 'MODULE_PATHNAME', 'pgbackup_list_all';

COMMENT ON FUNCTION pgbackup_list_all()
IS 'every backup of every cluster in the repository; those of other clusters are called <system identifier>/<id>';

REVOKE ALL ON FUNCTION pgbackup_list_all() FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Verification and proofs
-- ---------------------------------------------------------------------------

CREATE FUNCTION pgbackup_verify(
	backup text DEFAULT 'latest',
	depth text DEFAULT 'objects',
	OUT object text,
	OUT status text,
	OUT detail text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_verify';

COMMENT ON FUNCTION pgbackup_verify(text, text)
IS 'whether backups are what they were: their stored objects, with depth contents what these hold, with restore by restoring them for real, which stores a proof';

REVOKE ALL ON FUNCTION pgbackup_verify(text, text) FROM PUBLIC;

DROP FUNCTION pgbackup_schedule(text, text, text, text, text[], text[], text[], text[], text[], text, integer, integer, text, text, text, integer, boolean, boolean);

CREATE FUNCTION pgbackup_schedule(
	name text,
	cron text,
	kind text DEFAULT 'logical',
	label text DEFAULT NULL,
	schemas text[] DEFAULT NULL,
	tables text[] DEFAULT NULL,
	exclude_schemas text[] DEFAULT NULL,
	exclude_tables text[] DEFAULT NULL,
	exclude_table_data text[] DEFAULT NULL,
	content text DEFAULT 'all',
	jobs integer DEFAULT NULL,
	level integer DEFAULT NULL,
	time_zone text DEFAULT NULL,
	on_missed text DEFAULT 'run_once',
	on_overlap text DEFAULT 'skip',
	retries integer DEFAULT 3,
	enabled boolean DEFAULT true,
	replace boolean DEFAULT false,
	backup text DEFAULT NULL,
	depth text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_schedule';

COMMENT ON FUNCTION pgbackup_schedule(text, text, text, text, text[], text[], text[], text[], text[], text, integer, integer, text, text, text, integer, boolean, boolean, text, text)
IS 'make a schedule for backups of this database, or with kind verify for the verification of backups, or with replace change it, and return its next moment';

REVOKE ALL ON FUNCTION
	pgbackup_schedule(text, text, text, text, text[], text[], text[], text[], text[], text, integer, integer, text, text, text, integer, boolean, boolean, text, text)
FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- What runs, and has run: not only backups
-- ---------------------------------------------------------------------------

COMMENT ON FUNCTION pgbackup_progress()
IS 'backups, restores, recoveries and verifications that are running now; eta is the time that is left';
COMMENT ON VIEW pgbackup_progress
IS 'backups, restores, recoveries and verifications that are running now; eta is the time that is left';
COMMENT ON FUNCTION pgbackup_cancel(text)
IS 'cancel what is running: a backup by its id, the restore of a database by the name of that; false if it is not running';
COMMENT ON TABLE pgbackup_runs
IS 'a row for each run that was asked for or scheduled in this database, also for those that did not happen';
COMMENT ON COLUMN pgbackup_runs.kind IS 'logical, full, restore, recovery or verify';
COMMENT ON COLUMN pgbackup_runs.schedule IS 'name of the schedule; null for a run that somebody has asked for';
COMMENT ON COLUMN pgbackup_runs.backup IS 'the backup that it has made, or used';
COMMENT ON TABLE pgbackup_schedule_rules
IS 'when to make backups of this database, or to verify backups: kept by pgbackup_schedule(), shown by pgbackup_schedules';
COMMENT ON COLUMN pgbackup_schedule_rules.options IS 'the arguments of the run, as JSON';

-- ---------------------------------------------------------------------------
-- Health
-- ---------------------------------------------------------------------------

CREATE FUNCTION pgbackup_check(
	OUT name text,
	OUT status text,
	OUT detail text,
	OUT hint text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_check';

COMMENT ON FUNCTION pgbackup_check()
IS 'what can be wrong with the backups of this server: ok, warn or fail, what was found, and what to do';

CREATE FUNCTION pgbackup_status(
	OUT status text,
	OUT message text)
RETURNS record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_status';

COMMENT ON FUNCTION pgbackup_status()
IS 'the worst that pgbackup_check() finds, for monitoring: OK, WARN or CRIT, and one line';

REVOKE ALL ON FUNCTION pgbackup_check(), pgbackup_status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgbackup_check(), pgbackup_status() TO pg_monitor;
