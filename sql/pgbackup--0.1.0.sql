/* pgbackup--0.1.0.sql */

\echo Use "CREATE EXTENSION pgbackup" to load this file. \quit

-- ---------------------------------------------------------------------------
-- Make a backup
-- ---------------------------------------------------------------------------

CREATE FUNCTION pgbackup_run(
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
	wait boolean DEFAULT true)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_run';

COMMENT ON FUNCTION pgbackup_run(text, text, text[], text[], text[], text[], text[], text, integer, integer, boolean)
IS 'make a backup of this database and return its id';

CREATE FUNCTION pgbackup_cancel(backup text)
RETURNS boolean
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_cancel';

COMMENT ON FUNCTION pgbackup_cancel(text)
IS 'cancel a running backup; false if it is not running';

CREATE FUNCTION pgbackup_progress(
	OUT backup text,
	OUT kind text,
	OUT database name,
	OUT phase text,
	OUT objects_done bigint,
	OUT objects_total bigint,
	OUT bytes_done bigint,
	OUT bytes_total bigint,
	OUT percent numeric,
	OUT eta interval,
	OUT current_object text,
	OUT started_at timestamptz,
	OUT pid integer)
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'pgbackup_progress';

COMMENT ON FUNCTION pgbackup_progress()
IS 'backups that are running now; eta is the time that is left';

CREATE VIEW pgbackup_progress AS SELECT * FROM pgbackup_progress();

COMMENT ON VIEW pgbackup_progress
IS 'backups that are running now; eta is the time that is left';

-- ---------------------------------------------------------------------------
-- See what there is
-- ---------------------------------------------------------------------------

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
	OUT proven_at timestamptz)
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
	OUT stored_bytes bigint)
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'pgbackup_contents';

COMMENT ON FUNCTION pgbackup_contents(text)
IS 'the tables whose data a logical backup holds';

-- ---------------------------------------------------------------------------
-- Bring a table back
-- ---------------------------------------------------------------------------

CREATE FUNCTION pgbackup_restore_table(
	relation text,
	backup text DEFAULT 'latest',
	at timestamptz DEFAULT NULL,
	at_lsn pg_lsn DEFAULT NULL,
	into_schema text DEFAULT 'pgbackup_recovery',
	as_name text DEFAULT NULL,
	with_indexes boolean DEFAULT true,
	OUT staged regclass,
	OUT row_count bigint,
	OUT backup text,
	OUT as_of timestamptz,
	OUT as_of_lsn pg_lsn)
RETURNS record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_restore_table';

COMMENT ON FUNCTION pgbackup_restore_table(text, text, timestamptz, pg_lsn, text, text, boolean)
IS 'stage a table from a backup beside the live ones, in the recovery schema';

-- ---------------------------------------------------------------------------
-- Nothing for everybody: who may do what is granted by name.
-- ---------------------------------------------------------------------------

REVOKE ALL ON FUNCTION
	pgbackup_run(text, text, text[], text[], text[], text[], text[], text, integer, integer, boolean),
	pgbackup_cancel(text),
	pgbackup_progress(),
	pgbackup_list(),
	pgbackup_contents(text),
	pgbackup_restore_table(text, text, timestamptz, pg_lsn, text, text, boolean)
FROM PUBLIC;
