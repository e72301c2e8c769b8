--
-- pgbackup_restore_table: a table staged from a logical backup
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgbackup;
RESET client_min_messages;

-- ids and moments differ from run to run
CREATE FUNCTION stage(relation text, as_name text DEFAULT NULL, with_indexes boolean DEFAULT true,
	OUT staged regclass, OUT row_count bigint)
LANGUAGE sql AS $$
	SELECT r.staged, r.row_count
	FROM pgbackup_restore_table(relation, as_name => as_name, with_indexes => with_indexes) r
$$;

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
	RETURN replace(regexp_replace(concat_ws(E'\n', SQLSTATE || ': ' || message, nullif(detail, ''), nullif(hint, '')),
		'\d{8}-\d{6}[LFI]', '<id>', 'g'), format('"%s"', session_user), '"<superuser>"');
END
$$;

-- everything that makes up a table, with its schema called #
CREATE FUNCTION definition(relation regclass) RETURNS SETOF text
LANGUAGE sql SET search_path = pg_catalog AS $$
	SELECT replace(part, quote_ident(nspname) || '.', '#.')
	FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace,
	LATERAL (
		SELECT concat_ws(' ', 'table', relkind, relpersistence, relreplident, relrowsecurity, relforcerowsecurity,
			reloptions, 'of', nullif(reloftype, 0)::regtype, 'by', pg_get_partkeydef(c.oid), CASE WHEN relacl IS NOT NULL THEN 'with grants' END,
			obj_description(c.oid, 'pg_class'))
		UNION ALL
		SELECT concat_ws(' ', 'column', attname, format_type(atttypid, atttypmod), attnotnull, nullif(attidentity, ''),
			nullif(attgenerated, ''), pg_get_expr(adbin, adrelid), attstorage, nullif(attcompression, ''),
			'statistics', nullif(attstattarget, -1),
			(SELECT array_agg(o) FROM unnest(attoptions) o WHERE o LIKE 'n_distinct%'), col_description(attrelid, attnum))
		FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
		WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
		UNION ALL
		SELECT concat_ws(' ', 'constraint', conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint'))
		FROM pg_constraint WHERE conrelid = c.oid AND contype IN ('c', 'p', 'u', 'x', 'f')
		UNION ALL
		SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid), indisclustered, indisvalid, obj_description(indexrelid, 'pg_class'))
		FROM pg_index WHERE indrelid = c.oid
		UNION ALL
		SELECT concat_ws(' ', 'sequence', s.relname, s.relpersistence, seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle,
			pg_sequence_last_value(s.oid), obj_description(s.oid, 'pg_class'))
		FROM pg_depend d JOIN pg_class s ON s.oid = objid JOIN pg_sequence ON seqrelid = s.oid
		WHERE d.classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = c.oid
		UNION ALL
		SELECT 'parent ' || inhparent::regclass || concat(' ', pg_get_expr(relpartbound, c.oid)) FROM pg_inherits WHERE inhrelid = c.oid
		UNION ALL
		SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal
		UNION ALL
		SELECT 'rule ' || rulename FROM pg_rewrite WHERE ev_class = c.oid
		UNION ALL
		SELECT 'policy ' || polname FROM pg_policy WHERE polrelid = c.oid
		UNION ALL
		SELECT 'statistics ' || stxname FROM pg_statistic_ext WHERE stxrelid = c.oid
	) p(part)
	WHERE c.oid = relation
$$;

-- what one has and the other has not
CREATE FUNCTION difference(live regclass, staged regclass, OUT only_in text, OUT part text) RETURNS SETOF record
LANGUAGE sql AS $$
	SELECT * FROM (
		SELECT 'live', d FROM definition(live) d EXCEPT SELECT 'live', d FROM definition(staged) d
		UNION ALL
		(SELECT 'staged', d FROM definition(staged) d EXCEPT SELECT 'staged', d FROM definition(live) d)
	) x (only_in, part) ORDER BY only_in, part COLLATE "C"
$$;

CREATE FUNCTION same_rows(live regclass, staged regclass) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
	query text := 'SELECT count(*) || md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C")) FROM %s t';
	one text;
	other text;
BEGIN
	EXECUTE format(query, live) INTO one;
	EXECUTE format(query, staged) INTO other;
	RETURN one IS NOT DISTINCT FROM other;
END
$$;

CREATE FUNCTION forget() RETURNS void
LANGUAGE sql SET client_min_messages = warning AS 'DROP SCHEMA pgbackup_recovery CASCADE';

CREATE SCHEMA shop;
CREATE ROLE regress_pgbackup_owner;
CREATE ROLE regress_pgbackup_member IN ROLE regress_pgbackup_owner;
CREATE ROLE regress_pgbackup_stranger;

-- a table with about everything
CREATE TYPE shop.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN shop.email AS text CHECK (VALUE ~ '@');
CREATE TYPE shop.address AS (street text, zip integer);
CREATE FUNCTION shop.discount(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE TABLE shop.customer (id integer PRIMARY KEY, name text);
CREATE TABLE shop.orders (
	id serial PRIMARY KEY,
	gone integer,
	customer integer REFERENCES shop.customer,
	total numeric(10,2) NOT NULL DEFAULT 0 CHECK (total >= 0),
	mood shop.mood DEFAULT 'ok',
	email shop.email,
	home shop.address,
	tax numeric GENERATED ALWAYS AS (total * 0.2) STORED,
	note text COLLATE "C",
	tags text[],
	during int4range,
	raw bytea,
	data jsonb,
	placed timestamptz DEFAULT now(),
	UNIQUE (customer, id),
	EXCLUDE USING btree (id WITH =) WHERE (total > 1)
) WITH (fillfactor = 90, toast.autovacuum_enabled = off);
ALTER TABLE shop.orders DROP COLUMN gone;
ALTER TABLE shop.orders
	ALTER note SET STORAGE EXTERNAL, ALTER data SET COMPRESSION pglz,
	ALTER mood SET STATISTICS 300, ALTER customer SET (n_distinct = -0.5),
	ADD CONSTRAINT small CHECK (total < 1000000) NOT VALID;
CREATE INDEX orders_discount ON shop.orders (shop.discount(customer)) WHERE total > 1;
CREATE UNIQUE INDEX orders_note ON shop.orders (left(note, 20) DESC NULLS LAST) INCLUDE (total);
COMMENT ON TABLE shop.orders IS 'the orders''s table';
COMMENT ON COLUMN shop.orders.customer IS 'who';
COMMENT ON INDEX shop.orders_discount IS 'an index';
COMMENT ON INDEX shop.orders_pkey IS 'the index of the key';
COMMENT ON CONSTRAINT orders_pkey ON shop.orders IS 'the key';
COMMENT ON CONSTRAINT small ON shop.orders IS 'not valid';
COMMENT ON CONSTRAINT orders_total_check ON shop.orders IS 'a check';
COMMENT ON SEQUENCE shop.orders_id_seq IS 'a sequence';
INSERT INTO shop.customer SELECT n, 'customer ' || n FROM generate_series(1, 20) n;
INSERT INTO shop.orders (customer, total, mood, email, home, note, tags, during, raw, data, placed)
SELECT n % 20 + 1, n * 1.5, (enum_range(NULL::shop.mood))[n % 3 + 1], 'a' || n || '@b', row('street ' || n, n)::shop.address,
	E'line\n\t\\' || n || repeat('x', n * 50), ARRAY['a', NULL, '{"}' || n], int4range(n, n + 3), decode(lpad(to_hex(n), 8, '0'), 'hex'),
	jsonb_build_object('n', n, 's', repeat('long ', n * 20)), timestamptz '2026-01-01 00:00:00+00' + n * interval '1 hour'
FROM generate_series(1, 200) n;
INSERT INTO shop.orders DEFAULT VALUES;

-- what does not come along
CREATE TRIGGER touch BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE RULE protect AS ON DELETE TO shop.orders DO INSTEAD NOTHING;
CREATE POLICY everybody ON shop.orders USING (true);
ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, REPLICA IDENTITY FULL;
ALTER TABLE shop.orders CLUSTER ON orders_pkey;
CREATE STATISTICS shop.orders_statistics ON customer, total FROM shop.orders;
GRANT SELECT ON shop.orders TO PUBLIC;
CREATE FUNCTION shop.approve(shop.orders) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
ALTER TABLE shop.orders ADD CONSTRAINT approved CHECK (shop.approve(orders));
CREATE TABLE shop.payment (id integer PRIMARY KEY, orders integer REFERENCES shop.orders);
CREATE VIEW shop.happy AS SELECT * FROM shop.orders WHERE mood = 'happy';
CREATE MATERIALIZED VIEW shop.summary AS SELECT count(*) FROM shop.orders;

-- other kinds of tables
CREATE TABLE shop.ticket (
	id bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5),
	other integer GENERATED BY DEFAULT AS IDENTITY,
	whole boolean);
INSERT INTO shop.ticket (whole) SELECT true FROM generate_series(1, 7);
CREATE UNLOGGED TABLE shop.session (id serial, seen date);
INSERT INTO shop.session (seen) SELECT date '2026-01-01' + n FROM generate_series(1, 5) n;
CREATE TABLE shop.place OF shop.address (zip WITH OPTIONS DEFAULT 5 NOT NULL);
INSERT INTO shop.place VALUES ('here', 1), ('there', 2);
CREATE TABLE shop."we""ird Table" ("co l" serial PRIMARY KEY, "x.y" integer CHECK ("x.y" > 0), "ORDER" text DEFAULT 'it''s');
INSERT INTO shop."we""ird Table" ("x.y") SELECT generate_series(1, 5);
COMMENT ON COLUMN shop."we""ird Table"."x.y" IS 'odd';
CREATE TABLE shop.nothing ();
INSERT INTO shop.nothing DEFAULT VALUES;
INSERT INTO shop.nothing DEFAULT VALUES;
CREATE TABLE shop.empty (a integer PRIMARY KEY, b text);
CREATE SEQUENCE shop.number;
CREATE TABLE shop.numbered (n integer DEFAULT nextval('shop.number'));
INSERT INTO shop.numbered SELECT FROM generate_series(1, 3);

-- partitions
CREATE TABLE shop.event (id integer, at date, what text DEFAULT 'none', PRIMARY KEY (id, at), CONSTRAINT positive CHECK (id > 0))
	PARTITION BY RANGE (at);
CREATE TABLE shop.event_2025 PARTITION OF shop.event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (id);
CREATE TABLE shop.event_2025_few PARTITION OF shop.event_2025 FOR VALUES IN (1, 2);
CREATE TABLE shop.event_2025_rest PARTITION OF shop.event_2025 DEFAULT;
CREATE TABLE shop.event_2026 (what text DEFAULT '2026', at date NOT NULL, id integer NOT NULL, CONSTRAINT positive CHECK (id > 0), extra integer);
ALTER TABLE shop.event_2026 DROP COLUMN extra;
ALTER TABLE shop.event ATTACH PARTITION shop.event_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX event_what ON shop.event (what);
COMMENT ON TABLE shop.event_2026 IS 'this year';
INSERT INTO shop.event SELECT n, date '2025-06-01' + n, 'event ' || n FROM generate_series(1, 400) n;
CREATE TABLE shop.feeling (mood shop.mood) PARTITION BY HASH (mood);
CREATE TABLE shop.feeling_0 PARTITION OF shop.feeling FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE shop.feeling_1 PARTITION OF shop.feeling FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO shop.feeling SELECT unnest(enum_range(NULL::shop.mood)) FROM generate_series(1, 4);

-- inheritance
CREATE TABLE shop.base (a integer NOT NULL DEFAULT 7, b text CHECK (b <> 'x'));
ALTER TABLE shop.base ADD CONSTRAINT late CHECK (a < 100) NOT VALID;
CREATE TABLE shop.middle (c integer DEFAULT 3, double integer GENERATED ALWAYS AS (a * 2) STORED) INHERITS (shop.base);
CREATE TABLE shop.other_base (z integer, b text);
SET client_min_messages = warning;
CREATE TABLE shop.leaf (d integer, a integer) INHERITS (shop.middle, shop.other_base);
RESET client_min_messages;
ALTER TABLE shop.leaf ALTER c SET NOT NULL, ALTER c DROP DEFAULT, ALTER z SET STATISTICS 17;
INSERT INTO shop.base VALUES (1, 'base');
INSERT INTO shop.middle VALUES (2, 'middle', 3);
INSERT INTO shop.leaf (a, b, c, z, d) VALUES (3, 'leaf', 4, 5, 6), (4, 'leaf', 5, 6, 7);

-- a partition that is a foreign table, and one whose rows are not backed up
CREATE FOREIGN DATA WRAPPER regress_pgbackup_wrapper;
CREATE SERVER regress_pgbackup_server FOREIGN DATA WRAPPER regress_pgbackup_wrapper;
CREATE TABLE shop.mixed (id integer) PARTITION BY LIST (id);
CREATE TABLE shop.mixed_1 PARTITION OF shop.mixed FOR VALUES IN (1);
CREATE TABLE shop.mixed_2 PARTITION OF shop.mixed FOR VALUES IN (2);
CREATE FOREIGN TABLE shop.mixed_3 PARTITION OF shop.mixed FOR VALUES IN (3) SERVER regress_pgbackup_server;
INSERT INTO shop.mixed VALUES (1), (2), (1);

-- the same name in two schemas
CREATE SCHEMA shop_archive;
CREATE TABLE shop_archive.orders (id integer);
CREATE TABLE shop_archive.happy (id integer);
INSERT INTO shop_archive.orders VALUES (1);

-- not the superuser's
CREATE SCHEMA vault AUTHORIZATION regress_pgbackup_owner;
SET ROLE regress_pgbackup_owner;
CREATE FUNCTION vault.witness(what text, n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RAISE WARNING '% runs as %', what, current_user;
	RETURN n;
END
$$;
CREATE FUNCTION vault.climb(n integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
	RESET ROLE;
	RETURN n;
END
$$;
SET client_min_messages = error;
CREATE DOMAIN vault.watched AS integer CHECK (vault.witness('domain', VALUE) > 0);
CREATE TABLE vault.secret (
	id vault.watched,
	copy integer GENERATED ALWAYS AS (vault.witness('generated column', id)) STORED,
	CHECK (vault.witness('check', id) > 0));
CREATE INDEX secret_watched ON vault.secret (vault.witness('index', id));
INSERT INTO vault.secret VALUES (1);
CREATE TABLE vault.trap (id integer, CHECK (vault.climb(id) > 0));
INSERT INTO vault.trap VALUES (1);
RESET client_min_messages;
RESET ROLE;

SELECT length(pgbackup_run()) AS id_length;
SELECT count(*) FROM pgbackup_contents() WHERE schema_name = 'shop';

--
-- Beside the live table
--
SELECT * FROM stage('shop.orders');
SELECT same_rows('shop.orders', 'pgbackup_recovery.orders');
SELECT * FROM difference('shop.orders', 'pgbackup_recovery.orders');
SELECT * FROM definition('pgbackup_recovery.orders') d ORDER BY d COLLATE "C";

-- it has a sequence of its own
SELECT nextval('pgbackup_recovery.orders_id_seq'), nextval('shop.orders_id_seq');
INSERT INTO pgbackup_recovery.orders DEFAULT VALUES RETURNING id, mood, tax;

-- names that are taken
SELECT fails($$SELECT stage('shop.orders')$$);
SELECT * FROM stage('shop.orders', 'orders_again', false);
SELECT * FROM difference('pgbackup_recovery.orders', 'pgbackup_recovery.orders_again');
SELECT forget();

-- which one is meant
SELECT fails($$SELECT stage('orders')$$);
SET search_path = nowhere, shop_archive, shop, public;
SELECT * FROM stage('orders');
RESET search_path;
SELECT * FROM stage('happy');
SELECT * FROM stage('"shop" . CUSTOMER');
SELECT fails($$SELECT stage('shop.happy')$$);
SELECT fails($$SELECT stage('shop.summary')$$);
SELECT fails($$SELECT stage('shop.number')$$);
SELECT fails($$SELECT stage('shop.orders_pkey')$$);
SELECT forget();

-- other kinds of tables
SELECT * FROM stage('shop.ticket');
SELECT * FROM difference('shop.ticket', 'pgbackup_recovery.ticket');
SELECT same_rows('shop.ticket', 'pgbackup_recovery.ticket');
SELECT * FROM stage('shop.session');
SELECT * FROM difference('shop.session', 'pgbackup_recovery.session');
SELECT same_rows('shop.session', 'pgbackup_recovery.session');
SELECT * FROM stage('shop.place');
SELECT * FROM difference('shop.place', 'pgbackup_recovery.place');
SELECT same_rows('shop.place', 'pgbackup_recovery.place');
SELECT * FROM stage('shop."we""ird Table"');
SELECT * FROM difference('shop."we""ird Table"', 'pgbackup_recovery."we""ird Table"');
SELECT same_rows('shop."we""ird Table"', 'pgbackup_recovery."we""ird Table"');
SELECT * FROM stage('shop.nothing');
SELECT count(*) FROM pgbackup_recovery.nothing;
SELECT * FROM stage('shop.empty');
SELECT * FROM difference('shop.empty', 'pgbackup_recovery.empty');
SELECT * FROM stage('shop.numbered');
SELECT * FROM difference('shop.numbered', 'pgbackup_recovery.numbered');

-- partitions
SELECT * FROM stage('shop.event');
SELECT t, d.* FROM unnest(ARRAY['event', 'event_2025', 'event_2025_few', 'event_2025_rest', 'event_2026']) t,
	difference(('shop.' || t)::regclass, ('pgbackup_recovery.' || t)::regclass) d;
SELECT same_rows('shop.event', 'pgbackup_recovery.event'), same_rows('shop.event_2026', 'pgbackup_recovery.event_2026');
SELECT fails($$SELECT stage('shop.event_2026')$$);
SELECT * FROM stage('shop.event', 'second');
SELECT relid, parentrelid, level FROM pg_partition_tree('pgbackup_recovery.second') ORDER BY level, relid::text COLLATE "C";
SELECT same_rows('shop.event', 'pgbackup_recovery.second');
SELECT * FROM stage('shop.event_2026', 'alone');
SELECT * FROM difference('shop.event_2026', 'pgbackup_recovery.alone');
SELECT same_rows('shop.event_2026', 'pgbackup_recovery.alone');
SELECT * FROM stage('shop.event_2025', 'branch', false);
SELECT * FROM difference('shop.event_2025', 'pgbackup_recovery.branch');
SELECT * FROM stage('shop.feeling');
SELECT same_rows('shop.feeling', 'pgbackup_recovery.feeling');
SELECT staged FROM stage('shop.feeling_0', 'feeling_alone');
SELECT same_rows('shop.feeling_0', 'pgbackup_recovery.feeling_alone');

-- inheritance
SELECT * FROM stage('shop.base');
SELECT * FROM difference('shop.base', 'pgbackup_recovery.base');
SELECT * FROM stage('shop.leaf');
SELECT * FROM difference('shop.leaf', 'pgbackup_recovery.leaf');
SELECT same_rows('shop.leaf', 'pgbackup_recovery.leaf');

-- what is not in the backup
SELECT * FROM stage('shop.mixed');
SELECT length(pgbackup_run(exclude_table_data => '{shop.mixed_2}', exclude_tables => '{shop.middle}')) AS id_length;
SELECT * FROM stage('shop.mixed', 'mixed_again');
SELECT count(*) FROM pgbackup_recovery.mixed_again_mixed_2;
SELECT fails($$SELECT stage('shop.leaf', 'leaf_again')$$);
SELECT length(pgbackup_run()) AS id_length;

-- nothing else was made there
SELECT relname, relkind FROM pg_class
WHERE relnamespace = 'pgbackup_recovery'::regnamespace AND relkind IN ('r', 'p', 'S') ORDER BY relname COLLATE "C";

-- a rolled back staging leaves nothing
SELECT forget();
BEGIN;
SELECT * FROM stage('shop.empty');
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT * FROM stage('shop.empty');
ROLLBACK TO s;
SELECT * FROM stage('shop.empty');
COMMIT;
SELECT to_regclass('pgbackup_recovery.empty');
SELECT current_user = session_user AS same_user, current_setting('search_path');

--
-- When the original is gone
--
SET client_min_messages = warning;
DROP TABLE shop.payment, shop.ticket, shop.place, shop.event, shop.base, shop.orders CASCADE;
RESET client_min_messages;
SELECT * FROM stage('shop.orders');
SELECT count(*), sum(total), sum(tax), max(length(note)) FROM pgbackup_recovery.orders;
SELECT * FROM stage('ticket');
INSERT INTO pgbackup_recovery.ticket DEFAULT VALUES RETURNING *;
SELECT * FROM stage('place');
SELECT * FROM stage('event');
SELECT * FROM stage('leaf');

-- into the original's own place
SELECT staged, row_count FROM pgbackup_restore_table('shop.ticket', into_schema => 'shop');

-- what a table needs can be gone as well
SET client_min_messages = warning;
DROP FUNCTION shop.discount(integer) CASCADE;
DROP SEQUENCE shop.number CASCADE;
RESET client_min_messages;
SELECT * FROM stage('shop.orders', 'without_function');
SELECT * FROM stage('shop.numbered');
SET client_min_messages = error;
DROP TYPE shop.mood CASCADE;
RESET client_min_messages;
SELECT fails($$SELECT stage('shop.orders', 'without_type')$$);
CREATE FUNCTION shop.twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE TABLE shop.derived (a integer, b integer NOT NULL GENERATED ALWAYS AS (shop.twice(a)) STORED, c text DEFAULT 'c', CHECK (shop.twice(a) > 0));
INSERT INTO shop.derived VALUES (1), (2);
SELECT length(pgbackup_run(tables => '{shop.derived}')) AS id_length;
SET client_min_messages = error;
DROP FUNCTION shop.twice(integer) CASCADE;
RESET client_min_messages;
SELECT * FROM stage('shop.derived');
SELECT * FROM pgbackup_recovery.derived;

--
-- Rights
--
SELECT has_function_privilege('regress_pgbackup_member',
	'pgbackup_restore_table(text, text, timestamptz, pg_lsn, text, text, boolean)', 'EXECUTE');
GRANT EXECUTE ON FUNCTION pgbackup_restore_table(text, text, timestamptz, pg_lsn, text, text, boolean)
	TO regress_pgbackup_member, regress_pgbackup_stranger;
SELECT forget();
SELECT length(pgbackup_run()) AS id_length;

SET ROLE regress_pgbackup_stranger;
SELECT fails($$SELECT stage('vault.secret')$$);
RESET ROLE;

SET ROLE regress_pgbackup_member;
SELECT * FROM stage('vault.secret');
SELECT count(*) FROM pgbackup_recovery.secret;
SELECT fails($$SELECT stage('shop.customer')$$);
SELECT fails($$SELECT staged FROM pgbackup_restore_table('vault.secret', into_schema => 'shop')$$);
RESET ROLE;
SELECT tableowner FROM pg_tables WHERE schemaname = 'pgbackup_recovery' AND tablename = 'secret';
SELECT has_schema_privilege('public', 'pgbackup_recovery', 'USAGE') OR has_table_privilege('public', 'pgbackup_recovery.secret', 'SELECT') AS public_may;

-- nor do they run as the superuser who stages
SELECT * FROM stage('vault.secret', 'by_superuser');
SELECT tableowner FROM pg_tables WHERE schemaname = 'pgbackup_recovery' AND tablename = 'by_superuser';

-- another owner than in the backup, and none at all
ALTER TABLE vault.trap OWNER TO regress_pgbackup_stranger;
SELECT * FROM stage('vault.trap');
SET client_min_messages = warning;
DROP SCHEMA vault CASCADE;
RESET client_min_messages;
SELECT forget();
REVOKE ALL ON FUNCTION pgbackup_restore_table(text, text, timestamptz, pg_lsn, text, text, boolean)
	FROM regress_pgbackup_member;
CREATE SCHEMA gone;
CREATE TABLE gone.orphan AS SELECT generate_series(1, 3) AS n;
ALTER TABLE gone.orphan OWNER TO regress_pgbackup_owner;
SELECT length(pgbackup_run()) AS id_length;
DROP TABLE gone.orphan;
DROP SCHEMA gone;
DROP ROLE regress_pgbackup_member, regress_pgbackup_owner;
SET ROLE regress_pgbackup_stranger;
SELECT fails($$SELECT stage('gone.orphan')$$);
RESET ROLE;
SET client_min_messages = warning;
SELECT * FROM stage('gone.orphan');
RESET client_min_messages;
SELECT tableowner = session_user AS mine FROM pg_tables WHERE schemaname = 'pgbackup_recovery' AND tablename = 'orphan';

--
-- What cannot be
--
SELECT fails($$SELECT stage('shop.no_such_table')$$);
SELECT fails($$SELECT stage('no_such_schema.customer')$$);
SELECT fails($$SELECT pgbackup_restore_table('shop.customer', 'nonsense')$$);
SELECT fails($$SELECT pgbackup_restore_table('shop.customer', '20000101-000000L')$$);
SELECT fails($$SELECT stage('another_database.shop.customer')$$);
SELECT fails($$SELECT stage(current_database() || '.shop.customer', 'with_database')$$);
SELECT fails($$SELECT stage('a.b.c.d')$$);
SELECT fails($$SELECT stage('"')$$);
SELECT fails($$SELECT stage('')$$);
SELECT fails($$SELECT stage('shop.customer', '')$$);
SELECT fails($$SELECT stage('shop.customer', repeat('x', 64))$$);
SELECT fails($$SELECT pgbackup_restore_table(NULL)$$);
SELECT fails($$SELECT pgbackup_restore_table('shop.customer', NULL)$$);
SELECT fails($$SELECT pgbackup_restore_table('shop.customer', into_schema => NULL)$$);
SELECT fails($$SELECT pgbackup_restore_table('shop.customer', into_schema => 'no_such_schema')$$);
SELECT fails($$SELECT pgbackup_restore_table('shop.customer', into_schema => 'pg_temp')$$);
SELECT fails($$SELECT pgbackup_restore_table('shop.customer', at => now())$$);
SELECT fails($$SELECT pgbackup_restore_table('shop.customer', at_lsn => '0/1')$$);
BEGIN READ ONLY;
SELECT stage('shop.customer');
ROLLBACK;
SELECT length(pgbackup_run(content => 'schema')) AS id_length;
SELECT fails($$SELECT stage('shop.customer')$$);
SELECT length(pgbackup_run(content => 'data')) AS id_length;
SELECT fails($$SELECT stage('shop.customer')$$);
SELECT length(pgbackup_run(exclude_table_data => '{shop.customer}')) AS id_length;
SELECT fails($$SELECT stage('shop.customer')$$);

SET client_min_messages = warning;
DROP FOREIGN DATA WRAPPER regress_pgbackup_wrapper CASCADE;
DROP SCHEMA shop, shop_archive, pgbackup_recovery CASCADE;
DROP OWNED BY regress_pgbackup_stranger;
DROP ROLE regress_pgbackup_stranger;
DROP FUNCTION stage, fails, definition, difference, same_rows, forget;
