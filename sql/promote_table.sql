--
-- pgbackup_promote_table: a staged table goes back; what is refused, and what is told
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgbackup;

CREATE FUNCTION fails(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN replace(concat_ws(E'\n', SQLSTATE || ': ' || message, nullif(detail, ''), nullif(hint, '')),
		format('AUTHORIZATION %I', session_user), 'AUTHORIZATION <superuser>');
END
$$;
CREATE FUNCTION stage(relation text, as_name text DEFAULT NULL, into_schema text DEFAULT 'pgbackup_recovery') RETURNS regclass
LANGUAGE sql SET client_min_messages = warning AS $$
	SELECT r.staged FROM pgbackup_restore_table(relation, as_name => as_name, into_schema => into_schema) r
$$;
CREATE FUNCTION forget() RETURNS void
LANGUAGE sql SET client_min_messages = warning AS 'DROP SCHEMA pgbackup_recovery CASCADE';

CREATE ROLE regress_pgbackup_owner;
CREATE ROLE regress_pgbackup_member IN ROLE regress_pgbackup_owner;
CREATE ROLE regress_pgbackup_stranger;
CREATE ROLE regress_pgbackup_reader;
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
CREATE TABLE shop.customer (id integer PRIMARY KEY);
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION shop.may(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE TABLE shop.orders (id serial PRIMARY KEY, customer integer CONSTRAINT by_whom REFERENCES shop.customer, note text);
CREATE INDEX orders_note ON shop.orders (note);
ALTER TABLE shop.orders OWNER TO regress_pgbackup_owner;
CREATE TRIGGER touch BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE POLICY mine ON shop.orders TO regress_pgbackup_reader, regress_pgbackup_owner USING (shop.may(id));
CREATE POLICY theirs ON shop.orders TO regress_pgbackup_reader USING (true);
GRANT SELECT ON shop.orders TO regress_pgbackup_reader;
CREATE TABLE shop.payment (id integer, orders integer CONSTRAINT for_what REFERENCES shop.orders);
ALTER TABLE shop.payment OWNER TO regress_pgbackup_stranger;
CREATE VIEW shop.notes AS SELECT note FROM shop.orders;
CREATE VIEW shop.short_notes AS SELECT left(note, 3) AS note FROM shop.notes;
CREATE FUNCTION shop.order_of(shop.orders) RETURNS integer LANGUAGE sql AS 'SELECT $1.id';
CREATE TABLE shop.numbered (n integer DEFAULT nextval('shop.orders_id_seq'));
CREATE POLICY of_other ON shop.numbered USING (n IN (SELECT id FROM shop.orders));
INSERT INTO shop.customer VALUES (1), (2);
INSERT INTO shop.orders (customer, note) VALUES (1, 'one'), (2, 'two'), (NULL, 'three');
INSERT INTO shop.payment VALUES (1, 1), (2, 3);
CREATE TABLE shop.year (id integer, at date) PARTITION BY RANGE (at);
CREATE TABLE shop.year_1 PARTITION OF shop.year FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE shop.year_other PARTITION OF shop.year DEFAULT;
INSERT INTO shop.year VALUES (1, '2026-02-01');
SELECT length(pgbackup_run()) AS id_length;
RESET client_min_messages;

-- the list of staged tables
SELECT stage('shop.orders'), stage('shop.orders', 'again'), stage('shop.year');
SELECT staged, source_schema, source_name, backup ~ 'L$' AS backup, as_of < staged_at AS before, role_name = session_user AS mine
FROM pgbackup_staged_tables ORDER BY staged;
SELECT staged, part, source_schema, source_name, columns FROM pgbackup_staged_parts ORDER BY part;
DROP TABLE pgbackup_recovery.again;
SELECT stage('shop.customer');
SELECT staged FROM pgbackup_staged_tables ORDER BY staged;

-- the name is taken
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.orders')$$);
ALTER TABLE shop.orders RENAME TO orders_old;
CREATE VIEW shop.orders AS SELECT 1 AS one;
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.orders')$$);
DROP VIEW shop.orders;
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.orders')$$);
ALTER TABLE shop.orders_old RENAME TO orders;

-- not staged, not any more, or another one
SELECT fails($$SELECT pgbackup_promote_table('shop.orders')$$);
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.year_1')$$);
SELECT fails($$SELECT pgbackup_promote_table(0)$$);
SELECT pgbackup_promote_table(NULL);
BEGIN READ ONLY;
SELECT pgbackup_promote_table('pgbackup_recovery.orders');
ROLLBACK;
CREATE TABLE pgbackup_recovery.own (a integer);
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.own')$$);
DROP TABLE pgbackup_recovery.own;
CREATE TABLE pgbackup_recovery.more PARTITION OF pgbackup_recovery.year FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
DROP TABLE shop.year;
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.year')$$);
DROP TABLE pgbackup_recovery.more;
ALTER TABLE pgbackup_recovery.year DETACH PARTITION pgbackup_recovery.year_1;
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.year')$$);
ALTER TABLE pgbackup_recovery.year ATTACH PARTITION pgbackup_recovery.year_1 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
SELECT pgbackup_promote_table('pgbackup_recovery.year');

-- the columns have changed; rows may
SET client_min_messages = warning;
DROP TABLE shop.orders CASCADE;
RESET client_min_messages;
ALTER TABLE pgbackup_recovery.orders ADD COLUMN more text;
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.orders')$$);
ALTER TABLE pgbackup_recovery.orders DROP COLUMN more;
INSERT INTO pgbackup_recovery.orders (note) VALUES ('new') RETURNING id;

-- who may
GRANT EXECUTE ON FUNCTION pgbackup_promote_table(regclass) TO regress_pgbackup_member, regress_pgbackup_stranger;
SET ROLE regress_pgbackup_stranger;
SELECT fails($$SELECT pgbackup_promote_table(c.oid) FROM pg_class c WHERE relname = 'orders' AND relkind = 'r'$$);
SELECT fails($$SELECT * FROM pgbackup_staged_tables$$);
SET ROLE regress_pgbackup_member;
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.orders')$$);
RESET ROLE;
GRANT CREATE ON SCHEMA shop TO regress_pgbackup_owner;

-- all or nothing; what is told of dependents names the backup, whose id differs
\set VERBOSITY terse
BEGIN;
SELECT pgbackup_promote_table('pgbackup_recovery.orders');
ROLLBACK;
SELECT to_regclass('shop.orders'), to_regclass('pgbackup_recovery.orders') IS NOT NULL AS staged, count(*) FROM pgbackup_staged_tables;
SET ROLE regress_pgbackup_member;
SELECT pgbackup_promote_table('pgbackup_recovery.orders');
RESET ROLE;
\set VERBOSITY default
SELECT * FROM shop.orders ORDER BY id;
SELECT fails($$SELECT pgbackup_promote_table('shop.orders')$$);
SELECT conrelid::regclass, conname, convalidated FROM pg_constraint WHERE conname IN ('by_whom', 'for_what') ORDER BY conname;
ALTER TABLE shop.payment ADD CONSTRAINT for_what FOREIGN KEY (orders) REFERENCES shop.orders;

-- as a superuser; rows that foreign keys do not allow
SET client_min_messages = warning;
ALTER TABLE shop.orders ADD CONSTRAINT by_whom FOREIGN KEY (customer) REFERENCES shop.customer;
DROP TABLE shop.numbered;
SELECT length(pgbackup_run()) AS id_length;
DROP TABLE shop.orders CASCADE;
DELETE FROM shop.customer WHERE id = 2;
INSERT INTO shop.payment VALUES (3, 99);
SELECT stage('shop.orders');
RESET client_min_messages;
SELECT pgbackup_promote_table('pgbackup_recovery.orders');
SELECT conrelid::regclass, conname, convalidated FROM pg_constraint WHERE conname IN ('by_whom', 'for_what') ORDER BY conname;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'shop.orders'::regclass AND NOT tgisinternal;
SELECT polname, polroles::regrole[] FROM pg_policy WHERE polrelid = 'shop.orders'::regclass ORDER BY polname;

-- what it needs is gone: a role, functions, the owner
SET client_min_messages = warning;
SELECT stage('shop.orders');
DROP TABLE shop.orders CASCADE;
DROP FUNCTION shop.touch(), shop.may(integer);
DROP ROLE regress_pgbackup_reader;
RESET client_min_messages;
SELECT pgbackup_promote_table('pgbackup_recovery.orders');
SET client_min_messages = warning;
SELECT stage('shop.orders');
DROP TABLE shop.orders, shop.customer CASCADE;
REASSIGN OWNED BY regress_pgbackup_owner TO regress_pgbackup_stranger;
DROP OWNED BY regress_pgbackup_owner, regress_pgbackup_member;
DROP ROLE regress_pgbackup_owner, regress_pgbackup_member;
RESET client_min_messages;
SELECT pgbackup_promote_table('pgbackup_recovery.orders');
SELECT pgbackup_promote_table('pgbackup_recovery.customer');

-- without a restrictive policy somebody would see more
SET client_min_messages = warning;
CREATE FUNCTION shop.may(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE TABLE shop.secret (id integer);
CREATE POLICY all_of_them ON shop.secret USING (true);
CREATE POLICY strict ON shop.secret AS RESTRICTIVE USING (shop.may(id));
ALTER TABLE shop.secret ENABLE ROW LEVEL SECURITY;
SELECT length(pgbackup_run()) AS id_length;
SELECT stage('shop.secret');
DROP TABLE shop.secret;
ALTER FUNCTION shop.may RENAME TO might;
RESET client_min_messages;
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.secret')$$);
ALTER FUNCTION shop.might RENAME TO may;
SELECT pgbackup_promote_table('pgbackup_recovery.secret');

-- the place in the tree is taken, or gone
SET client_min_messages = warning;
SELECT stage('shop.year_1');
DROP TABLE shop.year_1;
INSERT INTO shop.year VALUES (2, '2026-03-01');
RESET client_min_messages;
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.year_1')$$);
DELETE FROM shop.year;
CREATE TABLE shop.year_new PARTITION OF shop.year FOR VALUES FROM ('2026-06-01') TO ('2026-07-01');
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.year_1')$$);
DROP TABLE shop.year;
SELECT pgbackup_promote_table('pgbackup_recovery.year_1');

-- the schema is gone; and the very name, elsewhere
SET client_min_messages = warning;
SELECT stage('shop.customer', 'cust');
DROP SCHEMA shop CASCADE;
RESET client_min_messages;
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.cust')$$);
CREATE SCHEMA shop;
SELECT pgbackup_promote_table('pgbackup_recovery.cust');
SELECT count(*) FROM shop.customer;

-- without the list there is nothing to put back, but staging goes on
SET client_min_messages = warning;
ALTER EXTENSION pgbackup DROP TABLE pgbackup_staged_tables;
SELECT stage('shop.customer', 'unlisted');
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.unlisted')$$);
ALTER EXTENSION pgbackup ADD TABLE pgbackup_staged_tables;
SELECT fails($$SELECT pgbackup_promote_table('pgbackup_recovery.unlisted')$$);

DROP SCHEMA shop, pgbackup_recovery CASCADE;
DROP OWNED BY regress_pgbackup_stranger;
DROP ROLE regress_pgbackup_stranger;
DROP FUNCTION fails, stage, forget;
