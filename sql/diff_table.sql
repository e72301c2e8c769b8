--
-- pgbackup_diff_table, pgbackup_diff_summary: a staged table compared with the live one
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgbackup;
RESET client_min_messages;
CREATE SCHEMA staged;
CREATE SCHEMA live;

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
	RETURN concat_ws(E'\n', SQLSTATE || ': ' || message, nullif(detail, ''), nullif(hint, ''));
END
$$;

CREATE FUNCTION diff(name text, key text[] DEFAULT NULL)
RETURNS TABLE (change text, key_ jsonb, staged jsonb, live jsonb, changed_columns text[], copies bigint)
LANGUAGE sql AS $$
	SELECT * FROM pgbackup_diff_table(('staged.' || name)::regclass, ('live.' || name)::regclass, key)
$$;

CREATE FUNCTION summary(name text, key text[] DEFAULT NULL)
RETURNS TABLE (staged_rows bigint, live_rows bigint, equal bigint, only_staged bigint, only_live bigint, changed bigint)
LANGUAGE sql AS $$
	SELECT * FROM pgbackup_diff_summary(('staged.' || name)::regclass, ('live.' || name)::regclass, key)
$$;

-- ---- by primary key ----

CREATE TABLE live.t (id integer PRIMARY KEY, name text, amount numeric(10,2));
CREATE TABLE staged.t (LIKE live.t INCLUDING ALL);
INSERT INTO staged.t VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', NULL), (4, 'four', 4), (-1, 'minus', 0), (9, NULL, NULL);
INSERT INTO live.t VALUES (1, 'one', 1), (2, 'TWO', 2.5), (3, 'three', 3), (5, 'five', 5), (-1, 'minus', 0), (9, NULL, NULL);

SELECT * FROM pgbackup_diff_table('staged.t', 'live.t');
SELECT * FROM pgbackup_diff_summary('staged.t', 'live.t');
-- the other way round
SELECT change, key FROM pgbackup_diff_table('live.t', 'staged.t');

-- empty tables
CREATE TABLE live.empty (LIKE live.t INCLUDING ALL);
CREATE TABLE staged.empty (LIKE live.t INCLUDING ALL);
SELECT * FROM diff('empty');
SELECT * FROM summary('empty');
SELECT change, count(*) FROM pgbackup_diff_table('staged.t', 'live.empty') GROUP BY 1;
SELECT change, count(*) FROM pgbackup_diff_table('staged.empty', 'live.t') GROUP BY 1;

-- many rows, against an independent answer
CREATE TABLE live.many (a integer, b text, c text, PRIMARY KEY (b, a));
CREATE TABLE staged.many (LIKE live.many INCLUDING ALL);
INSERT INTO live.many SELECT n, 'k' || n % 100, md5((n % 7)::text) FROM generate_series(1, 20000) n WHERE n % 11 <> 0;
INSERT INTO staged.many SELECT n, 'k' || n % 100, md5((n % 7 + (n % 13 = 0)::int)::text) FROM generate_series(1, 20000) n WHERE n % 17 <> 0;
CREATE VIEW truth AS
SELECT CASE WHEN l.a IS NULL THEN 'only_staged' WHEN s.a IS NULL THEN 'only_live' ELSE 'changed' END AS change,
	jsonb_build_object('a', a, 'b', b) AS key,
	CASE WHEN s.a IS NOT NULL THEN to_jsonb(s) END AS staged,
	CASE WHEN l.a IS NOT NULL THEN to_jsonb(l) END AS live
FROM staged.many s FULL JOIN live.many l USING (a, b)
WHERE s IS DISTINCT FROM l;
SELECT count(*), count(DISTINCT change) FROM truth;
SELECT count(*) FROM (
	SELECT change, key, staged, live FROM pgbackup_diff_table('staged.many', 'live.many') EXCEPT ALL SELECT * FROM truth) x;
SELECT count(*) FROM (
	SELECT * FROM truth EXCEPT ALL SELECT change, key, staged, live FROM pgbackup_diff_table('staged.many', 'live.many')) x;
SELECT * FROM summary('many');
-- by sorting as well as by the index
SET enable_indexscan = off;
SELECT * FROM summary('many');
RESET enable_indexscan;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT * FROM summary('many');
RESET enable_seqscan;
RESET enable_sort;

-- ---- which key ----

-- that of the live table
CREATE TABLE live.k1 (a integer PRIMARY KEY, b integer UNIQUE NOT NULL, c text);
CREATE TABLE staged.k1 (a integer, b integer PRIMARY KEY, c text);
INSERT INTO live.k1 VALUES (1, 10, 'x');
INSERT INTO staged.k1 VALUES (1, 20, 'x');
SELECT * FROM diff('k1');
-- or of the staged one
ALTER TABLE live.k1 DROP CONSTRAINT k1_pkey, ALTER a DROP NOT NULL;
SELECT * FROM diff('k1');
-- or a unique one that cannot be null
ALTER TABLE staged.k1 DROP CONSTRAINT k1_pkey;
SELECT * FROM diff('k1');
-- or none: this one is not of all rows, the other not of columns, the third can be null
ALTER TABLE live.k1 DROP CONSTRAINT k1_b_key;
CREATE UNIQUE INDEX ON live.k1 (b) WHERE b > 100;
CREATE UNIQUE INDEX ON live.k1 ((b + 1));
CREATE UNIQUE INDEX ON live.k1 (a);
SELECT * FROM diff('k1');
SELECT * FROM summary('k1');
-- or what the caller names
SELECT * FROM diff('k1', '{a}');
SELECT * FROM diff('k1', '{c,a}');
SELECT * FROM diff('k1', '{}');
SELECT fails($$SELECT diff('k1', '{nothing}')$$);
SELECT fails($$SELECT diff('k1', '{a,a}')$$);
SELECT fails($$SELECT diff('k1', '{a,NULL}')$$);

-- columns in another order, with what was dropped in between, and names that need quotes
CREATE TABLE live."Order ""1""" (gone integer, "Te xt" text, "select" integer, gone2 point, "ID" integer PRIMARY KEY);
ALTER TABLE live."Order ""1""" DROP gone, DROP gone2;
CREATE TABLE staged."Order ""1""" ("ID" integer PRIMARY KEY, "select" integer, "Te xt" text);
INSERT INTO live."Order ""1""" VALUES ('a', 1, 1), ('b', 2, 2);
INSERT INTO staged."Order ""1""" VALUES (1, 1, 'a'), (2, 2, 'c'), (3, 3, 'd');
SELECT * FROM diff('"Order ""1"""');

-- a key in another order than the columns of the index, unordered indexes, descending ones
CREATE TABLE live.k2 (a integer NOT NULL, b text NOT NULL);
CREATE TABLE staged.k2 (b text NOT NULL, a integer NOT NULL);
CREATE UNIQUE INDEX ON live.k2 (b text_pattern_ops DESC, a DESC NULLS LAST);
INSERT INTO live.k2 SELECT n, 'b' || n FROM generate_series(1, 30) n WHERE n <> 12;
INSERT INTO staged.k2 SELECT 'b' || n, n FROM generate_series(1, 30) n WHERE n <> 15;
SELECT * FROM diff('k2');

-- a key of other types, comparable or not
CREATE TABLE live.k3 (id bigint PRIMARY KEY, v text);
CREATE TABLE staged.k3 (id integer PRIMARY KEY, v varchar(10));
INSERT INTO live.k3 SELECT n, 'v' || n % 3 FROM generate_series(-10, 10) n;
INSERT INTO staged.k3 SELECT n, 'v' || n % 3 FROM generate_series(-10, 10) n WHERE n <> 5;
SELECT * FROM diff('k3');
DROP TABLE staged.k3;
CREATE TABLE staged.k3 (id text PRIMARY KEY, v text);
INSERT INTO staged.k3 SELECT n, 'v' || n % 3 FROM generate_series(-10, 11) n WHERE n <> 5;
SELECT * FROM diff('k3');
CREATE TABLE live.k4 (id integer[] PRIMARY KEY, v text);
CREATE TABLE staged.k4 (id bigint[] PRIMARY KEY, v text);
INSERT INTO live.k4 VALUES ('{1,2}', 'a'), ('{9}', 'b');
INSERT INTO staged.k4 VALUES ('{1,2}', 'a'), ('{10}', 'b');
SELECT * FROM diff('k4');

-- nulls in a key, and values that are not unique after all
CREATE TABLE live.k5 (id integer, v text);
CREATE TABLE staged.k5 (id integer, v text);
INSERT INTO live.k5 VALUES (1, 'a'), (NULL, 'b');
INSERT INTO staged.k5 VALUES (NULL, 'c'), (1, 'a'), (2, 'z');
SELECT * FROM diff('k5', '{id}');
INSERT INTO live.k5 VALUES (NULL, 'd');
SELECT fails($$SELECT * FROM diff('k5', '{id}')$$);
DELETE FROM live.k5 WHERE id IS NULL;
ALTER TABLE live.k5 ADD PRIMARY KEY (id);
INSERT INTO staged.k5 VALUES (2, 'z');
SELECT fails($$SELECT * FROM diff('k5')$$);
SELECT * FROM diff('k5', '{}');

-- ---- without a key ----

CREATE TABLE live.w (a integer, b text);
CREATE TABLE staged.w (a integer, b text);
INSERT INTO live.w VALUES (1, 'x'), (1, 'x'), (1, 'x'), (2, NULL), (2, NULL), (NULL, NULL), (3, ''), (3, NULL), (4, 'only');
INSERT INTO staged.w VALUES (1, 'x'), (2, NULL), (2, NULL), (2, NULL), (NULL, NULL), (3, ''), (5, 'a,b'), (5, '"'), (5, '"');
SELECT * FROM diff('w');
SELECT * FROM summary('w');
-- the same as EXCEPT ALL says
SELECT count(*) FROM (
	SELECT d.change, t.*
	FROM diff('w') d, jsonb_populate_record(NULL::live.w, coalesce(d.staged, d.live)) t, generate_series(1, d.copies)
	EXCEPT ALL (
		SELECT 'only_staged', x.* FROM (SELECT * FROM staged.w EXCEPT ALL SELECT * FROM live.w) x
		UNION ALL SELECT 'only_live', x.* FROM (SELECT * FROM live.w EXCEPT ALL SELECT * FROM staged.w) x)) y;

-- no columns at all
CREATE TABLE live.nothing ();
CREATE TABLE staged.nothing ();
INSERT INTO live.nothing DEFAULT VALUES;
INSERT INTO staged.nothing SELECT FROM generate_series(1, 3);
SELECT * FROM diff('nothing');
SELECT * FROM summary('nothing');
SELECT fails($$SELECT * FROM pgbackup_diff_table('staged.nothing', 'live.t')$$);

-- ---- columns that differ ----

CREATE TABLE live.c (id integer PRIMARY KEY, a integer, added text, "New One" text, amount numeric(12,3), at timestamptz);
CREATE TABLE staged.c (id integer PRIMARY KEY, a bigint, dropped text, amount numeric(10,2), at timestamptz);
INSERT INTO live.c VALUES (1, 1, 'x', 'y', NULL), (2, 2, NULL, NULL, 1), (3, 3, NULL, NULL, NULL);
INSERT INTO staged.c VALUES (1, 1, 'was', NULL), (2, 2, NULL, 1), (3, 33, NULL, NULL), (4, 4, 'all of the row', 4);
SELECT * FROM diff('c');
SELECT * FROM summary('c');
SET client_min_messages = error;
SELECT * FROM summary('c');
RESET client_min_messages;
CREATE TABLE live.other (x integer);
SELECT fails($$SELECT * FROM pgbackup_diff_table('staged.t', 'live.other')$$);

-- ---- values ----

-- types that cannot be compared by an operator, or whose operators find more equal than is
CREATE TYPE live.pair AS (one integer, two text);
CREATE DOMAIN live.positive AS integer CHECK (VALUE > 0);
CREATE TABLE live.v (id integer PRIMARY KEY, j json, jb jsonb, x xml, p point, f double precision, n numeric,
	i interval, b box, pair live.pair, pairs live.pair[], c char(5), positive live.positive, bits bit varying,
	at timestamptz, ints integer[], m money, bytes bytea);
CREATE TABLE staged.v (LIKE live.v INCLUDING ALL);
INSERT INTO live.v (id, j) VALUES (1, '{"a":1}'), (2, '{"a":1}');
INSERT INTO staged.v (id, j) VALUES (1, '{"a":1}'), (2, '{"a": 1}');
INSERT INTO live.v (id, x) VALUES (3, '<a/>'), (4, '<a/>');
INSERT INTO staged.v (id, x) VALUES (3, '<a/>'), (4, '<a></a>');
INSERT INTO live.v (id, p) VALUES (5, '(1,2)'), (6, '(1,2)');
INSERT INTO staged.v (id, p) VALUES (5, '(1,2)'), (6, '(1,2.0000001)');
INSERT INTO live.v (id, f) VALUES (7, 'NaN'), (8, '0'), (9, 'Infinity'), (10, 0.1), (11, 0.3);
INSERT INTO staged.v (id, f) VALUES (7, 'NaN'), (8, '-0'), (9, 'Infinity'), (10, 0.1), (11, 0.1::float8 + 0.2::float8);
INSERT INTO live.v (id, n) VALUES (12, 'NaN'), (13, 1.0), (14, 1e100), (15, 'Infinity');
INSERT INTO staged.v (id, n) VALUES (12, 'NaN'), (13, 1.00), (14, 1e100), (15, '-Infinity');
INSERT INTO live.v (id, i) VALUES (16, '1 month'), (17, '1 day');
INSERT INTO staged.v (id, i) VALUES (16, '30 days'), (17, '24 hours');
INSERT INTO live.v (id, b) VALUES (18, '((0,0),(2,1))');
INSERT INTO staged.v (id, b) VALUES (18, '((0,0),(1,2))');
INSERT INTO live.v (id, pair, pairs) VALUES (19, (1, NULL), ARRAY[(1, 'a')::live.pair]), (20, (1, ''), NULL);
INSERT INTO staged.v (id, pair, pairs) VALUES (19, (1, NULL), ARRAY[(1, 'a')::live.pair]), (20, (1, NULL), NULL);
INSERT INTO live.v (id, c, positive) VALUES (21, 'a', 1), (22, 'a', 1);
INSERT INTO staged.v (id, c, positive) VALUES (21, 'a    ', 1), (22, 'a', 2);
INSERT INTO live.v (id, bits, bytes) VALUES (23, B'1', '\x00'), (24, B'10', '\x');
INSERT INTO staged.v (id, bits, bytes) VALUES (23, B'1', '\x00'), (24, B'1', NULL);
INSERT INTO live.v (id, ints) VALUES (25, '{1,2}'), (26, '{1,2}'), (27, '{}');
INSERT INTO staged.v (id, ints) VALUES (25, '{1,2}'), (26, '[0:1]={1,2}'), (27, NULL);
INSERT INTO live.v (id, jb) VALUES (28, '{"a":1.0}'), (29, '{"b":1, "a":2}');
INSERT INTO staged.v (id, jb) VALUES (28, '{"a":1.00}'), (29, '{"a":2, "b":1}');
SELECT key_, changed_columns, jsonb_strip_nulls(staged) AS staged, jsonb_strip_nulls(live) AS live FROM diff('v');
SELECT * FROM summary('v');
-- by whole rows there is the same to find
SELECT * FROM summary('v', '{}');
-- and these can be keys, too
SELECT change, key_ FROM diff('v', '{id,j,x,p}') WHERE (key_->>'id')::integer < 7;

-- settings of the session hide nothing: this hour came twice, under one name of the zone
SET TimeZone = 'Europe/Moscow';
SET DateStyle = 'SQL';
SET extra_float_digits = -10;
UPDATE live.v SET at = '2014-10-25 21:30 UTC' WHERE id = 1;
UPDATE staged.v SET at = '2014-10-25 22:30 UTC' WHERE id = 1;
SELECT count(DISTINCT at::text), count(DISTINCT at) FROM (SELECT at FROM live.v UNION ALL SELECT at FROM staged.v) x;
SELECT key_, changed_columns, staged->'at' AS staged, live->'at' AS live FROM diff('v') WHERE key_->>'id' IN ('1', '11');
SHOW DateStyle;
SHOW search_path;
SHOW row_security;
RESET DateStyle;
RESET extra_float_digits;
RESET TimeZone;

-- a composite type that has lost an attribute in between: other bytes, and the same value
CREATE TABLE live.shrunk (id integer PRIMARY KEY, pair live.pair);
CREATE TABLE staged.shrunk (LIKE live.shrunk INCLUDING ALL);
INSERT INTO live.shrunk VALUES (1, (1, 'a')), (2, (1, 'b'));
ALTER TYPE live.pair DROP ATTRIBUTE two;
INSERT INTO staged.shrunk VALUES (1, ROW(1)), (2, ROW(2));
SELECT pg_column_size(s.pair) = pg_column_size(l.pair) AS same_size FROM staged.shrunk s JOIN live.shrunk l USING (id);
SELECT * FROM diff('shrunk');
SELECT * FROM summary('shrunk', '{}');

-- however a value is stored
CREATE TABLE live.long (id integer PRIMARY KEY, t text);
CREATE TABLE staged.long (id integer PRIMARY KEY, t text);
ALTER TABLE live.long ALTER t SET STORAGE EXTERNAL;
INSERT INTO live.long SELECT n, repeat(md5(n::text), 1000) FROM generate_series(1, 5) n;
INSERT INTO staged.long SELECT n, repeat(md5(n::text), 1000) || CASE WHEN n = 3 THEN 'x' ELSE '' END FROM generate_series(1, 5) n;
UPDATE staged.long SET t = overlay(t PLACING '!' FROM 30000) WHERE id = 4;
SELECT change, key_, changed_columns, length(staged->>'t') AS staged, length(live->>'t') AS live FROM diff('long');
SELECT * FROM summary('long', '{}');
SELECT * FROM summary('long', '{t}');

-- json that jsonb cannot hold
CREATE TABLE live.doc (id integer PRIMARY KEY, doc json, docs json[]);
CREATE TABLE staged.doc (LIKE live.doc INCLUDING ALL);
INSERT INTO staged.doc VALUES (1, '{"a":"\u0000"}'), (3, '"\ud800"'), (4, '{"a":"\u0000"}');
INSERT INTO staged.doc VALUES (2, '{"a":1}', ARRAY['1e999999'::json]);
INSERT INTO live.doc VALUES (1, '{"a":"\u0000"}'), (2, '{"a" : 1}');
SELECT * FROM diff('doc');

-- generated columns and identities
CREATE TABLE live.g (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a integer, twice integer GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE staged.g (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a integer, twice integer GENERATED ALWAYS AS (a * 3) STORED);
INSERT INTO live.g (a) VALUES (0), (1);
INSERT INTO staged.g (a) VALUES (0), (1);
SELECT * FROM diff('g');

-- a type of another schema, with operators and an order of its own: "a" is "A" as a key, and not as a value
CREATE SCHEMA types;
CREATE TYPE types.folded;
CREATE FUNCTION types.folded_in(cstring) RETURNS types.folded LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION types.folded_out(types.folded) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE types.folded (INPUT = types.folded_in, OUTPUT = types.folded_out, LIKE = text, COLLATABLE = true);
CREATE CAST (types.folded AS text) WITHOUT FUNCTION;
CREATE FUNCTION types.cmp(types.folded, types.folded) RETURNS integer LANGUAGE sql IMMUTABLE STRICT
	AS $$SELECT pg_catalog.bttextcmp(pg_catalog.lower($1::pg_catalog.text) COLLATE "C", pg_catalog.lower($2::pg_catalog.text))$$;
CREATE FUNCTION types.lt(types.folded, types.folded) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$SELECT types.cmp($1, $2) < 0$$;
CREATE FUNCTION types.le(types.folded, types.folded) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$SELECT types.cmp($1, $2) <= 0$$;
CREATE FUNCTION types.eq(types.folded, types.folded) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$SELECT types.cmp($1, $2) = 0$$;
CREATE FUNCTION types.ge(types.folded, types.folded) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$SELECT types.cmp($1, $2) >= 0$$;
CREATE FUNCTION types.gt(types.folded, types.folded) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$SELECT types.cmp($1, $2) > 0$$;
CREATE OPERATOR types.< (LEFTARG = types.folded, RIGHTARG = types.folded, FUNCTION = types.lt, COMMUTATOR = OPERATOR(types.>), RESTRICT = scalarltsel);
CREATE OPERATOR types.<= (LEFTARG = types.folded, RIGHTARG = types.folded, FUNCTION = types.le, RESTRICT = scalarlesel);
CREATE OPERATOR types.= (LEFTARG = types.folded, RIGHTARG = types.folded, FUNCTION = types.eq, RESTRICT = eqsel, MERGES);
CREATE OPERATOR types.>= (LEFTARG = types.folded, RIGHTARG = types.folded, FUNCTION = types.ge, RESTRICT = scalargesel);
CREATE OPERATOR types.> (LEFTARG = types.folded, RIGHTARG = types.folded, FUNCTION = types.gt, COMMUTATOR = OPERATOR(types.<), RESTRICT = scalargtsel);
CREATE OPERATOR CLASS types.folded_ops DEFAULT FOR TYPE types.folded USING btree AS
	OPERATOR 1 types.<, OPERATOR 2 types.<=, OPERATOR 3 types.=, OPERATOR 4 types.>=, OPERATOR 5 types.>, FUNCTION 1 types.cmp(types.folded, types.folded);
CREATE DOMAIN types.code AS types.folded;
CREATE TABLE live.folded (code types.code PRIMARY KEY, v integer);
CREATE TABLE staged.folded (code types.code PRIMARY KEY, v integer);
INSERT INTO live.folded VALUES ('b', 1), ('A', 2), ('c', 3);
INSERT INTO staged.folded VALUES ('a', 2), ('B', 1), ('c', 3), ('D', 4);
-- nobody's operators are taken for these
CREATE FUNCTION types.evil(types.code, types.code) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'evil'; END$$;
CREATE OPERATOR types.< (LEFTARG = types.code, RIGHTARG = types.code, FUNCTION = types.evil);
CREATE FUNCTION public.evil(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'evil'; END$$;
CREATE OPERATOR public.< (LEFTARG = integer, RIGHTARG = integer, FUNCTION = public.evil);
SET search_path = public, pg_catalog;
SELECT fails('SELECT 1 < 2');
SELECT * FROM diff('folded');
SELECT * FROM summary('t');
RESET search_path;
DROP OPERATOR public.< (integer, integer);

-- an index that is not in the order that its operators say
CREATE OR REPLACE FUNCTION types.cmp(types.folded, types.folded) RETURNS integer LANGUAGE sql IMMUTABLE STRICT
	AS $$SELECT pg_catalog.bttextcmp(pg_catalog.lower($2::pg_catalog.text) COLLATE "C", pg_catalog.lower($1::pg_catalog.text))$$;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT fails($$SELECT * FROM diff('folded')$$);
REINDEX TABLE live.folded;
REINDEX TABLE staged.folded;
SELECT * FROM summary('folded');
RESET enable_seqscan;
RESET enable_sort;

-- ---- what can be compared ----

-- partitioned tables, on either side and both
CREATE TABLE live.p (id integer, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE live.p_north PARTITION OF live.p FOR VALUES IN ('north');
CREATE TABLE live.p_south PARTITION OF live.p FOR VALUES IN ('south');
CREATE TABLE staged.p (LIKE live.p INCLUDING ALL) PARTITION BY RANGE (id);
CREATE TABLE staged.p_1 PARTITION OF staged.p FOR VALUES FROM (0) TO (6);
CREATE TABLE staged.p_2 PARTITION OF staged.p FOR VALUES FROM (6) TO (100);
INSERT INTO live.p SELECT n, CASE WHEN n % 2 = 0 THEN 'north' ELSE 'south' END, n FROM generate_series(1, 10) n;
INSERT INTO staged.p SELECT n, CASE WHEN n % 2 = 0 THEN 'north' ELSE 'south' END, n FROM generate_series(1, 11) n WHERE n <> 4;
SELECT change, key_ FROM diff('p');
CREATE TABLE staged.flat AS SELECT * FROM staged.p;
SELECT change, key FROM pgbackup_diff_table('staged.flat', 'live.p');
SELECT change, key FROM pgbackup_diff_table('staged.flat', 'live.p_north');

-- a parent's own rows
CREATE TABLE live.parent (id integer PRIMARY KEY);
CREATE TABLE live.child (extra text) INHERITS (live.parent);
CREATE TABLE staged.parent (id integer PRIMARY KEY);
INSERT INTO live.parent VALUES (1), (2);
INSERT INTO live.child VALUES (3, 'x');
INSERT INTO staged.parent VALUES (1), (3);
SELECT * FROM diff('parent');

-- views
CREATE VIEW live.view AS SELECT * FROM live.t WHERE id > 0;
CREATE MATERIALIZED VIEW live.matview AS SELECT * FROM live.t;
SELECT change, key FROM pgbackup_diff_table('staged.t', 'live.view');
SELECT change, key FROM pgbackup_diff_table('staged.t', 'live.matview');
REFRESH MATERIALIZED VIEW live.matview WITH NO DATA;
SELECT fails($$SELECT * FROM pgbackup_diff_table('staged.t', 'live.matview')$$);
CREATE VIEW live.several AS SELECT id / 2 AS id, name, amount FROM live.t;
SELECT fails($$SELECT * FROM pgbackup_diff_table('staged.t', 'live.several')$$);

-- temporary tables
CREATE TEMP TABLE t AS SELECT * FROM live.t;
SELECT change, key FROM pgbackup_diff_table('staged.t', 't');

-- foreign tables: what their wrapper gives
CREATE FOREIGN DATA WRAPPER regress_pgbackup_wrapper;
CREATE SERVER regress_pgbackup_server FOREIGN DATA WRAPPER regress_pgbackup_wrapper;
CREATE FOREIGN TABLE live.foreign_t (id integer, name text, amount numeric(10,2)) SERVER regress_pgbackup_server;
SELECT fails($$SELECT * FROM pgbackup_diff_table('staged.t', 'live.foreign_t')$$);

-- and what cannot be
CREATE SEQUENCE live.s;
SELECT fails($$SELECT * FROM pgbackup_diff_table('staged.t', 'live.s')$$);
SELECT fails($$SELECT * FROM pgbackup_diff_table('staged.t', 'live.t_pkey')$$);
SELECT fails($$SELECT * FROM pgbackup_diff_table('live.pair', 'live.t')$$);
SELECT fails($$SELECT * FROM pgbackup_diff_table('live.t', 'live.t')$$);
SELECT fails($$SELECT * FROM pgbackup_diff_table(NULL, 'live.t')$$);
SELECT fails($$SELECT * FROM pgbackup_diff_summary('staged.t', NULL)$$);
SELECT fails($$SELECT * FROM pgbackup_diff_table(4294967295, 'live.t')$$);

-- ---- rights ----

CREATE ROLE regress_pgbackup_reader;
SET ROLE regress_pgbackup_reader;
SELECT fails($$SELECT * FROM pgbackup_diff_table(NULL, NULL)$$);
SELECT fails($$SELECT * FROM pgbackup_diff_summary(NULL, NULL)$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION pgbackup_diff_table, pgbackup_diff_summary TO regress_pgbackup_reader;
GRANT SELECT ON staged.t TO regress_pgbackup_reader;
SET ROLE regress_pgbackup_reader;
SELECT fails($$SELECT * FROM diff('t')$$);
RESET ROLE;
GRANT USAGE ON SCHEMA staged, live TO regress_pgbackup_reader;
SET ROLE regress_pgbackup_reader;
SELECT fails($$SELECT * FROM diff('t')$$);
SELECT fails($$SELECT * FROM pgbackup_diff_table('live.t', 'staged.t')$$);
RESET ROLE;
GRANT SELECT (id, name) ON live.t TO regress_pgbackup_reader;
SET ROLE regress_pgbackup_reader;
SELECT fails($$SELECT * FROM diff('t')$$);
RESET ROLE;
GRANT SELECT (amount) ON live.t TO regress_pgbackup_reader;
REVOKE USAGE ON SCHEMA live FROM regress_pgbackup_reader;
SELECT 'live.t'::regclass::oid AS live_t \gset
SET ROLE regress_pgbackup_reader;
SELECT fails(format('SELECT * FROM pgbackup_diff_summary(%L, %s)', 'staged.t', :live_t));
RESET ROLE;
GRANT USAGE ON SCHEMA live TO regress_pgbackup_reader;
SET ROLE regress_pgbackup_reader;
SELECT * FROM summary('t');
RESET ROLE;

-- rows that somebody may not see are not taken for rows that are not there
CREATE POLICY few ON live.t USING (id < 3);
ALTER TABLE live.t ENABLE ROW LEVEL SECURITY;
SET ROLE regress_pgbackup_reader;
SELECT count(*) FROM live.t;
SELECT fails($$SELECT * FROM diff('t')$$);
SELECT fails($$SELECT * FROM summary('t')$$);
RESET ROLE;
SELECT * FROM summary('t');
ALTER ROLE regress_pgbackup_reader BYPASSRLS;
SET ROLE regress_pgbackup_reader;
SELECT * FROM summary('t');
RESET ROLE;
ALTER ROLE regress_pgbackup_reader NOBYPASSRLS;
-- nor those that are hidden behind a view
CREATE VIEW live.hidden AS SELECT * FROM live.t;
ALTER VIEW live.hidden OWNER TO regress_pgbackup_reader;
SELECT fails($$SELECT * FROM pgbackup_diff_summary('staged.t', 'live.hidden')$$);
DROP VIEW live.hidden;
ALTER TABLE live.t DISABLE ROW LEVEL SECURITY;

-- ---- from backup to merge ----

CREATE TABLE orders (id integer PRIMARY KEY, customer text NOT NULL, total numeric(10,2) NOT NULL);
INSERT INTO orders VALUES (1, 'Ada', 12.50), (2, 'Grace', 99.00), (3, 'Edsger', 7.25), (4, 'Barbara', 31.00);
CREATE TABLE before AS SELECT * FROM orders;
SELECT pgbackup_run(tables => '{public.orders}') IS NOT NULL AS done;
DELETE FROM orders WHERE id = 2;
UPDATE orders SET total = 0 WHERE id = 3;
INSERT INTO orders VALUES (5, 'Alan', 64.00);

-- one statement stages and compares
SELECT s.staged, d.change, d.key
FROM pgbackup_restore_table('orders') s, pgbackup_diff_table(s.staged, 'orders') d;

-- as in the README
SELECT * FROM pgbackup_diff_summary('pgbackup_recovery.orders', 'orders');
SELECT change, key, staged, live, changed_columns FROM pgbackup_diff_table('pgbackup_recovery.orders', 'orders');
BEGIN;
INSERT INTO orders
SELECT s.* FROM pgbackup_recovery.orders s
WHERE NOT EXISTS (SELECT FROM orders WHERE orders.id = s.id);
UPDATE orders SET (customer, total) = (s.customer, s.total)
FROM pgbackup_recovery.orders s
WHERE orders.id = s.id AND orders.id IN (3);
SELECT * FROM pgbackup_diff_summary('pgbackup_recovery.orders', 'orders');
SELECT change, key FROM pgbackup_diff_table('pgbackup_recovery.orders', 'orders');
ROLLBACK;

-- or with what the comparison itself gives, also for a statement that changes the table
INSERT INTO orders
SELECT r.* FROM pgbackup_diff_table('pgbackup_recovery.orders', 'orders') d, jsonb_populate_record(NULL::orders, d.staged) r
WHERE d.change = 'only_staged';
DELETE FROM orders
USING pgbackup_diff_table('pgbackup_recovery.orders', 'orders') d
WHERE d.change = 'only_live' AND orders.id = (d.key->>'id')::integer;
SELECT change, key, changed_columns FROM pgbackup_diff_table('pgbackup_recovery.orders', 'orders');
UPDATE orders SET total = (d.staged->>'total')::numeric
FROM pgbackup_diff_table('pgbackup_recovery.orders', 'orders') d
WHERE d.change = 'changed' AND orders.id = (d.key->>'id')::integer;
SELECT * FROM pgbackup_diff_table('pgbackup_recovery.orders', 'orders');
SELECT count(*) FROM (SELECT * FROM before EXCEPT ALL SELECT * FROM orders) x;

-- it writes nothing
BEGIN READ ONLY;
SELECT * FROM pgbackup_diff_summary('pgbackup_recovery.orders', 'orders');
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA staged, live, types, pgbackup_recovery CASCADE;
DROP FOREIGN DATA WRAPPER regress_pgbackup_wrapper CASCADE;
DROP TABLE orders, before;
DROP VIEW IF EXISTS truth;
DROP FUNCTION diff, summary, fails, public.evil;
REVOKE ALL ON FUNCTION pgbackup_diff_table, pgbackup_diff_summary FROM regress_pgbackup_reader;
DROP ROLE regress_pgbackup_reader;
