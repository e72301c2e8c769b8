/* pgbackup--0.5.0--0.6.0.sql */

\echo Use "ALTER EXTENSION pgbackup UPDATE TO '0.6.0'" to load this file. \quit

-- ---------------------------------------------------------------------------
-- Tables as they were at a moment
-- ---------------------------------------------------------------------------

-- ---------------------------------------------------------------------------
-- Verification and proofs
-- ---------------------------------------------------------------------------

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
