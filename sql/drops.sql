-- What was dropped or truncated: recorded by the transaction that does it.
CREATE ROLE regress_pgbackup_dropper;
CREATE SCHEMA drops;
GRANT ALL ON SCHEMA drops TO regress_pgbackup_dropper;
SET search_path = drops, public;
CREATE VIEW shown AS
SELECT command, relation, object_type, by_cascade, role_name, session_role_name = session_user AS is_session_role,
	went_along, transaction = pg_current_xact_id() AS same_transaction, lsn <= pg_current_wal_insert_lsn() AS lsn_is_past,
	dropped_at <= clock_timestamp() AS time_is_past
FROM pgbackup_drops;
DELETE FROM pgbackup_drop_events;
TABLE shown;

-- a table with all that hangs on it
CREATE TABLE customers (id int PRIMARY KEY);
CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers, note text);
CREATE VIEW big_orders AS SELECT * FROM orders WHERE id > 100;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM big_orders;
SELECT 'customers'::regclass::oid AS customers, 'orders'::regclass::oid AS orders \gset
DROP TABLE customers;
TABLE shown;
BEGIN;
DROP TABLE customers CASCADE;
SELECT relation, same_transaction, went_along FROM shown;
ROLLBACK;
TABLE shown;
DROP TABLE customers CASCADE;
DROP TABLE orders CASCADE;
SELECT command, relation, object_type, by_cascade, role_name = session_user AS me, is_session_role, went_along, same_transaction, lsn_is_past, time_is_past
FROM shown;
SELECT relation, oid = :customers AS customers, oid = :orders AS orders FROM pgbackup_drops;
DELETE FROM pgbackup_drop_events;
TABLE pgbackup_dropped_objects;

-- what tables that stay have lost; of what goes with its table nothing is recorded; whose they were
CREATE TABLE numbers (i serial PRIMARY KEY, n int DEFAULT 1 CHECK (n > 0));
ALTER TABLE numbers OWNER TO regress_pgbackup_dropper;
CREATE TABLE numbered (i int DEFAULT nextval('numbers_i_seq'), n int REFERENCES numbers);
CREATE VIEW of_numbers AS SELECT * FROM numbers;
SET client_min_messages = warning;
BEGIN;
SAVEPOINT before;
DROP TABLE numbers CASCADE;
ROLLBACK TO before;
DROP TABLE numbers CASCADE;
COMMIT;
RESET client_min_messages;
SELECT object_type, object_identity, by_cascade,
	CASE owner_name WHEN session_user THEN 'me' ELSE owner_name END AS owner_name
FROM pgbackup_dropped_objects ORDER BY object_type;
DELETE FROM pgbackup_drop_events;

-- who drops needs no rights on anything of ours
SET ROLE regress_pgbackup_dropper;
CREATE TABLE "My ""table""" (i int, "a column" int);
ALTER TABLE "My ""table""" DROP COLUMN "a column";
DROP TABLE "My ""table""";
SELECT * FROM pgbackup_drops;
RESET ROLE;
SELECT command, relation, object_type, role_name, is_session_role FROM shown;
DELETE FROM pgbackup_drop_events;

-- a schema with what is in it; partitions
CREATE SCHEMA drops_too;
CREATE TABLE drops_too.t (i int) PARTITION BY RANGE (i);
CREATE TABLE drops_too.t1 PARTITION OF drops_too.t FOR VALUES FROM (1) TO (10);
SET client_min_messages = warning;
DROP SCHEMA drops_too CASCADE;
RESET client_min_messages;
SELECT command, relation, object_type, by_cascade, went_along FROM shown;
DELETE FROM pgbackup_drop_events;

-- what is not recorded: temporary tables, what has no rows, indexes, staged tables
CREATE TEMPORARY TABLE temporary (i int);
DROP TABLE temporary;
CREATE TABLE indexed (i int PRIMARY KEY, t text);
CREATE INDEX indexed_t ON indexed (t);
DROP INDEX indexed_t;
CREATE VIEW seen AS TABLE indexed;
DROP VIEW seen;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
DROP FUNCTION f();
CREATE SCHEMA pgbackup_recovery;
CREATE TABLE pgbackup_recovery.staged AS SELECT 1 AS i;
TRUNCATE pgbackup_recovery.staged;
DROP TABLE pgbackup_recovery.staged;
DROP SCHEMA pgbackup_recovery;
TABLE shown;
SELECT count(*) FROM pgbackup_dropped_objects;
DELETE FROM pgbackup_drop_events;

-- TRUNCATE: what had rows, with what CASCADE adds
CREATE TABLE child (i int REFERENCES indexed);
CREATE TABLE grandchild (i int);
CREATE TABLE parts (i int) PARTITION BY LIST (i);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS i;
INSERT INTO indexed VALUES (1, 'one');
INSERT INTO child VALUES (1);
INSERT INTO grandchild VALUES (1);
INSERT INTO parts VALUES (1);
CREATE FUNCTION truncate_more() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN TRUNCATE grandchild; RETURN NULL; END';
CREATE TRIGGER more BEFORE TRUNCATE ON child EXECUTE FUNCTION truncate_more();
BEGIN;
TRUNCATE indexed CASCADE;
ROLLBACK;
TRUNCATE indexed;
TABLE shown;
TRUNCATE indexed, parts, unlogged CASCADE;
SELECT command, relation, object_type, by_cascade, role_name = session_user AS me, lsn_is_past FROM shown ORDER BY relation;
DELETE FROM pgbackup_drop_events;
TRUNCATE indexed CASCADE;
TABLE shown;

-- rows of long ago go with the next one
INSERT INTO pgbackup_drop_events (dropped_at, command, transaction, lsn, role_name, session_role_name)
VALUES (now() - interval '91 days', 'DROP TABLE', '1', '0/1', 'x', 'x'), (now() - interval '89 days', 'DROP TABLE', '2', '0/1', 'x', 'x');
DROP TABLE grandchild;
SELECT command, transaction = '2' AS recent, lsn = '0/1' AS old FROM pgbackup_drop_events ORDER BY drop_id;

-- a record that cannot be written is no obstacle
ALTER TABLE pgbackup_drop_events ADD CHECK (command <> 'DROP TABLE') NOT VALID;
DROP TABLE parts;
ALTER TABLE pgbackup_drop_events DROP CONSTRAINT pgbackup_drop_events_command_check;
DELETE FROM pgbackup_drop_events;

SELECT pgbackup_record_drops();

-- without the extension, and of a version before this
SET client_min_messages = warning;
DROP SCHEMA drops CASCADE;
DROP EXTENSION pgbackup;
CREATE TABLE t AS SELECT 1 AS i;
TRUNCATE t;
DROP TABLE t;
CREATE EXTENSION pgbackup VERSION '0.4.0' SCHEMA public;
CREATE TABLE t AS SELECT 1 AS i;
TRUNCATE t;
DROP TABLE t;
ALTER EXTENSION pgbackup UPDATE TO '0.5.0';
SET search_path = public;
TABLE pgbackup_drops;

-- of a version that knows no owners
CREATE TABLE t AS SELECT 1 AS i;
TRUNCATE t;
DROP TABLE t;
ALTER EXTENSION pgbackup UPDATE;
SELECT command, relation, owner_name FROM pgbackup_drops JOIN pgbackup_dropped_objects USING (drop_id, oid) ORDER BY drop_id;
DROP ROLE regress_pgbackup_dropper;
