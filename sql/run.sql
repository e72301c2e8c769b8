--
-- The surface: what there is, who may use it, and what it refuses.
--

-- ---- what there is ----

\a
SELECT p.proname, pg_get_function_arguments(p.oid) AS arguments
FROM pg_depend d JOIN pg_extension e ON refobjid = e.oid JOIN pg_proc p ON objid = p.oid
WHERE extname = 'pgbackup' AND refclassid = 'pg_extension'::regclass AND classid = 'pg_proc'::regclass
ORDER BY 1, 2;

SELECT c.relname, c.relkind
FROM pg_depend d JOIN pg_extension e ON refobjid = e.oid JOIN pg_class c ON objid = c.oid
WHERE extname = 'pgbackup' AND refclassid = 'pg_extension'::regclass AND classid = 'pg_class'::regclass
ORDER BY 1;
\a

-- everything has a comment; the row types of views are members as well since 17
SELECT pg_describe_object(classid, objid, 0) AS without_comment
FROM pg_depend JOIN pg_extension e ON refobjid = e.oid
WHERE extname = 'pgbackup' AND refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND obj_description(objid, classid::regclass::name) IS NULL AND classid <> 'pg_type'::regclass;

-- settings: those of the server are not a session's, and paths are the superuser's
SELECT name, vartype, context, min_val, max_val FROM pg_settings WHERE name LIKE 'pgbackup.%' ORDER BY name;

-- ---- rights ----

CREATE ROLE regress_pgbackup_nobody;

SELECT p.oid::regprocedure AS open_to_everybody
FROM pg_depend d JOIN pg_extension e ON refobjid = e.oid JOIN pg_proc p ON objid = p.oid
WHERE extname = 'pgbackup' AND classid = 'pg_proc'::regclass
	AND has_function_privilege('regress_pgbackup_nobody', p.oid, 'EXECUTE');

SELECT c.oid::regclass AS open_to_everybody
FROM pg_depend d JOIN pg_extension e ON refobjid = e.oid JOIN pg_class c ON objid = c.oid
WHERE extname = 'pgbackup' AND classid = 'pg_class'::regclass
	AND has_table_privilege('regress_pgbackup_nobody', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');

SET ROLE regress_pgbackup_nobody;
SELECT pgbackup_run();
SELECT pgbackup_cancel('20260101-000000L');
SELECT * FROM pgbackup_list();
SELECT * FROM pgbackup_backups;
SELECT * FROM pgbackup_contents();
SELECT * FROM pgbackup_progress();
SELECT * FROM pgbackup_progress;
SELECT * FROM pgbackup_restore_table('t');
SELECT name FROM pg_settings WHERE name IN ('pgbackup.conninfo', 'pgbackup.bin_directory');
SET pgbackup.repository = '/tmp';
SET pgbackup.conninfo = 'host=/tmp';
SET pgbackup.bin_directory = '/tmp';
SET pgbackup.export_job = '0:1';
SET pgbackup.jobs = 4;
SET pgbackup.compression_level = 3;
RESET ROLE;
RESET pgbackup.jobs;
RESET pgbackup.compression_level;
SET pgbackup.repository = '/tmp';
SET pgbackup.export_job = '0:1';
SET pgbackup.no_such_setting = 1;

-- what is granted by name works, and nothing else
GRANT EXECUTE ON FUNCTION pgbackup_list, pgbackup_progress TO regress_pgbackup_nobody;
GRANT SELECT ON pgbackup_backups TO regress_pgbackup_nobody;
SET ROLE regress_pgbackup_nobody;
SELECT count(*) >= 0 AS listed FROM pgbackup_list();
SELECT count(*) >= 0 AS listed FROM pgbackup_backups;
SELECT count(*) FROM pgbackup_progress();
SELECT count(*) FROM pgbackup_progress;
SELECT * FROM pgbackup_contents();
RESET ROLE;
REVOKE ALL ON FUNCTION pgbackup_list, pgbackup_progress FROM regress_pgbackup_nobody;
REVOKE ALL ON pgbackup_backups FROM regress_pgbackup_nobody;

-- ---- arguments ----

SELECT pgbackup_run('physical');
SELECT pgbackup_run('Logical');
SELECT pgbackup_run('');
SELECT pgbackup_run('full', schemas => '{public}');
SELECT pgbackup_run('full', tables => '{t}');
SELECT pgbackup_run('full', exclude_schemas => '{public}');
SELECT pgbackup_run('full', exclude_tables => '{t}');
SELECT pgbackup_run('full', exclude_table_data => '{t}');
SELECT pgbackup_run('full', content => 'schema');
SELECT pgbackup_run('incremental');
SELECT pgbackup_run(NULL);
SELECT pgbackup_run(content => 'everything');
SELECT pgbackup_run(content => NULL);
SELECT pgbackup_run(jobs => 0);
SELECT pgbackup_run(jobs => -1);
SELECT pgbackup_run(jobs => 65);
SELECT pgbackup_run(level => 20);
SELECT pgbackup_run(level => -8);
SELECT pgbackup_run(label => repeat('x', 1001));
SELECT pgbackup_run(schemas => '{public,NULL}');
SELECT pgbackup_run(tables => '{NULL}');
SELECT pgbackup_run(exclude_schemas => '{NULL}');
SELECT pgbackup_run(exclude_tables => '{NULL}');
SELECT pgbackup_run(exclude_table_data => '{a,NULL}');
SELECT pgbackup_run(schemas => ARRAY['']);
SELECT pgbackup_run(tables => ARRAY['public.a', '']);
SELECT pgbackup_run(exclude_schemas => ARRAY['']);
SELECT pgbackup_run(exclude_tables => ARRAY['']);
SELECT pgbackup_run(exclude_table_data => ARRAY['']);
SELECT pgbackup_run(tables => (SELECT array_agg('a_rather_long_name_of_a_table_' || n) FROM generate_series(1, 1000) n));
SET pgbackup.jobs = 0;
SET pgbackup.compression_level = 20;

-- pg_dump's own words tell what is wrong with a pattern
SELECT pgbackup_run(tables => '{no_such_table}');
SELECT pgbackup_run(schemas => '{no_such_schema}');
SELECT pgbackup_run(tables => '{pgbackup_progress,no_such_*}');
SELECT pgbackup_run(tables => '{a.b.c.d}');
SELECT pgbackup_run(tables => '{another_database.public.t}');
-- what looks like an option, or like more than one argument, is a pattern
SELECT pgbackup_run(tables => '{--schema-only}');
SELECT pgbackup_run(tables => ARRAY['x --file=/tmp/y; "$(false)"']);

-- nothing of all that is left
SELECT count(*) FROM pgbackup_progress;

-- ---- backups that are not there ----

SELECT * FROM pgbackup_contents('20000101-000000L');
SELECT * FROM pgbackup_contents('20000101-000000F');
SELECT * FROM pgbackup_contents('newest');
SELECT * FROM pgbackup_contents('');
SELECT * FROM pgbackup_contents('../../pgbackup.json');
SELECT * FROM pgbackup_contents(NULL);
SELECT pgbackup_cancel('20000101-000000L');
SELECT pgbackup_cancel('latest');
SELECT pgbackup_cancel('');
SELECT pgbackup_cancel(NULL);

-- ---- another schema ----

DROP EXTENSION pgbackup;
CREATE SCHEMA "regress pgbackup";
CREATE EXTENSION pgbackup SCHEMA "regress pgbackup";
SELECT "regress pgbackup".pgbackup_run(content => 'schema', label => 'from another schema') AS id \gset
SELECT label, status FROM "regress pgbackup".pgbackup_backups WHERE id = :'id';
SELECT count(*) FROM "regress pgbackup".pgbackup_progress;
SELECT count(*) FROM "regress pgbackup".pgbackup_contents(:'id');
ALTER EXTENSION pgbackup SET SCHEMA public;
SELECT label FROM pgbackup_backups WHERE id = :'id';
SELECT count(*) FROM pgbackup_progress;
DROP SCHEMA "regress pgbackup";
-- the view is no obstacle to a search_path that has neither
SET search_path = '';
SELECT label FROM public.pgbackup_backups WHERE id = :'id';
RESET search_path;

DROP ROLE regress_pgbackup_nobody;
