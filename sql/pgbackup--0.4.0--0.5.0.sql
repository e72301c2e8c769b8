/* pgbackup--0.4.0--0.5.0.sql */

\echo Use "ALTER EXTENSION pgbackup UPDATE TO '0.5.0'" to load this file. \quit

-- ---------------------------------------------------------------------------
-- Retention
-- ---------------------------------------------------------------------------

CREATE FUNCTION pgbackup_expire(
	dry_run boolean DEFAULT true,
	OUT backup text,
	OUT action text,
	OUT reason text)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_expire';

COMMENT ON FUNCTION pgbackup_expire(boolean)
IS 'which backups the retention settings keep or remove, and why; with dry_run => false removes them';

CREATE FUNCTION pgbackup_pin(
	backup text,
	until timestamptz DEFAULT 'infinity')
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_pin';

COMMENT ON FUNCTION pgbackup_pin(text, timestamptz)
IS 'keeps a backup whatever the retention says, until a moment; gives its id';

CREATE FUNCTION pgbackup_unpin(backup text)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_unpin';

COMMENT ON FUNCTION pgbackup_unpin(text)
IS 'leaves a backup to the retention again; false if it was not pinned';

REVOKE ALL ON FUNCTION
	pgbackup_expire(boolean),
	pgbackup_pin(text, timestamptz),
	pgbackup_unpin(text)
FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- What was dropped
-- ---------------------------------------------------------------------------

CREATE TABLE pgbackup_drop_events (
	drop_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	dropped_at timestamptz NOT NULL,
	command text NOT NULL,
	transaction xid8 NOT NULL,
	lsn pg_lsn NOT NULL,
	role_name name NOT NULL,
	session_role_name name NOT NULL
);

COMMENT ON TABLE pgbackup_drop_events IS 'statements that have dropped or truncated tables of this database';
COMMENT ON COLUMN pgbackup_drop_events.lsn IS 'a place in the WAL before the commit of the transaction: a recovery that stops there has the tables';
COMMENT ON COLUMN pgbackup_drop_events.session_role_name IS 'who has logged in, if another than the role that has dropped';
COMMENT ON SEQUENCE pgbackup_drop_events_drop_id_seq IS 'numbers of the rows of pgbackup_drop_events';
CREATE INDEX pgbackup_drop_events_dropped_at ON pgbackup_drop_events (dropped_at);

CREATE TABLE pgbackup_dropped_objects (
	drop_id bigint NOT NULL REFERENCES pgbackup_drop_events ON DELETE CASCADE,
	number integer NOT NULL,
	class oid NOT NULL,
	oid oid NOT NULL,
	sub integer NOT NULL,
	object_type text NOT NULL,
	schema_name name,
	object_name name,
	object_identity text NOT NULL,
	by_cascade boolean NOT NULL,
	PRIMARY KEY (drop_id, number)
);

COMMENT ON TABLE pgbackup_dropped_objects IS 'what the statements of pgbackup_drop_events have dropped or truncated';
COMMENT ON COLUMN pgbackup_dropped_objects.by_cascade IS 'it was not named, but went with something else';

CREATE VIEW pgbackup_drops AS
SELECT o.drop_id, e.dropped_at, e.command, o.object_identity AS relation, o.object_type, o.oid, o.by_cascade,
	e.transaction, e.lsn, e.role_name, e.session_role_name,
	ARRAY(
		SELECT a.object_type || ' ' || a.object_identity
		FROM pgbackup_dropped_objects a
		WHERE a.drop_id = o.drop_id AND NOT o.by_cascade AND a.number <> o.number AND a.by_cascade
		ORDER BY a.number) AS went_along
FROM pgbackup_dropped_objects o JOIN pgbackup_drop_events e USING (drop_id)
WHERE o.object_type IN ('table', 'table column', 'materialized view', 'sequence')
ORDER BY o.drop_id, o.number;

COMMENT ON VIEW pgbackup_drops
IS 'tables, columns, sequences and materialized views of this database that were dropped or truncated: when, by whom, and what went along by CASCADE';

CREATE FUNCTION pgbackup_record_drops()
RETURNS event_trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'pgbackup_record_drops';

COMMENT ON FUNCTION pgbackup_record_drops()
IS 'records what is dropped, for pgbackup_drops';

REVOKE ALL ON FUNCTION pgbackup_record_drops() FROM PUBLIC;

CREATE EVENT TRIGGER pgbackup_record_drops ON sql_drop EXECUTE FUNCTION pgbackup_record_drops();

COMMENT ON EVENT TRIGGER pgbackup_record_drops
IS 'records what is dropped, for pgbackup_drops';

-- ---------------------------------------------------------------------------
-- A table as it was at a moment
-- ---------------------------------------------------------------------------

-- Keyed by OIDs, as the list of staged tables: no part of a dump.
CREATE TABLE pgbackup_staged_definitions (
	staged regclass PRIMARY KEY REFERENCES pgbackup_staged_tables ON DELETE CASCADE,
	toc bytea NOT NULL
);

COMMENT ON TABLE pgbackup_staged_definitions
IS 'of staged tables that were recovered from a base backup: how all of their database was defined at that moment';
COMMENT ON COLUMN pgbackup_staged_definitions.toc IS 'a table of contents of pg_dump';

CREATE FUNCTION pgbackup_plan_restore(
	relation text,
	at timestamptz DEFAULT NULL,
	at_lsn pg_lsn DEFAULT NULL,
	OUT backup text,
	OUT backup_as_of timestamptz,
	OUT restore_bytes bigint,
	OUT wal_bytes bigint,
	OUT disk_bytes bigint,
	OUT free_bytes bigint,
	OUT duration interval)
RETURNS record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_plan_restore';

COMMENT ON FUNCTION pgbackup_plan_restore(text, timestamptz, pg_lsn)
IS 'what it would take to stage a table as it was at a moment: which base backup, bytes to lay down, WAL to replay, room on disk, and about how long';

REVOKE ALL ON FUNCTION pgbackup_plan_restore(text, timestamptz, pg_lsn) FROM PUBLIC;

CREATE FUNCTION pgbackup_undrop(
	relation text,
	before timestamptz DEFAULT NULL,
	"cascade" boolean DEFAULT false)
RETURNS regclass
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_undrop';

COMMENT ON FUNCTION pgbackup_undrop(text, timestamptz, boolean)
IS 'puts back a table that was dropped, as it was then; one that was truncated is staged';

REVOKE ALL ON FUNCTION pgbackup_undrop(text, timestamptz, boolean) FROM PUBLIC;

CREATE FUNCTION pgbackup_find_drops(
	since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL,
	OUT committed_at timestamptz,
	OUT command text,
	OUT transaction xid,
	OUT lsn pg_lsn,
	OUT database text,
	OUT oid oid,
	OUT file_numbers oid[],
	OUT relation text,
	OUT still_exists boolean)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_find_drops';

COMMENT ON FUNCTION pgbackup_find_drops(timestamptz, timestamptz)
IS 'tables of any database that were dropped or truncated, from the archived WAL: lsn is where a recovery still finds them';

REVOKE ALL ON FUNCTION pgbackup_find_drops(timestamptz, timestamptz) FROM PUBLIC;
