--
-- definitions.sql
--	  The first third of a database with one of everything that a backup has to
--	  bring back: roles, types, functions, and all that is no table.
--
-- Run definitions.sql, values.sql and tables.sql with psql, in this order, in an
-- empty database of encoding UTF8, as a superuser.  Variables:
--	  tablespace_folder		an empty directory of the server's owner
--	  config_extension		an extension with configuration tables: config_all, and
--							config_some with a condition; both have the columns
--							id, name, and config_some has the boolean "own" as well
-- The values depend neither on the time nor on chance.
--
-- test/data/definitions.sql
--
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET timezone = 'UTC';

-- ---------------------------------------------------------------------------
-- Roles, tablespaces, the database itself
-- ---------------------------------------------------------------------------

CREATE ROLE keeper;
CREATE ROLE reader LOGIN CONNECTION LIMIT 3 VALID UNTIL '2040-01-01 00:00:00+00';
CREATE ROLE "odd ""role"", in \ it" NOLOGIN IN ROLE reader;
COMMENT ON ROLE keeper IS 'owns what it is given';
GRANT reader TO keeper WITH ADMIN OPTION;
ALTER ROLE reader SET work_mem = '7MB';
CREATE TABLESPACE aside OWNER keeper LOCATION :'tablespace_folder';
COMMENT ON TABLESPACE aside IS 'another place';
GRANT CREATE ON TABLESPACE aside TO reader;

SELECT current_database() AS database \gset
COMMENT ON DATABASE :"database" IS 'a database''s comment';
ALTER DATABASE :"database" SET default_statistics_target = 77;
ALTER ROLE reader IN DATABASE :"database" SET work_mem = '8MB';
GRANT CREATE ON DATABASE :"database" TO keeper WITH GRANT OPTION;
REVOKE TEMPORARY ON DATABASE :"database" FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Schemas, and who may do what by default
-- ---------------------------------------------------------------------------

CREATE SCHEMA objects;
CREATE SCHEMA data;
CREATE SCHEMA kinds AUTHORIZATION keeper;
CREATE SCHEMA nothing_in_it;
COMMENT ON SCHEMA data IS 'values of all types';
GRANT USAGE ON SCHEMA data TO reader;
GRANT ALL ON SCHEMA kinds TO reader WITH GRANT OPTION;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE keeper IN SCHEMA kinds GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE keeper REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE keeper GRANT USAGE ON SEQUENCES TO "odd ""role"", in \ it";

-- ---------------------------------------------------------------------------
-- Extensions
-- ---------------------------------------------------------------------------

CREATE EXTENSION file_fdw;
CREATE EXTENSION hstore WITH SCHEMA objects;
CREATE EXTENSION :config_extension WITH SCHEMA objects;
INSERT INTO objects.config_all VALUES (10, 'added'), (11, E'a\tb\\');
INSERT INTO objects.config_some VALUES (20, 'added', true), (21, E'two\nlines', true);
GRANT SELECT ON objects.config_all TO reader;

-- ---------------------------------------------------------------------------
-- Types
-- ---------------------------------------------------------------------------

CREATE TYPE objects.mood AS ENUM ('sad', 'ok', 'it''s "fine"', 'ünïcode', 'happy');
ALTER TYPE objects.mood ADD VALUE 'so so' BEFORE 'ok';
CREATE DOMAIN objects.positive AS integer DEFAULT 1 CONSTRAINT more_than_nothing CHECK (VALUE > 0);
CREATE DOMAIN objects.short_text AS varchar(20) COLLATE "C" NOT NULL;
CREATE DOMAIN objects.numbers AS integer[] CHECK (cardinality(VALUE) < 5);
CREATE TYPE objects.pair AS (a integer, b text COLLATE "POSIX");
CREATE TYPE objects.nested AS (p objects.pair, many objects.pair[], d objects.positive, m objects.mood);
CREATE TYPE objects.float_range AS RANGE
	(subtype = float8, subtype_diff = float8mi, multirange_type_name = objects.float_ranges);
COMMENT ON TYPE objects.mood IS 'how it is';
COMMENT ON COLUMN objects.pair.b IS 'the second';
COMMENT ON DOMAIN objects.positive IS 'more than nothing';
COMMENT ON CONSTRAINT more_than_nothing ON DOMAIN objects.positive IS 'zero is nothing';
REVOKE USAGE ON TYPE objects.mood FROM PUBLIC;
GRANT USAGE ON TYPE objects.mood TO reader;

-- a base type, of functions that there are
CREATE TYPE objects.number8;
CREATE FUNCTION objects.number8_in(cstring) RETURNS objects.number8
	LANGUAGE internal IMMUTABLE STRICT AS 'int8in';
CREATE FUNCTION objects.number8_out(objects.number8) RETURNS cstring
	LANGUAGE internal IMMUTABLE STRICT AS 'int8out';
CREATE TYPE objects.number8 (INPUT = objects.number8_in, OUTPUT = objects.number8_out, LIKE = int8);
CREATE TYPE objects.never_defined;

-- ---------------------------------------------------------------------------
-- Functions and what is made of them
-- ---------------------------------------------------------------------------

CREATE FUNCTION objects.twice(n integer, OUT doubled integer)
	LANGUAGE sql IMMUTABLE COST 5 AS 'SELECT n * 2';
CREATE FUNCTION objects.text_of(VARIADIC parts text[] DEFAULT '{}') RETURNS text
	LANGUAGE sql STABLE SET search_path = pg_catalog SET work_mem = '5MB'
	RETURN array_to_string(parts, '$$');
CREATE FUNCTION objects.touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
	-- a body of several lines, with $$ and \ in it
	RETURN NEW;
END $body$;
CREATE FUNCTION objects.notice_command() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE PROCEDURE objects.work(INOUT n integer)
	LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN n := n + 1; END $$;
COMMENT ON FUNCTION objects.twice(integer) IS 'twice';
COMMENT ON PROCEDURE objects.work(integer) IS 'work';
ALTER FUNCTION objects.twice(integer) OWNER TO keeper;
REVOKE EXECUTE ON FUNCTION objects.twice(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION objects.twice(integer) TO reader;

CREATE AGGREGATE objects.total(integer)
	(SFUNC = int4pl, STYPE = integer, INITCOND = '0', COMBINEFUNC = int4pl, PARALLEL = safe);
CREATE AGGREGATE objects.quantile(float8 ORDER BY anyelement)
	(SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
COMMENT ON AGGREGATE objects.total(integer) IS 'the sum';

CREATE CAST (objects.number8 AS int8) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (int8 AS objects.number8) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (objects.pair AS objects.mood) WITH INOUT;
COMMENT ON CAST (objects.number8 AS int8) IS 'they are the same';

CREATE FUNCTION objects.above(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > $2';
CREATE OPERATOR objects.>>>> (FUNCTION = objects.above, LEFTARG = integer, RIGHTARG = integer,
	COMMUTATOR = OPERATOR(objects.<<<<), RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
COMMENT ON OPERATOR objects.>>>> (integer, integer) IS 'above';
CREATE OPERATOR FAMILY objects.order_family USING btree;
CREATE OPERATOR CLASS objects.order_class FOR TYPE integer USING btree FAMILY objects.order_family AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
ALTER OPERATOR FAMILY objects.order_family USING btree ADD
	OPERATOR 1 < (integer, bigint), FUNCTION 1 (integer, bigint) btint48cmp(integer, bigint);
CREATE ACCESS METHOD heap_again TYPE TABLE HANDLER heap_tableam_handler;
CREATE ACCESS METHOD gist_again TYPE INDEX HANDLER gisthandler;
CREATE OPERATOR CLASS objects.box_class DEFAULT FOR TYPE box USING gist_again AS
	OPERATOR 1 <<, OPERATOR 3 &&, OPERATOR 6 ~=,
	FUNCTION 1 gist_box_consistent(internal, box, smallint, oid, internal), FUNCTION 2 gist_box_union(internal, internal),
	FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
	FUNCTION 7 gist_box_same(box, box, internal);
COMMENT ON ACCESS METHOD heap_again IS 'the same under another name';
CREATE FUNCTION objects.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE LANGUAGE plpgsql_again HANDLER objects.handler;
COMMENT ON LANGUAGE plpgsql_again IS 'the same under another name';
CREATE TRANSFORM FOR integer LANGUAGE plpgsql_again (FROM SQL WITH FUNCTION prsd_lextype(internal));
CREATE CONVERSION objects.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;

CREATE COLLATION objects.by_code (provider = libc, locale = 'POSIX');
COMMENT ON COLLATION objects.by_code IS 'by code';
CREATE TEXT SEARCH DICTIONARY objects.stems (TEMPLATE = simple, Accept = false);
CREATE TEXT SEARCH CONFIGURATION objects.search (COPY = pg_catalog.simple);
ALTER TEXT SEARCH CONFIGURATION objects.search ALTER MAPPING FOR asciiword, word WITH objects.stems, simple;
CREATE TEXT SEARCH PARSER objects.words
	(START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE objects.template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
COMMENT ON TEXT SEARCH CONFIGURATION objects.search IS 'a search';

-- ---------------------------------------------------------------------------
-- Foreign servers
-- ---------------------------------------------------------------------------

CREATE FOREIGN DATA WRAPPER no_wrapper OPTIONS (debug 'true');
CREATE SERVER elsewhere TYPE 'kind' VERSION '1.0' FOREIGN DATA WRAPPER no_wrapper OPTIONS (host 'here''s');
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE USER MAPPING FOR reader SERVER elsewhere OPTIONS (name 'somebody', password 'a\b');
CREATE USER MAPPING FOR PUBLIC SERVER files;
GRANT USAGE ON FOREIGN SERVER elsewhere TO reader;
GRANT USAGE ON FOREIGN DATA WRAPPER file_fdw TO keeper;
COMMENT ON SERVER elsewhere IS 'not here';
