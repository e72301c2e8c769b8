/* pgbackup--0.2.0--0.3.0.sql */

\echo Use "ALTER EXTENSION pgbackup UPDATE TO '0.3.0'" to load this file. \quit

-- ---------------------------------------------------------------------------
-- Staged tables, and the way back
-- ---------------------------------------------------------------------------

-- Keyed by OIDs, which mean nothing elsewhere: no part of a dump.
CREATE TABLE pgbackup_staged_tables (
	staged regclass PRIMARY KEY,
	source_schema name NOT NULL,
	source_name name NOT NULL,
	backup text NOT NULL,
	as_of timestamptz NOT NULL,
	staged_at timestamptz NOT NULL,
	role_name name NOT NULL
);

COMMENT ON TABLE pgbackup_staged_tables
IS 'tables that pgbackup_restore_table() has staged and pgbackup_promote_table() can put back';
COMMENT ON COLUMN pgbackup_staged_tables.source_schema IS 'schema of the original';
COMMENT ON COLUMN pgbackup_staged_tables.source_name IS 'name of the original';
COMMENT ON COLUMN pgbackup_staged_tables.as_of IS 'the moment of which its rows are';
COMMENT ON COLUMN pgbackup_staged_tables.role_name IS 'who has staged it';

CREATE TABLE pgbackup_staged_parts (
	part regclass PRIMARY KEY,
	staged regclass NOT NULL REFERENCES pgbackup_staged_tables ON DELETE CASCADE,
	source_schema name NOT NULL,
	source_name name NOT NULL,
	columns text
);

CREATE INDEX pgbackup_staged_parts_staged ON pgbackup_staged_parts (staged);

COMMENT ON TABLE pgbackup_staged_parts
IS 'what makes up the staged tables: themselves, their partitions, indexes and sequences';
COMMENT ON COLUMN pgbackup_staged_parts.columns IS 'of a table, as it was staged';

CREATE FUNCTION pgbackup_promote_table(staged regclass)
RETURNS regclass
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_promote_table';

COMMENT ON FUNCTION pgbackup_promote_table(regclass)
IS 'put a staged table back under its own schema and name, with all that belonged to it';

REVOKE ALL ON pgbackup_staged_tables, pgbackup_staged_parts FROM PUBLIC;
REVOKE ALL ON FUNCTION pgbackup_promote_table(regclass) FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- What is different?
-- ---------------------------------------------------------------------------

CREATE FUNCTION pgbackup_diff_table(
	staged regclass,
	live regclass,
	key text[] DEFAULT NULL,
	OUT change text,
	OUT key jsonb,
	OUT staged jsonb,
	OUT live jsonb,
	OUT changed_columns text[],
	OUT copies bigint)
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_diff_table';

COMMENT ON FUNCTION pgbackup_diff_table(regclass, regclass, text[])
IS 'rows that differ between a staged table and the live one, in the order of the key: only_staged, only_live, changed; INSERT INTO t SELECT s.* FROM pgbackup_recovery.t s WHERE NOT EXISTS (SELECT FROM t WHERE t.id = s.id) puts back those that are only staged';

CREATE FUNCTION pgbackup_diff_summary(
	staged regclass,
	live regclass,
	key text[] DEFAULT NULL,
	OUT staged_rows bigint,
	OUT live_rows bigint,
	OUT equal bigint,
	OUT only_staged bigint,
	OUT only_live bigint,
	OUT changed bigint)
RETURNS record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_diff_summary';

COMMENT ON FUNCTION pgbackup_diff_summary(regclass, regclass, text[])
IS 'how many rows of a staged table and the live one are equal, only in one of them, or changed';

REVOKE ALL ON FUNCTION
	pgbackup_diff_table(regclass, regclass, text[]),
	pgbackup_diff_summary(regclass, regclass, text[])
FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- A whole database
-- ---------------------------------------------------------------------------

CREATE FUNCTION pgbackup_restore_database(
	new_database text,
	backup text DEFAULT 'latest',
	jobs integer DEFAULT NULL,
	keep_partial boolean DEFAULT false,
	wait boolean DEFAULT true)
RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'pgbackup_restore_database';

COMMENT ON FUNCTION pgbackup_restore_database(text, text, integer, boolean, boolean)
IS 'restore a logical backup into a new database and return the id of the backup';

REVOKE ALL ON FUNCTION pgbackup_restore_database(text, text, integer, boolean, boolean) FROM PUBLIC;
