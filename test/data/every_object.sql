--
-- every_object.sql
--	  What definitions.sql and tables.sql leave out of the kinds of objects that
--	  pg_dump knows, and of the forms that each of them takes.  Together they have
--	  every kind that its documentation and its source name, but security labels,
--	  which need a provider.
--
-- Run it with psql after definitions.sql, values.sql and tables.sql, in the same database.
--
-- test/data/every_object.sql
--
\set ON_ERROR_STOP on
SET client_min_messages = error;
SET timezone = 'UTC';
SELECT current_setting('server_version_num')::integer >= 160000 AS is_16,
	current_setting('server_version_num')::integer >= 170000 AS is_17,
	current_setting('server_version_num')::integer >= 180000 AS is_18,
	EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') AS has_icu \gset

CREATE SCHEMA every;
CREATE SCHEMA "every ""Object"".\";
CREATE ROLE every_reader;
CREATE ROLE every_owner;
GRANT USAGE, CREATE ON SCHEMA every TO every_owner;
SET search_path = every, public;

-- ---------------------------------------------------------------------------
-- Who may do what by default, for each kind of object
-- ---------------------------------------------------------------------------

ALTER DEFAULT PRIVILEGES FOR ROLE every_owner GRANT SELECT, TRIGGER ON TABLES TO every_reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE every_owner REVOKE ALL ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE every_owner GRANT USAGE ON SCHEMAS TO every_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE every_owner IN SCHEMA every GRANT EXECUTE ON ROUTINES TO every_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE every_owner IN SCHEMA every GRANT SELECT ON SEQUENCES TO PUBLIC;
\if :is_18
ALTER DEFAULT PRIVILEGES FOR ROLE every_owner GRANT SELECT ON LARGE OBJECTS TO every_reader;
\endif

-- ---------------------------------------------------------------------------
-- Types
-- ---------------------------------------------------------------------------

CREATE TYPE no_columns AS ();
CREATE TYPE empty_enum AS ENUM ();
CREATE TYPE text_range AS RANGE (subtype = text, subtype_opclass = text_pattern_ops, collation = "C");
CREATE DOMAIN every_domain AS numeric(5, 2)[] NOT NULL DEFAULT '{1.5}' CHECK (cardinality(VALUE) > 0) CHECK (VALUE[1] > 0);
CREATE DOMAIN domain_of_domain AS every_domain CONSTRAINT "two ""words""" CHECK (VALUE[1] < 100);
ALTER DOMAIN domain_of_domain ADD CONSTRAINT late CHECK (VALUE[2] < 100) NOT VALID;
CREATE DOMAIN composite_domain AS objects.pair CHECK ((VALUE).a > 0);
COMMENT ON TYPE text_range IS 'a range';
COMMENT ON CONSTRAINT late ON DOMAIN domain_of_domain IS 'late';

-- a range that rounds: its functions need the type before it is there
CREATE TYPE even_range;
CREATE FUNCTION even_canonical(even_range) RETURNS even_range LANGUAGE internal IMMUTABLE STRICT AS 'int4range_canonical';
CREATE TYPE even_range AS RANGE (subtype = integer, subtype_diff = int4range_subdiff, canonical = even_canonical, multirange_type_name = even_ranges);

-- a base type with everything that one can have
CREATE TYPE label;
CREATE FUNCTION label_in(cstring, oid, integer) RETURNS label LANGUAGE internal IMMUTABLE STRICT AS 'varcharin';
CREATE FUNCTION label_out(label) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'varcharout';
CREATE FUNCTION label_recv(internal, oid, integer) RETURNS label LANGUAGE internal STABLE STRICT AS 'varcharrecv';
CREATE FUNCTION label_send(label) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'varcharsend';
CREATE TYPE label (INPUT = label_in, OUTPUT = label_out, RECEIVE = label_recv, SEND = label_send,
	TYPMOD_IN = varchartypmodin, TYPMOD_OUT = varchartypmodout, INTERNALLENGTH = VARIABLE, ALIGNMENT = int4,
	STORAGE = extended, CATEGORY = 'x', PREFERRED = true, DEFAULT = 'none', DELIMITER = '|', COLLATABLE = true);
CREATE TYPE fixed;
CREATE FUNCTION fixed_in(cstring) RETURNS fixed LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION fixed_out(fixed) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE fixed (INPUT = fixed_in, OUTPUT = fixed_out, INTERNALLENGTH = 4, PASSEDBYVALUE, ALIGNMENT = int4);
CREATE CAST (fixed AS integer) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE FUNCTION fixed_of(integer) RETURNS fixed LANGUAGE internal IMMUTABLE STRICT AS 'int4up';
CREATE CAST (integer AS fixed) WITH FUNCTION fixed_of(integer) AS IMPLICIT;
CREATE TABLE of_own_types (l label(5) DEFAULT 'abc', ls label[], f fixed, e even_range, es even_ranges, t text_range, d domain_of_domain, c composite_domain, n no_columns);
INSERT INTO of_own_types VALUES (DEFAULT, '{a|b|"c|d"}', 7, '[1,5]', '{[1,3),[5,7]}', '(a,b]', '{1,2}', '(1,x)', '()'),
	(NULL, NULL, NULL, NULL, NULL, NULL, '{3}', NULL, NULL);
GRANT USAGE ON TYPE label TO every_reader WITH GRANT OPTION;
REVOKE USAGE ON DOMAIN every_domain FROM PUBLIC;
ALTER TYPE label OWNER TO every_owner;

CREATE COLLATION from_other FROM "POSIX";
\if :has_icu
CREATE COLLATION not_deterministic (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE collated (t text COLLATE not_deterministic UNIQUE);
INSERT INTO collated VALUES ('a'), ('é');
\if :is_16
CREATE COLLATION with_rules (provider = icu, locale = 'und', rules = '&V << w <<< W');
\endif
\endif
\if :is_17
CREATE COLLATION built_in (provider = builtin, locale = 'C.UTF-8');
\endif

-- ---------------------------------------------------------------------------
-- Functions, aggregates, operators
-- ---------------------------------------------------------------------------

CREATE FUNCTION several(a integer, INOUT b text DEFAULT 'x''\', OUT c numeric, VARIADIC d anyarray DEFAULT '{}'::integer[])
	RETURNS SETOF record LANGUAGE plpgsql STABLE LEAKPROOF PARALLEL RESTRICTED ROWS 7 COST 3.5 STRICT SECURITY DEFINER
	SET datestyle = 'ISO, DMY' SET "plpgsql.extra_errors" = 'all' SET search_path = every, "every ""Object"".\", pg_temp
	AS $_$ BEGIN c := 1; RETURN NEXT; END $_$;
CREATE FUNCTION a_table(n integer) RETURNS TABLE (x integer, "y z" text) LANGUAGE sql
	BEGIN ATOMIC SELECT g AS x, 'a;b' AS y FROM generate_series(1, n) g; SELECT n AS x, 'c' AS y; END;
CREATE FUNCTION windowed(bigint) RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number';
CREATE FUNCTION supported(integer) RETURNS SETOF integer LANGUAGE internal SUPPORT generate_series_int4_support AS 'generate_series_int4';
CREATE FUNCTION with_transform(integer) RETURNS integer LANGUAGE plpgsql_again TRANSFORM FOR TYPE integer AS 'BEGIN RETURN 1; END';
CREATE PROCEDURE atomic_work(IN a integer, OUT b integer) LANGUAGE sql BEGIN ATOMIC SELECT a + 1; END;
CREATE FUNCTION trusted_validator(oid) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE FUNCTION trusted_inline(internal) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE TRUSTED LANGUAGE full_language HANDLER objects.handler INLINE trusted_inline VALIDATOR trusted_validator;
GRANT USAGE ON LANGUAGE full_language TO every_reader;
REVOKE USAGE ON LANGUAGE full_language FROM PUBLIC;
COMMENT ON ROUTINE windowed(bigint) IS 'a window function';
COMMENT ON TRANSFORM FOR integer LANGUAGE plpgsql_again IS 'a transform';
GRANT EXECUTE ON PROCEDURE atomic_work(integer) TO every_reader;

CREATE AGGREGATE moving(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, SSPACE = 200, FINALFUNC = numeric_avg, FINALFUNC_MODIFY = read_only,
	COMBINEFUNC = numeric_avg_combine, SERIALFUNC = numeric_avg_serialize, DESERIALFUNC = numeric_avg_deserialize,
	MSFUNC = numeric_avg_accum, MINVFUNC = numeric_accum_inv, MSTYPE = internal, MSSPACE = 100, MFINALFUNC = numeric_avg, MFINALFUNC_MODIFY = shareable);
CREATE AGGREGATE smallest(integer) (SFUNC = int4smaller, STYPE = integer, SORTOP = <);
CREATE AGGREGATE hypothetical(VARIADIC "any" ORDER BY VARIADIC "any")
	(SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
CREATE AGGREGATE counted(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '7');
GRANT EXECUTE ON FUNCTION counted() TO every_reader;

CREATE FUNCTION same(integer, integer) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION other(integer, integer) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4ne';
CREATE OPERATOR === (FUNCTION = same, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = ===, NEGATOR = !==,
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR !== (FUNCTION = other, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = !==, NEGATOR = ===, RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR !@# (FUNCTION = factorial, RIGHTARG = bigint);
CREATE OPERATOR CLASS hashed FOR TYPE integer USING hash AS OPERATOR 1 ===, FUNCTION 1 hashint4(integer), FUNCTION 2 hashint4extended(integer, bigint);
CREATE OPERATOR CLASS nearest FOR TYPE point USING gist AS
	OPERATOR 1 <<, OPERATOR 15 <-> (point, point) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gist_point_consistent(internal, point, smallint, oid, internal), FUNCTION 2 gist_box_union(internal, internal),
	FUNCTION 3 gist_point_compress(internal), FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
	FUNCTION 7 gist_box_same(box, box, internal), FUNCTION 8 gist_point_distance(internal, point, smallint, oid, internal), STORAGE box;
CREATE OPERATOR FAMILY lonely USING hash;
COMMENT ON OPERATOR CLASS hashed USING hash IS 'a class';
COMMENT ON OPERATOR FAMILY lonely USING hash IS 'a family';
COMMENT ON OPERATOR !@# (NONE, bigint) IS 'a prefix operator';
CREATE DEFAULT CONVERSION "every ""Object"".\".to_latin FOR 'UTF8' TO 'LATIN2' FROM utf8_to_iso8859;
COMMENT ON CONVERSION "every ""Object"".\".to_latin IS 'a conversion';

-- ---------------------------------------------------------------------------
-- Text search
-- ---------------------------------------------------------------------------

CREATE TEXT SEARCH DICTIONARY synonyms (TEMPLATE = snowball, language = 'english', stopwords = 'english');
CREATE TEXT SEARCH CONFIGURATION of_parser (PARSER = objects.words);
ALTER TEXT SEARCH CONFIGURATION of_parser ADD MAPPING FOR word, email, url WITH synonyms, pg_catalog.simple;
COMMENT ON TEXT SEARCH DICTIONARY synonyms IS 'a dictionary';
COMMENT ON TEXT SEARCH PARSER objects.words IS 'a parser';
COMMENT ON TEXT SEARCH TEMPLATE objects.template IS 'a template';
ALTER TEXT SEARCH CONFIGURATION of_parser OWNER TO every_owner;

-- ---------------------------------------------------------------------------
-- Foreign data
-- ---------------------------------------------------------------------------

CREATE FUNCTION wrap() RETURNS fdw_handler LANGUAGE c STRICT AS '$libdir/file_fdw', 'file_fdw_handler';
CREATE FUNCTION check_options(text[], oid) RETURNS void LANGUAGE c STRICT AS '$libdir/file_fdw', 'file_fdw_validator';
CREATE FOREIGN DATA WRAPPER "own wrapper" HANDLER wrap VALIDATOR check_options;
CREATE SERVER "own server" FOREIGN DATA WRAPPER "own wrapper";
CREATE USER MAPPING FOR every_reader SERVER "own server";
CREATE TABLE half_foreign (id integer, line text) PARTITION BY LIST (id);
CREATE FOREIGN TABLE half_foreign_1 PARTITION OF half_foreign (line DEFAULT 'x') FOR VALUES IN (1) SERVER "own server" OPTIONS (filename '/dev/null', format 'csv');
CREATE FOREIGN TABLE constrained (id integer NOT NULL CHECK (id > 0), own text COLLATE "C" DEFAULT 'd', g integer GENERATED ALWAYS AS (id + 1) STORED)
	INHERITS (kinds.parent) SERVER files OPTIONS (filename '/dev/null', "format" 'text');
ALTER FOREIGN TABLE constrained ALTER own SET STATISTICS 7, ALTER own OPTIONS (ADD force_null 'true');
GRANT SELECT ON constrained TO every_reader;
GRANT USAGE ON FOREIGN SERVER "own server" TO every_reader;
GRANT USAGE ON FOREIGN DATA WRAPPER "own wrapper" TO every_owner WITH GRANT OPTION;
ALTER SERVER "own server" OWNER TO every_owner;
COMMENT ON FOREIGN DATA WRAPPER "own wrapper" IS 'a wrapper';
COMMENT ON COLUMN constrained.own IS 'a foreign column';

-- ---------------------------------------------------------------------------
-- Tables: persistence, partitions, inheritance, columns
-- ---------------------------------------------------------------------------

CREATE UNLOGGED TABLE unlogged (id integer GENERATED BY DEFAULT AS IDENTITY, s serial);
CREATE UNLOGGED SEQUENCE unlogged_sequence;
INSERT INTO unlogged DEFAULT VALUES;
CREATE TEMPORARY TABLE of_this_session (id integer);
CREATE TABLE storage (a text, b text COMPRESSION pglz, c bytea, d text) WITH (toast_tuple_target = 200, user_catalog_table = false);
ALTER TABLE storage REPLICA IDENTITY FULL, ALTER a SET STORAGE EXTERNAL, ALTER c SET STORAGE MAIN, ALTER d SET (n_distinct = 5, n_distinct_inherited = -1);
CREATE TABLE no_identity (id integer);
ALTER TABLE no_identity REPLICA IDENTITY NOTHING, SET WITHOUT CLUSTER;

CREATE TABLE ranged (a integer, b text COLLATE "C", c timestamptz NOT NULL DEFAULT '2000-01-01 00:00Z', d integer GENERATED ALWAYS AS (a * 2) STORED, CHECK (a <> 13))
	PARTITION BY RANGE (a, (lower(b)) COLLATE "POSIX" text_pattern_ops);
CREATE TABLE ranged_low PARTITION OF ranged (c DEFAULT '2001-01-01 00:00Z', CONSTRAINT own CHECK (b <> '')) FOR VALUES FROM (MINVALUE, MINVALUE) TO (0, 'm') WITH (fillfactor = 60);
CREATE UNLOGGED TABLE ranged_high PARTITION OF ranged FOR VALUES FROM (0, 'm') TO (MAXVALUE, MAXVALUE);
INSERT INTO ranged (a, b) VALUES (-5, 'x'), (0, 'a'), (0, 'z'), (5, 'y');
CREATE TABLE listed (a integer, b integer, PRIMARY KEY (a, b)) PARTITION BY LIST (a);
CREATE TABLE listed_12 PARTITION OF listed FOR VALUES IN (1, 2) PARTITION BY HASH (b);
CREATE TABLE listed_12_0 PARTITION OF listed_12 FOR VALUES WITH (MODULUS 2, REMAINDER 0) TABLESPACE aside;
CREATE TABLE listed_12_1 PARTITION OF listed_12 FOR VALUES WITH (MODULUS 2, REMAINDER 1) USING heap_again;
INSERT INTO listed SELECT 1 + n % 2, n FROM generate_series(1, 20) n;
CREATE TABLE nothing_attached (a integer) PARTITION BY HASH (a);
CREATE INDEX only_above ON ONLY listed (b);
CREATE TABLE refers_to_parts (a integer, b integer, FOREIGN KEY (a, b) REFERENCES listed MATCH FULL ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE parts_refer (id integer, a integer, b integer, FOREIGN KEY (a, b) REFERENCES listed (a, b) ON DELETE SET DEFAULT (b) INITIALLY DEFERRED) PARTITION BY LIST (id);
CREATE TABLE parts_refer_1 PARTITION OF parts_refer DEFAULT;
INSERT INTO parts_refer VALUES (1, 1, 2), (2, NULL, NULL);

CREATE TABLE mother (id integer PRIMARY KEY, name text NOT NULL CHECK (name <> '') , born date DEFAULT '2000-01-01');
CREATE TABLE father (id integer, name text, CONSTRAINT only_here CHECK (id > 0) NO INHERIT);
CREATE TABLE kid (own text, name text DEFAULT 'kid' NOT NULL) INHERITS (mother, father);
CREATE TABLE adopted (id integer NOT NULL, name text NOT NULL CHECK (name <> ''), born date);
ALTER TABLE adopted ADD CONSTRAINT mother_name_check CHECK (name <> '');
ALTER TABLE adopted INHERIT mother;
INSERT INTO kid VALUES (1, 'a', NULL, 'b');
\if :is_18
CREATE TABLE of_18 (id int4range, valid daterange, v integer GENERATED ALWAYS AS (lower(id)) VIRTUAL, CONSTRAINT of_18_pkey PRIMARY KEY (id, valid WITHOUT OVERLAPS));
CREATE TABLE refers_18 (id int4range, valid daterange, x integer, CONSTRAINT loose CHECK (x > 0) NOT ENFORCED,
	CONSTRAINT temporal FOREIGN KEY (id, PERIOD valid) REFERENCES of_18 (id, PERIOD valid));
ALTER TABLE refers_18 ADD CONSTRAINT not_null_late NOT NULL x NOT VALID;
COMMENT ON CONSTRAINT not_null_late ON refers_18 IS 'a constraint of 18';
INSERT INTO of_18 VALUES ('[1,2)', '[2000-01-01,2001-01-01)');
\endif

-- ---------------------------------------------------------------------------
-- Constraints and indexes of each kind
-- ---------------------------------------------------------------------------

CREATE TABLE indexed (id integer, t text, p point, b box, a integer[], v tsvector, j jsonb, i inet, r int4range, x integer, y integer);
CREATE INDEX by_hash ON indexed USING hash (t);
CREATE INDEX by_gin ON indexed USING gin (a, v) WITH (fastupdate = off, gin_pending_list_limit = 128);
CREATE INDEX by_path ON indexed USING gin (j jsonb_path_ops);
CREATE INDEX by_gist ON indexed USING gist (p, i inet_ops) WITH (buffering = off);
CREATE INDEX by_signature ON indexed USING gist (v tsvector_ops (siglen = 100));
CREATE INDEX by_spgist ON indexed USING spgist (t text_ops) INCLUDE (id);
CREATE INDEX by_brin ON indexed USING brin (x int4_minmax_multi_ops (values_per_range = 16), y) WITH (pages_per_range = 4, autosummarize = on);
CREATE INDEX by_own_class ON indexed USING hash (x hashed);
CREATE UNIQUE INDEX by_much ON indexed (x DESC NULLS LAST, (t || 'é') COLLATE "C", y ASC NULLS FIRST) INCLUDE (id) NULLS NOT DISTINCT WITH (fillfactor = 77, deduplicate_items = off) WHERE x > 0;
ALTER TABLE indexed ADD CONSTRAINT deferred UNIQUE (id) DEFERRABLE INITIALLY DEFERRED,
	ADD CONSTRAINT "no overlap" EXCLUDE USING gist (r WITH &&, (int4range(x, y)) WITH =) WHERE (x < y),
	ADD CONSTRAINT "with index" UNIQUE (id, t) USING INDEX TABLESPACE aside;
CREATE UNIQUE INDEX becomes_key ON indexed (id, x, y);
ALTER TABLE indexed ADD CONSTRAINT becomes_key PRIMARY KEY USING INDEX becomes_key;
ALTER TABLE indexed CLUSTER ON "with index";
CREATE TABLE cycle_a (id integer PRIMARY KEY, b integer);
CREATE TABLE cycle_b (id integer PRIMARY KEY, a integer CONSTRAINT "to a" REFERENCES cycle_a ON DELETE RESTRICT DEFERRABLE);
ALTER TABLE cycle_a ADD FOREIGN KEY (b) REFERENCES cycle_b NOT VALID;
INSERT INTO cycle_a VALUES (1, NULL);
INSERT INTO cycle_b VALUES (1, 1);
COMMENT ON CONSTRAINT "to a" ON cycle_b IS 'a foreign key';
CREATE STATISTICS of_two ON x, y FROM indexed;
CREATE STATISTICS of_expression ON (x + y) FROM indexed;
CREATE STATISTICS "every ""Object"".\".dependent (dependencies) ON x, y FROM indexed;
ALTER STATISTICS of_expression OWNER TO every_owner;

-- ---------------------------------------------------------------------------
-- Sequences
-- ---------------------------------------------------------------------------

CREATE SEQUENCE down AS bigint INCREMENT -3 MINVALUE -9223372036854775808 MAXVALUE -1 START -5 CACHE 9 CYCLE;
SELECT nextval('down'), nextval('down') \g /dev/null
CREATE TABLE with_identity (a bigint GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME "its ""sequence" START 50 INCREMENT BY 10 MINVALUE 10 MAXVALUE 90 CYCLE CACHE 3), b smallserial);
INSERT INTO with_identity (b) VALUES (5), (DEFAULT);
CREATE TABLE takes_other (n integer DEFAULT nextval('down') + 1);

-- ---------------------------------------------------------------------------
-- Views and rules, also such as depend on each other
-- ---------------------------------------------------------------------------

CREATE VIEW invoker WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM mother WHERE id > 0 WITH CASCADED CHECK OPTION;
CREATE VIEW grouped AS SELECT id, name, born, count(*) FROM mother GROUP BY id;
CREATE VIEW no_columns_view AS SELECT;
CREATE RECURSIVE VIEW counting (n, path) AS VALUES (1, ARRAY[1]) UNION ALL SELECT n + 1, path || n FROM counting WHERE n < 5;
CREATE VIEW odd_names AS SELECT 1 AS "select", 'x''\'::text AS "A ""b""", NULL::objects.mood AS m, ROW(1, 'x')::objects.pair AS r;
COMMENT ON COLUMN odd_names."A ""b""" IS 'a column of a view';
CREATE VIEW round_1 AS SELECT 1 AS a, 'x'::text AS b;
CREATE VIEW round_2 AS SELECT a, b FROM round_1;
CREATE OR REPLACE VIEW round_1 AS SELECT 2 AS a, 'y'::text AS b WHERE EXISTS (SELECT FROM mother) ;
CREATE MATERIALIZED VIEW grouped_stored USING heap_again WITH (fillfactor = 50) AS SELECT id, name, born FROM mother GROUP BY id WITH DATA;
CREATE MATERIALIZED VIEW on_top AS SELECT count(*) FROM grouped_stored;
CREATE INDEX grouped_stored_name ON grouped_stored (name);
ALTER MATERIALIZED VIEW grouped_stored CLUSTER ON grouped_stored_name, ALTER name SET STATISTICS 9;
GRANT SELECT (id) ON grouped_stored TO every_reader;
CREATE RULE also AS ON UPDATE TO mother WHERE new.id <> old.id DO ALSO (INSERT INTO father VALUES (new.id, 'moved'); DELETE FROM father WHERE id = old.id);
CREATE RULE told AS ON UPDATE TO father DO NOTIFY father_moved;
CREATE RULE replaced AS ON INSERT TO invoker DO INSTEAD INSERT INTO mother VALUES (new.*) RETURNING *;
CREATE RULE quiet AS ON DELETE TO father DO INSTEAD NOTHING;
ALTER TABLE mother DISABLE RULE also;
ALTER TABLE father ENABLE REPLICA RULE quiet;

-- a function that takes a row of the table that it checks
CREATE TABLE checked (a integer, b integer);
CREATE FUNCTION is_right(checked) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.a < $1.b';
ALTER TABLE checked ADD CONSTRAINT right_row CHECK (is_right(checked.*));
CREATE INDEX checked_right ON checked (is_right(checked.*));
INSERT INTO checked VALUES (1, 2);
CREATE FUNCTION of_view(grouped) RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC SELECT $1.name; END;

-- ---------------------------------------------------------------------------
-- Triggers, event triggers, policies
-- ---------------------------------------------------------------------------

CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER first AFTER INSERT OR DELETE OR UPDATE OF name, born ON mother FOR EACH ROW WHEN (pg_trigger_depth() < 2) EXECUTE FUNCTION noted();
CREATE TRIGGER both_tables AFTER UPDATE ON mother REFERENCING OLD TABLE AS "old ones" NEW TABLE AS new_ones FOR EACH STATEMENT EXECUTE FUNCTION noted('', 'a\b', 'é''');
CREATE CONSTRAINT TRIGGER other_table AFTER INSERT ON cycle_a FROM cycle_b NOT DEFERRABLE FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TRIGGER in_parts AFTER INSERT ON listed FOR EACH ROW EXECUTE FUNCTION noted();
ALTER TABLE listed_12_0 DISABLE TRIGGER in_parts;
ALTER TABLE listed_12_1 ENABLE ALWAYS TRIGGER in_parts;
ALTER TABLE mother ENABLE REPLICA TRIGGER first;
CREATE TRIGGER "odd "" trigger" BEFORE DELETE ON father EXECUTE PROCEDURE noted();
CREATE EVENT TRIGGER ended ON ddl_command_end WHEN TAG IN ('CREATE AGGREGATE') EXECUTE FUNCTION objects.notice_command();
CREATE EVENT TRIGGER rewritten ON table_rewrite EXECUTE FUNCTION objects.notice_command();
ALTER EVENT TRIGGER ended ENABLE REPLICA;
ALTER EVENT TRIGGER rewritten ENABLE ALWAYS;

ALTER TABLE mother ENABLE ROW LEVEL SECURITY;
CREATE POLICY "all of it" ON mother FOR ALL TO every_owner, every_reader USING (id > 0 OR EXISTS (SELECT FROM father));
CREATE POLICY may_insert ON mother FOR INSERT WITH CHECK (name <> 'x');
CREATE POLICY may_update ON mother AS RESTRICTIVE FOR UPDATE TO CURRENT_USER USING (true) WITH CHECK (id < 100);
CREATE POLICY may_delete ON mother FOR DELETE TO PUBLIC USING (false);
ALTER TABLE father FORCE ROW LEVEL SECURITY;

-- ---------------------------------------------------------------------------
-- Rights, owners, publications, subscriptions, large objects
-- ---------------------------------------------------------------------------

GRANT ALL ON mother TO every_owner WITH GRANT OPTION;
GRANT UPDATE (name), SELECT (id, name) ON mother TO every_reader WITH GRANT OPTION;
REVOKE SELECT ON father FROM CURRENT_USER;
GRANT EXECUTE ON FUNCTION windowed(bigint) TO every_reader;
REVOKE ALL ON FUNCTION several(integer, text, anyarray) FROM PUBLIC;
GRANT SET ON PARAMETER work_mem TO every_reader;
ALTER AGGREGATE smallest(integer) OWNER TO every_owner;
ALTER VIEW grouped OWNER TO every_owner;
ALTER SEQUENCE down OWNER TO every_owner;
SET ROLE every_owner;
CREATE TABLE by_default (id integer);
CREATE TYPE enum_by_default AS ENUM ('a');
CREATE FUNCTION function_by_default() RETURNS integer LANGUAGE sql AS 'SELECT 1';
RESET ROLE;
REVOKE EXECUTE ON FUNCTION objects.hstore(text, text) FROM PUBLIC;
COMMENT ON EXTENSION hstore IS 'with a comment of our own';

CREATE PUBLICATION nothing_yet;
CREATE PUBLICATION filtered FOR TABLE mother WHERE (id > 10 AND name <> 'x'), TABLES IN SCHEMA "every ""Object"".\" WITH (publish = 'truncate');
ALTER PUBLICATION nothing_yet OWNER TO every_owner;
CREATE SUBSCRIPTION "second one" CONNECTION 'host=''no where'' dbname=x' PUBLICATION a, "b "" c"
	WITH (connect = false, slot_name = 'slot', binary = true, streaming = true, two_phase = true, disable_on_error = true, synchronous_commit = 'remote_apply');
COMMENT ON SUBSCRIPTION "second one" IS 'a subscription';
SELECT lo_from_bytea(920001, '\x00ff') \g /dev/null
COMMENT ON LARGE OBJECT 920001 IS 'with rights and a comment';
GRANT ALL ON LARGE OBJECT 920001 TO every_reader WITH GRANT OPTION;
ALTER LARGE OBJECT 920001 OWNER TO every_owner;
