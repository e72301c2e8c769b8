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
