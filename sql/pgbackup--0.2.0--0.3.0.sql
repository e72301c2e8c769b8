/* pgbackup--0.2.0--0.3.0.sql */

\echo Use "ALTER EXTENSION pgbackup UPDATE TO '0.3.0'" to load this file. \quit

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
IS 'rows that differ between a staged table and the live one, in the order of the key: only_staged, only_live, changed; INSERT INTO t SELECT (jsonb_populate_record(NULL::t, staged)).* ... WHERE change = ''only_staged'' puts back those that are missing';

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
