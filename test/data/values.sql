--
-- values.sql
--	  The second third: values of every type, at their limits and beyond the
--	  common case.
--
-- See definitions.sql.
--
-- test/data/values.sql
--
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET timezone = 'UTC';
SET search_path = data, objects, public;

-- ---------------------------------------------------------------------------
-- Numbers
-- ---------------------------------------------------------------------------

CREATE TABLE integers (i2 smallint, i4 integer, i8 bigint, o oid, x xid, c cid, x8 xid8, b boolean);
INSERT INTO integers VALUES
	(0, 0, 0, 0, '0', '0', '0', false),
	(-32768, -2147483648, -9223372036854775808, 1, '3', '4', '5', true),
	(32767, 2147483647, 9223372036854775807, 4294967295, '4294967295', '4294967295', '18446744073709551615', NULL),
	(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO integers (i2, i4, i8)
	SELECT sign * (10 ^ least(n, 4))::numeric::int2, sign * (10 ^ least(n, 9) - 1)::numeric::int4,
		sign * (10::numeric ^ n)::int8
	FROM generate_series(0, 18) n, (VALUES (1), (-1)) s(sign);

CREATE TABLE numerics (n numeric, p numeric(10, 3), m money);
INSERT INTO numerics VALUES
	('NaN', 'NaN', '$1,234.56'), ('Infinity', NULL, '-92233720368547758.08'),
	('-Infinity', NULL, '92233720368547758.07'), (0, 0, 0), ('0.000', -0.0005, '-$0.01'),
	('1e300', 9999999.999, NULL), ('-1e-300', -9999999.999, NULL), ('1e-16383', 1, NULL),
	((repeat('9', 2000) || '.' || repeat('1', 2000))::numeric, 0.1, NULL), (NULL, NULL, NULL);
INSERT INTO numerics (n) SELECT 1::numeric / n FROM generate_series(1, 50) n;
INSERT INTO numerics (n) SELECT 10000::numeric ^ n + 1 FROM generate_series(0, 20) n;
-- digits are stored by four: all beginnings and ends of such groups
INSERT INTO numerics (n)
	SELECT (sign || substr('1234567890000098765432100010', 1, before) || '.' || substr('00000000102030405060708090000', start, after))::numeric
	FROM generate_series(1, 13) before, generate_series(0, 13) after, generate_series(1, 9) start, (VALUES (''), ('-')) s(sign);
INSERT INTO numerics (n) SELECT ('0.' || repeat('0', zeros) || substr('1230000456', 1, digits))::numeric
	FROM generate_series(0, 20) zeros, generate_series(1, 10) digits;

CREATE TABLE floats (f4 real, f8 double precision);
INSERT INTO floats VALUES
	('NaN', 'NaN'), ('Infinity', 'Infinity'), ('-Infinity', '-Infinity'), (0, 0), ('-0', '-0'),
	('3.4028235e38', '1.7976931348623157e308'), ('1e-45', '5e-324'), ('1.17549435e-38', '2.2250738585072014e-308'),
	(0.1, 0.1), (1 / 3::real, 1 / 3::double precision), (16777216, 9007199254740993), (1e15, 1e15), (1e16, 1e16),
	(123456.7, 123456789012345.67), (1e-4, 1e-4), (1e-5, 1e-5), (NULL, NULL);
INSERT INTO floats SELECT sqrt(n)::real, exp(n - 500) FROM generate_series(1, 1000) n;
INSERT INTO floats SELECT n * 1.1::real ^ (n % 400 - 200), n / 7.0::float8 * 10 ^ (n % 40 - 20) FROM generate_series(1, 2000) n;

-- ---------------------------------------------------------------------------
-- Moments
-- ---------------------------------------------------------------------------

CREATE TABLE moments (d date, ts timestamp, tz timestamptz, t time, tt timetz, ts0 timestamp(0), tz3 timestamptz(3));
INSERT INTO moments VALUES
	('infinity', 'infinity', 'infinity', '00:00', '00:00+15:59', 'infinity', '-infinity'),
	('-infinity', '-infinity', '-infinity', '24:00', '24:00-15:59:59', '-infinity', 'infinity'),
	('4714-11-24 BC', '4714-11-24 00:00:00 BC', '4714-11-24 00:00:00+00 BC', '23:59:59.999999', '12:34:56.7-08', NULL, NULL),
	('5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '00:00:00.000001', '01:02:03.000001+05:30', NULL, NULL),
	('0001-01-01 BC', '0001-12-31 23:59:59.5 BC', '0001-02-29 12:00 BC', '01:02:03.1', '00:00:00+00:00:01', '2000-01-01', '2000-01-01 00:00:00.001'),
	('0001-01-01', '0001-01-01', '0001-01-01 00:00', '12:00', '12:00-00:30', '1999-12-31 23:59:59.6', '1999-12-31 23:59:59.9996'),
	('10000-01-01', '10000-01-01 00:00:00.1', '99999-12-31 23:59:59.123456', '00:00:01.10', '10:10:10.10+14', NULL, NULL),
	('2000-02-29', '2024-02-29 23:59:60', '2026-10-25 01:30:00+02', '23:59:60', '23:59:60Z', NULL, NULL),
	(NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO moments (d, ts, tz)
	SELECT '1850-01-01'::date + n * 37, '1850-01-01'::timestamp + n * interval '37 days 1 hour 1.000001 seconds',
		'1850-01-01 00:00+00'::timestamptz + n * interval '41 days 7 minutes 0.25 seconds'
	FROM generate_series(1, 2000) n;

CREATE TABLE intervals (i interval, y interval year to month, s interval second(2));
INSERT INTO intervals VALUES
	('0', '0', '0'), ('178000000 years', '10 years 11 months', '59.999'), ('-178000000 years', '-1 month', '-0.01'),
	('1 year -1 month 2 days -03:04:05.000006', '-10 years', '1000'), ('-1 year +1 day', '1 month', '0.1'),
	('2562047788:00:54.775807', NULL, NULL), ('-2562047788:00:54.775807', NULL, NULL),
	('00:00:00.000001', NULL, NULL), ('-00:00:00.5', NULL, NULL), ('1 day ago', NULL, NULL), (NULL, NULL, NULL);

-- ---------------------------------------------------------------------------
-- Text
-- ---------------------------------------------------------------------------

CREATE TABLE texts (id integer, t text, v varchar(30), c char(12), n name, q "char", cs text COLLATE "C");
INSERT INTO texts VALUES
	(1, '', '', '', '', '', ''),
	(2, '\N', '\N', '\N', '\N', '\', '\N'),
	(3, '\.', '\.', '\.', '\.', '.', '\.'),
	(4, E'\\.\n\\.\n', E'\n', E'\n', E'\n', E'\n', E'\r\n'),
	(5, E'\t', E'\t\t', E'\t', E'\t', E'\t', E'\b\f\v\a\e'),
	(6, ' padded ', ' padded ', ' padded ', ' padded ', ' ', ' '),
	(7, 'NULL', 'null', '\\N', '\\', 'N', '\\.'),
	(8, 'naïve Ελλάδα Привет 日本語 👩‍👩‍👧 עברית', 'Ελλάδα Привет 日本語', '日本語', 'Ünïcødé', 'a', '👩‍👩‍👧'),
	(9, NULL, NULL, NULL, NULL, NULL, NULL);

-- every character up to some more than two bytes of UTF-8, and each escape at each place of a word
INSERT INTO texts (id, t, v, c) SELECT 100 + n, chr(n), 'a' || chr(n) || 'b', chr(n) FROM generate_series(1, 2200) n;
INSERT INTO texts (id, t)
	SELECT 10000 + 100 * before + length(escape || 'x'), repeat('x', before) || escape || repeat('y', 40 - before)
	FROM generate_series(0, 40) before,
		unnest(ARRAY[E'\b', E'\f', E'\n', E'\r', E'\t', E'\v', '\', '\\', E'\\\n', E'\x7f', 'é', '日']) escape;
INSERT INTO texts (id, t) SELECT 20000 + n, repeat(E'all \\ of it\tescaped\n', n * n) FROM generate_series(1, 60) n;
INSERT INTO texts (id, t)
	SELECT 30000 + n, string_agg(chr(32 + (n * 7919 + i * i) % 50000 + CASE WHEN (n * 7919 + i * i) % 50000 + 32 BETWEEN 55296 AND 57343 THEN 10000 ELSE 0 END), '')
	FROM generate_series(1, 200) n, generate_series(1, 200) i GROUP BY n;

CREATE TABLE documents (j json, b jsonb, p jsonpath, x xml, h hstore, v tsvector, q tsquery);
INSERT INTO documents VALUES
	('null', 'null', '$', '<a/>', '', '', ''),
	(' { "a" : 1, "a":2,
	"b\u0000": "\u00e9\n" } ', '{"b": [1, 2.50, 1e5, -0, true, null], "a": {"é": "日本\t\\ \" \u0001"}}', '$.a[*] ? (@.b > 1 && @.c like_regex "^x\\d")',
		E'<?xml version="1.0"?>\n<a b="1 &lt; 2">é\n\t<!-- \\ --><![CDATA[ <x> ]]></a>', '"a b"=>"1", c=>NULL, "d\"\\"=>"\"\\"',
		'''it''''s'':1A,3B ''a\\b'':2 ünï:16383', '!(a & ''b c'':*AB) | d <-> e <3> f'),
	('[]', '[]', 'strict $.**{2 to 5}', 'just text', NULL, 'a b c', '''a'' & ''b'''),
	('"\\."', '"\\."', NULL, '<a>\.</a>', NULL, NULL, NULL),
	(NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO documents (b, j)
	SELECT jsonb_build_object('id', n, 'tags', array_agg(i), 'text', repeat('ab"\', n)), json_build_object('n', n, 'f', n / 7.0)
	FROM generate_series(1, 100) n, generate_series(1, 5) i GROUP BY n;
INSERT INTO documents (b, j) SELECT to_jsonb(t), json_build_object(t, t) FROM texts WHERE t IS NOT NULL;

-- ---------------------------------------------------------------------------
-- Bits, addresses, shapes, references
-- ---------------------------------------------------------------------------

CREATE TABLE bits (b bytea, f bit(11), v varbit, u uuid);
INSERT INTO bits VALUES
	('', B'00000000000', '', '00000000-0000-0000-0000-000000000000'),
	('\x00', B'11111111111', B'1', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
	('\\x41\\x5c', B'10101010101', B'0101010101010101010101', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
	('\x5c2e0a', NULL, repeat('10', 500)::varbit, NULL), (NULL, NULL, NULL, NULL);
INSERT INTO bits (b, u) SELECT decode(repeat(lpad(to_hex(n), 2, '0'), n), 'hex'), md5(n::text)::uuid FROM generate_series(0, 255) n;

CREATE TABLE addresses (i inet, c cidr, m macaddr, m8 macaddr8);
INSERT INTO addresses VALUES
	('192.168.1.5', '192.168.0.0/16', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05'),
	('192.168.1.5/24', '0.0.0.0/0', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff'),
	('::1', '::/0', 'ff:ff:ff:ff:ff:ff', NULL), ('2001:db8::ff00:42:8329/64', '2001:db8::/32', NULL, NULL),
	('::ffff:1.2.3.4', '::ffff:1.2.3.0/120', NULL, NULL), (NULL, NULL, NULL, NULL);

CREATE TABLE shapes (p point, l line, s lseg, b box, o path, c path, y polygon, r circle);
INSERT INTO shapes VALUES
	('(0,0)', '{1,2,3}', '((0,0),(1,1))', '((1,1),(0,0))', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '((0,0),(1,1),(2,0))', '<(0,0),1>'),
	('(0.1,1e300)', '{-1,0.3,1e-300}', '((0.1,0.2),(1e10,-1e-10))', '((1e300,1),(-0,0.1))', '[(0.1,-0.1)]', '((1,1))', '((0.3,1))', '<(0.1,0.2),1e-5>'),
	('(NaN,Infinity)', NULL, NULL, NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE refs (c regclass, p regproc, pr regprocedure, op regoper, t regtype, r regrole, n regnamespace,
	ts regconfig, d regdictionary, co regcollation, l pg_lsn, i tid, s pg_snapshot, a aclitem);
INSERT INTO refs VALUES
	('pg_class', 'now', 'abs(integer)', 'pg_catalog.||/', 'integer', 'reader', 'data', 'simple', 'simple', '"C"', '0/0', '(0,1)', '1:1:', NULL),
	('data.shapes', 'objects.twice', 'objects.twice(integer)', 'objects.>>>>', 'objects.pair[]', '"odd ""role"", in \ it"', 'objects',
		'objects.search', 'objects.stems', 'objects.by_code', 'FFFFFFFF/FFFFFFFF', '(4294967294,65535)', '10:20:10,14,15', 'reader=r*w/keeper'),
	('0', '-', '-', '0', '-', '-', '-', '-', '-', '-', NULL, NULL, NULL, NULL);

-- ---------------------------------------------------------------------------
-- Made of other types
-- ---------------------------------------------------------------------------

CREATE TABLE arrays (i integer[], t text[], ts timestamptz[], b bytea[], f float8[], own mood[], pairs pair[], j jsonb[]);
INSERT INTO arrays VALUES
	('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
	('{1,NULL,3}', ARRAY['a', '', 'NULL', NULL, 'a,b', '"q"', '\', E'\t\n', '{}', ' x '], '{infinity,"2000-01-01 00:00+00",NULL}',
		ARRAY['\x00ff'::bytea, ''], '{NaN,-0,0.1,Infinity}', ARRAY['it''s "fine"', 'ünïcode', 'so so']::mood[],
		ARRAY[ROW(1, 'a,b"c\')::pair, ROW(NULL, NULL)::pair, NULL], ARRAY['{"a": "b\"c"}'::jsonb, 'null']),
	('[-1:1][2:3]={{1,2},{3,4},{5,6}}', '[0:0]={x}', NULL, NULL, NULL, NULL, NULL, NULL),
	('{{{1},{2}},{{3},{4}}}', ARRAY[ARRAY['日', 'é'], ARRAY[E'\\', '"']], NULL, NULL, NULL, NULL, NULL, NULL),
	(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE ranges (i int4range, b int8range, n numrange, t tsrange, z tstzrange, d daterange, f float_range,
	im int4multirange, zm tstzmultirange, fm float_ranges);
INSERT INTO ranges VALUES
	('empty', 'empty', 'empty', 'empty', 'empty', 'empty', 'empty', '{}', '{}', '{}'),
	('[1,5)', '(,10]', '(1.50,NaN]', '[2000-01-01 00:00,infinity]', '["2000-01-01 00:00+00",)', '[2000-01-01,2000-12-31]', '[-Infinity,0.1)',
		'{[1,3),[5,9)}', '{(,"2000-01-01 00:00+00"),["2001-01-01 00:00+00",infinity)}', '{[0.1,0.2],(1e300,)}'),
	('(,)', '[1,1]', '(,)', '(,)', '(,)', '(,)', '(,)', '{(,)}', '{(,)}', '{(,)}'),
	(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE own_types (p positive, s short_text, ns numbers, m mood, c pair, n nested, b number8, ps positive[], row_of ranges);
INSERT INTO own_types VALUES
	(DEFAULT, '', '{}', 'sad', '(,)', NULL, '0', '{1,2}', NULL),
	(5, E'a\tb', '{1,NULL}', 'ünïcode', ROW(1, E'quote " and \\ and\nline'),
		ROW(ROW(1, 'x'), ARRAY[ROW(2, 'y,z')::pair, ROW(3, '"')::pair], 7, 'it''s "fine"'), '-9223372036854775808', NULL,
		(SELECT r FROM ranges r WHERE i = '[1,5)')),
	(NULL, 'x', NULL, NULL, NULL, ROW(NULL, '{}', 1, NULL), NULL, '{NULL}', NULL);

-- ---------------------------------------------------------------------------
-- Long values: in line, compressed, out of line, with either method
-- ---------------------------------------------------------------------------

-- so many bytes that no method makes smaller
CREATE FUNCTION noise(seed integer, length integer) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT substr(string_agg(sha256(convert_to(seed || ':' || n, 'UTF8')), ''), 1, length)
	FROM generate_series(1, length / 32 + 1) n
$$;

SELECT CASE WHEN 'lz4' = ANY (enumvals) THEN 'lz4' ELSE 'pglz' END AS other_method
FROM pg_settings WHERE name = 'default_toast_compression' \gset

CREATE TABLE long_values (id integer PRIMARY KEY, normal text, external text, main text,
	bytes bytea, other text COMPRESSION :other_method, j jsonb, a text[], c pair, n numeric);
ALTER TABLE long_values ALTER external SET STORAGE EXTERNAL, ALTER main SET STORAGE MAIN;
INSERT INTO long_values (id, normal, external, main, other) VALUES
	(1, repeat('compressible é ', 500000), repeat('as it is\n ', 250000), repeat('m', 7000), repeat('lz4 or pglz' || E'\n', 300000)),
	(2, 'short', encode(noise(1, 1500000), 'hex'), encode(noise(2, 900), 'hex'), encode(noise(3, 1000000), 'base64'));
INSERT INTO long_values (id, bytes) VALUES (3, noise(4, 3000000)), (4, decode(repeat('00', 4000000), 'hex'));
INSERT INTO long_values (id, j, a, c, n) VALUES
	(5, (SELECT jsonb_object_agg('key ' || n, md5(n::text)) FROM generate_series(1, 20000) n),
		(SELECT array_agg(md5(n::text) || E'\\"\t') FROM generate_series(1, 20000) n),
		ROW(1, repeat('in a composite"', 100000)), ('1' || repeat('3', 100000) || '.5')::numeric);
-- around the sizes at which a value changes its form
INSERT INTO long_values (id, normal, external) SELECT 1000 + n, repeat('c', n), encode(noise(n, n), 'escape')
	FROM unnest(ARRAY[125, 126, 127, 128, 1990, 1996, 2000, 2032, 2040, 8100, 8160, 8200, 16000]) n;
INSERT INTO long_values (id, normal) SELECT 2000 + n, encode(noise(n, 3000), 'hex') FROM generate_series(1, 300) n;
DROP FUNCTION noise(integer, integer);

-- ---------------------------------------------------------------------------
-- Versions of rows, of which one alone is to be seen
-- ---------------------------------------------------------------------------

CREATE TABLE versions (id integer PRIMARY KEY, t text) WITH (autovacuum_enabled = off);
INSERT INTO versions SELECT n, 'first ' || n FROM generate_series(1, 5000) n;
UPDATE versions SET t = 'second ' || id WHERE id % 3 = 0;
DELETE FROM versions WHERE id % 7 = 0;
BEGIN;
INSERT INTO versions SELECT n, 'never' FROM generate_series(10001, 11000) n;
UPDATE versions SET t = 'never';
ROLLBACK;
BEGIN;
INSERT INTO versions VALUES (20001, 'kept');
SAVEPOINT s;
INSERT INTO versions VALUES (20002, 'never');
ROLLBACK TO s;
UPDATE versions SET t = 'third' WHERE id < 10;
SELECT FROM versions WHERE id BETWEEN 100 AND 200 FOR UPDATE \g /dev/null
COMMIT;
