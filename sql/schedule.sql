--
-- Schedules: rights, arguments, what the view shows.  (Runs are tested by test/t/03*.)
--
\set VERBOSITY default
\set SHOW_CONTEXT never
SET timezone = 'UTC';

-- every object has a comment, and nothing is granted to PUBLIC
SELECT pg_describe_object(classid, objid, 0) AS object
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgbackup')
	AND classid IN ('pg_class'::regclass, 'pg_proc'::regclass)
	AND pg_describe_object(classid, objid, 0) NOT LIKE 'sequence %'
	AND obj_description(objid, classid::regclass::name) IS NULL;
SELECT relname FROM pg_class
WHERE relname ~ '^pgbackup_(schedule|runs)' AND relkind IN ('r', 'v', 'S')
	AND EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = 0);
SELECT proname FROM pg_proc
WHERE proname ~ '^pgbackup_(.*schedule|local)'
	AND (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0));
\d pgbackup_schedules
\d pgbackup_runs

-- make, change, remove
SELECT pgbackup_schedule('yearly', '@yearly') = date_trunc('year', now()) + interval '1 year' AS next_year;
SELECT pgbackup_schedule('detailed', '30 2 L jan,JUL *', label => 'half a year''s', schemas => '{a,"b c"}',
	exclude_table_data => '{public.log_*}', content => 'data', jobs => 3, level => -1,
	time_zone => 'america/new_york', on_missed => 'skip', on_overlap => 'wait', retries => 0)
	AT TIME ZONE 'America/New_York' > now();
SELECT pgbackup_schedule('disabled', '@hourly', enabled => false);
SELECT name, kind, cron, time_zone, enabled, last_status, on_missed, on_overlap, retries, options
FROM pgbackup_schedules ORDER BY name;
SELECT name, next_run_local::time, next_run_local = next_run AT TIME ZONE time_zone AS is_local
FROM pgbackup_schedules ORDER BY name;
SELECT pgbackup_schedule('yearly', '@monthly');
SELECT pgbackup_schedule('yearly', '@monthly', replace => true) = date_trunc('month', now()) + interval '1 month' AS next_month;
SELECT pgbackup_schedule('new', '@monthly', replace => true) > now() AS not_there_before;
SELECT name, cron FROM pgbackup_schedules ORDER BY name;
SELECT pgbackup_unschedule('new'), pgbackup_unschedule('new'), pgbackup_unschedule(NULL);

-- the session's zone is the default, also one that is no name
SET timezone = 'Asia/Kathmandu';
SELECT pgbackup_schedule('zone', '0 0 1 1 *') > now();
SELECT time_zone, next_run_local::time FROM pgbackup_schedules WHERE name = 'zone';
SET timezone = '-3:30';
SELECT pgbackup_schedule('zone', '0 0 1 1 *', replace => true) > now();
SELECT time_zone, next_run_local::time FROM pgbackup_schedules WHERE name = 'zone';
SELECT pgbackup_unschedule('zone');
SET timezone = 'UTC';

-- bad input
SELECT pgbackup_schedule(NULL, '@daily');
SELECT pgbackup_schedule('', '@daily');
SELECT pgbackup_schedule(repeat('x', 201), '@daily');
SELECT pgbackup_schedule('bad', NULL);
SELECT pgbackup_schedule('bad', '');
SELECT pgbackup_schedule('bad', '60 0 * * *');
SELECT pgbackup_schedule('bad', '0 24 * * *');
SELECT pgbackup_schedule('bad', '0 0 0 * *');
SELECT pgbackup_schedule('bad', '0 0 * 13 *');
SELECT pgbackup_schedule('bad', '0 0 * * 8');
SELECT pgbackup_schedule('bad', '0 0 * * moonday');
SELECT pgbackup_schedule('bad', '0 0 * *');
SELECT pgbackup_schedule('bad', '0 0 * * * *');
SELECT pgbackup_schedule('bad', '0,,1 0 * * *');
SELECT pgbackup_schedule('bad', '*/0 0 * * *');
SELECT pgbackup_schedule('bad', '5-1 0 * * *');
SELECT pgbackup_schedule('bad', '@fortnightly');
SELECT pgbackup_schedule('bad', '0 0 31 2 *');
SELECT pgbackup_schedule('bad', '0 0 30 feb *');
SELECT pgbackup_schedule('bad', '@daily', time_zone => 'Middle/Earth');
SELECT pgbackup_schedule('bad', '@daily', time_zone => '');
SELECT pgbackup_schedule('bad', '@daily', time_zone => 'right/UTC');
SELECT pgbackup_schedule('bad', '@daily', kind => 'strange');
SELECT pgbackup_schedule('bad', '@daily', kind => NULL);
SELECT pgbackup_schedule('bad', '@daily', on_missed => 'wait');
SELECT pgbackup_schedule('bad', '@daily', on_overlap => 'run_once');
SELECT pgbackup_schedule('bad', '@daily', on_overlap => NULL);
SELECT pgbackup_schedule('bad', '@daily', retries => -1);
SELECT pgbackup_schedule('bad', '@daily', retries => 101);
SELECT pgbackup_schedule('bad', '@daily', content => 'some');
SELECT pgbackup_schedule('bad', '@daily', jobs => 0);
SELECT pgbackup_schedule('bad', '@daily', level => 20);
SELECT pgbackup_schedule('bad', '@daily', tables => '{a,NULL}');
SELECT pgbackup_schedule('bad', '@daily', tables => ARRAY[repeat('x', 20000)]);
SELECT count(*) FROM pgbackup_schedules WHERE name = 'bad';

-- rights
CREATE ROLE regress_pgbackup_none;
CREATE ROLE regress_pgbackup_one;
CREATE ROLE regress_pgbackup_two;
CREATE ROLE regress_pgbackup_member IN ROLE regress_pgbackup_one;
GRANT EXECUTE ON FUNCTION
	pgbackup_schedule(text, text, text, text, text[], text[], text[], text[], text[], text, integer, integer, text, text, text, integer, boolean, boolean, text, text),
	pgbackup_unschedule(text)
TO regress_pgbackup_one, regress_pgbackup_two;
SET ROLE regress_pgbackup_none;
SELECT pgbackup_schedule('denied', '@daily');
SELECT pgbackup_unschedule('yearly');
SELECT * FROM pgbackup_schedules;
SELECT * FROM pgbackup_runs;
SELECT * FROM pgbackup_schedule_rules;
SET ROLE regress_pgbackup_one;
SELECT pgbackup_schedule('one', '@yearly') > now();
SELECT * FROM pgbackup_schedule_rules;
\set VERBOSITY terse
SELECT pgbackup_schedule('yearly', '@daily', replace => true);
SELECT pgbackup_unschedule('yearly');
\set VERBOSITY default
SET ROLE regress_pgbackup_two;
SELECT pgbackup_schedule('one', '@daily', replace => true);
SELECT pgbackup_unschedule('one');
SET ROLE regress_pgbackup_member;
SELECT pgbackup_schedule('one', '@monthly', replace => true) > now();
SET ROLE regress_pgbackup_one;
SELECT pgbackup_unschedule('one');
SET ROLE regress_pgbackup_member;
SELECT pgbackup_unschedule('one');

-- a caller's search_path, operators and temporary tables are nothing to us
SET ROLE regress_pgbackup_one;
CREATE TEMPORARY TABLE pgbackup_schedule_rules (name text, role_name name);
SET search_path = pg_temp, public;
SELECT pgbackup_schedule('path', '@yearly') > now();
SELECT count(*) FROM pg_temp.pgbackup_schedule_rules;
SHOW search_path;
SELECT pgbackup_schedule('path', '@yearly');
SHOW search_path;
SELECT current_user;
RESET search_path;
DROP TABLE pg_temp.pgbackup_schedule_rules;
SELECT pgbackup_unschedule('path');
RESET ROLE;

-- a schedule is part of its transaction
BEGIN;
SELECT pgbackup_schedule('undone', '@yearly') > now();
ROLLBACK;
SELECT count(*) FROM pgbackup_schedules WHERE name = 'undone';
BEGIN;
SELECT pgbackup_schedule('prepared', '@yearly') > now();
PREPARE TRANSACTION 'prepared';

-- an unknown zone, of a schedule that comes from another server, hides no other
BEGIN;
UPDATE pgbackup_schedule_rules SET time_zone = 'Middle/Earth' WHERE name = 'detailed';
SELECT name, next_run_local IS NULL AS unknown FROM pgbackup_schedules WHERE enabled ORDER BY name;
ROLLBACK;

SELECT pgbackup_local_time('2026-07-01 12:00:00+00', 'Asia/Kathmandu'),
	pgbackup_local_time('infinity', 'UTC'), pgbackup_local_time('-infinity', 'UTC');

-- from 0.1.0, in a schema of another name
DROP EXTENSION pgbackup;
CREATE SCHEMA "It's a ""schema""";
CREATE EXTENSION pgbackup VERSION '0.1.0' SCHEMA "It's a ""schema""";
SET search_path = "It's a ""schema""";
SELECT pgbackup_schedule('early', '@daily');
ALTER EXTENSION pgbackup UPDATE TO '0.2.0';
SELECT pgbackup_schedule('later', '@yearly') > now();
SET search_path = public;
SELECT "It's a ""schema""".pgbackup_schedule('later', '@daily');
SELECT name, cron FROM "It's a ""schema""".pgbackup_schedules;
ALTER EXTENSION pgbackup SET SCHEMA public;
SELECT name, cron FROM pgbackup_schedules;
SELECT pgbackup_unschedule('later');

-- tables that only look like the extension's are left alone
DROP EXTENSION pgbackup;
CREATE EXTENSION pgbackup VERSION '0.1.0';
CREATE TABLE pgbackup_schedule_rules (name text);
CREATE TABLE pgbackup_runs (run_id bigint);
CREATE FUNCTION pgbackup_unschedule(text) RETURNS boolean STRICT LANGUAGE c AS 'pgbackup';
SELECT pgbackup_unschedule('x');
DROP TABLE pgbackup_schedule_rules, pgbackup_runs;
DROP FUNCTION pgbackup_unschedule(text);
ALTER EXTENSION pgbackup UPDATE;

DROP SCHEMA "It's a ""schema""";
DROP ROLE regress_pgbackup_none, regress_pgbackup_one, regress_pgbackup_two, regress_pgbackup_member;
