--
-- pgbackup_restore_database: who may call it, and what it refuses.
--

CREATE DATABASE regress_pgbackup_there;
CREATE ROLE regress_pgbackup_user;

-- ---- rights ----

SET ROLE regress_pgbackup_user;
SELECT pgbackup_restore_database('regress_pgbackup_new');
RESET ROLE;
GRANT EXECUTE ON FUNCTION pgbackup_restore_database TO regress_pgbackup_user;
SET ROLE regress_pgbackup_user;
SELECT pgbackup_restore_database('regress_pgbackup_new');
SELECT pgbackup_restore_database('regress_pgbackup_there');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION pgbackup_restore_database FROM regress_pgbackup_user;

-- ---- arguments ----

SELECT pgbackup_restore_database(NULL);
SELECT pgbackup_restore_database('');
SELECT pgbackup_restore_database(repeat('x', 64));
SELECT pgbackup_restore_database(E'two\nlines');
SELECT pgbackup_restore_database('regress_pgbackup_there');
SELECT pgbackup_restore_database(current_database());
SELECT pgbackup_restore_database('regress_pgbackup_new', NULL);
SELECT pgbackup_restore_database('regress_pgbackup_new', jobs => 0);
SELECT pgbackup_restore_database('regress_pgbackup_new', jobs => 65);

-- backups that are not there
SELECT pgbackup_run(content => 'schema') IS NOT NULL AS there_is_one;
SELECT pgbackup_restore_database('regress_pgbackup_new', '20000101-000000L');
SELECT pgbackup_restore_database('regress_pgbackup_new', '20000101-000000F');
SELECT pgbackup_restore_database('regress_pgbackup_new', '../../pgbackup.json');
SELECT pgbackup_restore_database('regress_pgbackup_new', '');
SELECT pgbackup_restore_database('regress_pgbackup_new', 'newest', wait => false);

-- ---- nothing is left of all that ----

SELECT count(*) FROM pgbackup_progress;
SELECT datname FROM pg_database WHERE datname LIKE 'regress_pgbackup%';

-- ---- it works ----

CREATE TABLE restored (i integer PRIMARY KEY, t text);
INSERT INTO restored SELECT i, 'row ' || i FROM generate_series(1, 100) i;
SELECT pgbackup_run(tables => '{restored}') AS id \gset
SET client_min_messages = warning;
-- the latest is that of the database in which it is asked for
SELECT pgbackup_restore_database(new_database => 'regress pgbackup "new"', keep_partial => NULL, wait => NULL, jobs => NULL) = :'id' AS restored;
RESET client_min_messages;
\set previous :DBNAME
\c "regress pgbackup ""new"""
SELECT count(*), sum(i), min(t) FROM restored;
INSERT INTO restored VALUES (1);
\c :previous
SELECT kind, status, backup = :'id' AS same FROM pgbackup_runs WHERE kind = 'restore' ORDER BY run_id DESC LIMIT 1;

-- the schedules and the kinds of backups do not know it
SELECT pgbackup_run('restore');

DROP DATABASE "regress pgbackup ""new""";
DROP DATABASE regress_pgbackup_there;
DROP TABLE restored;
DROP ROLE regress_pgbackup_user;
