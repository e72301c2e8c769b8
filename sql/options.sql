--
-- What goes into a backup, by the options of pgbackup_run.
--

CREATE SCHEMA shop;
CREATE SCHEMA "Odd, Name";
CREATE TABLE shop.orders (id integer PRIMARY KEY, total numeric);
CREATE TABLE shop.items (order_id integer REFERENCES shop.orders, n integer);
CREATE TABLE shop.log_2025 (line text);
CREATE TABLE shop.log_2026 (line text);
CREATE TABLE shop.empty (id integer);
CREATE TABLE "Odd, Name"."Mixed ""Case""" (id integer);
CREATE TABLE "Odd, Name".orders (id integer);
CREATE MATERIALIZED VIEW shop.totals AS SELECT 1 AS one;
CREATE TABLE shop.parts (id integer) PARTITION BY RANGE (id);
CREATE TABLE shop.parts_1 PARTITION OF shop.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE shop.parts_2 PARTITION OF shop.parts FOR VALUES FROM (10) TO (20);
INSERT INTO shop.orders SELECT n, n * 10 FROM generate_series(1, 100) n;
INSERT INTO shop.items SELECT n, 1 FROM generate_series(1, 100) n;
INSERT INTO shop.log_2025 SELECT 'line ' || n FROM generate_series(1, 1000) n;
INSERT INTO shop.log_2026 SELECT 'line ' || n FROM generate_series(1, 500) n;
INSERT INTO "Odd, Name"."Mixed ""Case""" VALUES (1), (2);
INSERT INTO "Odd, Name".orders VALUES (1);
INSERT INTO shop.parts SELECT n FROM generate_series(0, 14) n;

-- what a backup has of these schemas
PREPARE contents AS
	SELECT schema_name, table_name, row_count, raw_bytes, stored_bytes > 0 AS stored
	FROM pgbackup_contents($1) WHERE schema_name IN ('shop', 'Odd, Name') ORDER BY schema_name COLLATE "C", table_name COLLATE "C";

-- ---- everything ----

SELECT pgbackup_run() AS id \gset
EXECUTE contents(:'id');
SELECT kind, database = current_database() AS here, label, status, tables >= 9 AS tables, raw_bytes > 20000 AS raw, stored_bytes < raw_bytes AS smaller,
	started_at <= finished_at AS times, start_lsn <= stop_lsn AS places, timeline, parent,
	server_version = current_setting('server_version') AS version, proven_at
FROM pgbackup_list() WHERE id = :'id';
-- the latest is that one
SELECT count(*) > 0 AS same FROM pgbackup_contents() HAVING sum(row_count) = (SELECT sum(row_count) FROM pgbackup_contents(:'id'));
SELECT id = :'id' AS newest, id ~ '^\d{8}-\d{6}L$' AS form FROM pgbackup_backups ORDER BY id DESC LIMIT 1;

-- ---- schemas and tables ----

SELECT pgbackup_run(schemas => '{shop}') AS id \gset
EXECUTE contents(:'id');
SELECT pgbackup_run(schemas => ARRAY['s?op', '"Odd, Name"']) AS id \gset
EXECUTE contents(:'id');
SELECT pgbackup_run(tables => '{shop.orders}') AS id \gset
EXECUTE contents(:'id');
SELECT pgbackup_run(tables => '{shop.log_*,SHOP.Orders}') AS id \gset
EXECUTE contents(:'id');
SELECT pgbackup_run(tables => ARRAY['*."Mixed ""Case"""', '*.orders']) AS id \gset
EXECUTE contents(:'id');
-- the tables win over the schemas
SELECT pgbackup_run(schemas => '{shop}', tables => ARRAY['"Odd, Name".*']) AS id \gset
EXECUTE contents(:'id');
-- a materialized view is refilled, not kept
SELECT pgbackup_run(tables => '{shop.totals}') AS id \gset
EXECUTE contents(:'id');
SELECT status, tables FROM pgbackup_list() WHERE id = :'id';
-- empty lists say nothing
SELECT pgbackup_run(tables => '{}', schemas => '{shop}', exclude_tables => '{}') AS id \gset
SELECT count(*) FROM pgbackup_contents(:'id');

-- ---- exclusions ----

SELECT pgbackup_run(exclude_schemas => '{shop}') AS id \gset
EXECUTE contents(:'id');
SELECT pgbackup_run(schemas => '{shop}', exclude_tables => '{shop.log_*,*.items,*.no_such_table}') AS id \gset
EXECUTE contents(:'id');
SELECT pgbackup_run(schemas => '{shop}', exclude_table_data => '{shop.log_2025,shop.parts_?}') AS id \gset
EXECUTE contents(:'id');
SELECT pgbackup_run(tables => '{shop.*}', exclude_schemas => '{shop}', exclude_tables => '{shop.orders}') AS id \gset
EXECUTE contents(:'id');

-- ---- content ----

SELECT pgbackup_run(content => 'schema') AS id \gset
EXECUTE contents(:'id');
SELECT status, tables FROM pgbackup_list() WHERE id = :'id';
SELECT pgbackup_run(content => 'data', schemas => '{shop}', exclude_tables => '{shop.log_*}') AS id \gset
EXECUTE contents(:'id');
SELECT pgbackup_run(content => 'data', tables => '{shop.orders}', exclude_table_data => '{shop.orders}') AS id \gset
EXECUTE contents(:'id');

-- ---- level ----

SELECT pgbackup_run(level => -7, tables => '{shop.log_*}') AS fast \gset
SELECT pgbackup_run(level => 1, tables => '{shop.log_*}') AS usual \gset
SELECT pgbackup_run(level => 19, tables => '{shop.log_*}') AS small \gset
SELECT count(DISTINCT raw_bytes) AS same_content, count(DISTINCT stored_bytes) > 1 AS other_sizes,
	max(stored_bytes) FILTER (WHERE id = :'fast') > max(stored_bytes) FILTER (WHERE id = :'small') AS smaller
FROM pgbackup_list() WHERE id IN (:'fast', :'usual', :'small');
SET pgbackup.compression_level = 19;
SELECT pgbackup_run(tables => '{shop.log_*}') AS id \gset
RESET pgbackup.compression_level;
SELECT count(DISTINCT (SELECT sum(stored_bytes) FROM pgbackup_contents(i))) AS same_size FROM (VALUES (:'id'), (:'small')) v(i);

-- ---- jobs ----

SELECT pgbackup_run(jobs => 1, schemas => '{shop}') AS id \gset
SELECT count(*), sum(row_count) FROM pgbackup_contents(:'id');
SELECT pgbackup_run(jobs => 64, schemas => '{shop}') AS id \gset
SELECT count(*), sum(row_count) FROM pgbackup_contents(:'id');
SET pgbackup.jobs = 3;
SELECT pgbackup_run(schemas => '{shop}') AS id \gset
RESET pgbackup.jobs;
SELECT count(*), sum(row_count) FROM pgbackup_contents(:'id');

-- ---- label ----

SELECT pgbackup_run(label => E'it''s a "label",\n\\ of two lines: é 日本', content => 'schema') AS id \gset
SELECT label FROM pgbackup_list() WHERE id = :'id';
SELECT pgbackup_run(label => '', content => 'schema') AS id \gset
SELECT label = '' AS empty FROM pgbackup_list() WHERE id = :'id';
SELECT pgbackup_run(label => repeat('é', 500), content => 'schema') AS id \gset
SELECT label = repeat('é', 500) AS whole FROM pgbackup_list() WHERE id = :'id';

-- ---- without waiting ----

SELECT pgbackup_run(wait => false, label => 'not waited for', tables => '{shop.orders}') AS id \gset
DO $$
BEGIN
	FOR n IN 1 .. 600 LOOP
		EXIT WHEN EXISTS (SELECT FROM pgbackup_list() WHERE label = 'not waited for');
		PERFORM pg_sleep(0.1);
	END LOOP;
END $$;
EXECUTE contents(:'id');

-- ---- in a transaction of one's own ----

BEGIN;
SELECT pgbackup_run(tables => '{shop.orders}') AS id \gset
INSERT INTO shop.orders VALUES (1000, 0);
ROLLBACK;
EXECUTE contents(:'id');
-- it does not see what is not committed yet
BEGIN;
INSERT INTO shop.orders VALUES (1000, 0);
SELECT pgbackup_run(tables => '{shop.orders}') AS id \gset
COMMIT;
EXECUTE contents(:'id');
SELECT pgbackup_run(tables => '{shop.orders}') AS id \gset
EXECUTE contents(:'id');
-- a transaction that only reads may make one, too
BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT count(*) FROM shop.orders;
SELECT pgbackup_run(tables => '{shop.orders}') AS id \gset
COMMIT;
EXECUTE contents(:'id');

-- the functions are joined like tables
SELECT count(DISTINCT id) > 20 AS many, bool_and(status = 'complete') AS complete
FROM pgbackup_backups, pgbackup_contents(id) WHERE database = current_database();

DEALLOCATE contents;
SET client_min_messages = warning;
DROP SCHEMA shop, "Odd, Name" CASCADE;
