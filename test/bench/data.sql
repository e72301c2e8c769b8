--
-- data.sql
--	  The benchmark's tables beside pgbench's: lineitem and documents.
--
-- Needs the psql variables lineitems and documents: how many rows.  What looks random is
-- computed from the number of the row, so that every run has the same data.
--
-- test/bench/data.sql
--

SET synchronous_commit = off;
SET max_parallel_workers_per_gather = 0;

-- Bits that differ for each row and each use.
CREATE FUNCTION mix(n bigint, purpose integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashint8extended(n, purpose) & 9223372036854775807;

CREATE TABLE words AS
SELECT n, left(translate(md5(n::text), '0123456789', 'aeioulnrst'), 3 + n % 8) AS word
FROM generate_series(0, 1023) n;

CREATE TABLE lineitem (
	l_orderkey bigint NOT NULL,
	l_linenumber integer NOT NULL,
	l_partkey integer NOT NULL,
	l_suppkey integer NOT NULL,
	l_quantity numeric(12,2) NOT NULL,
	l_extendedprice numeric(12,2) NOT NULL,
	l_discount numeric(4,2) NOT NULL,
	l_tax numeric(4,2) NOT NULL,
	l_returnflag char(1) NOT NULL,
	l_linestatus char(1) NOT NULL,
	l_shipdate date NOT NULL,
	l_commitdate date NOT NULL,
	l_receiptdate timestamptz,
	l_shipinstruct char(25) NOT NULL,
	l_shipmode char(10) NOT NULL,
	l_comment text NOT NULL,
	l_weight double precision,
	l_checked boolean NOT NULL,
	l_parcel uuid,
	l_details jsonb
);

INSERT INTO lineitem
SELECT n / 4, n % 4, mix(n, 1) % 200000, mix(n, 2) % 10000,
	1 + mix(n, 3) % 50, (mix(n, 4) % 10000000) / 100.0,
	(mix(n, 5) % 11) / 100.0, (mix(n, 6) % 9) / 100.0,
	(ARRAY['A', 'N', 'R'])[1 + mix(n, 7) % 3], (ARRAY['F', 'O'])[1 + mix(n, 8) % 2],
	date '1992-01-01' + (mix(n, 9) % 2500)::integer, date '1992-01-31' + (mix(n, 10) % 2500)::integer,
	CASE WHEN n % 50 <> 0 THEN timestamptz '1992-02-01 UTC' + mix(n, 11) % 216000000 * interval '1 second' END,
	(ARRAY['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[1 + mix(n, 12) % 4],
	(ARRAY['AIR', 'FOB', 'MAIL', 'RAIL', 'REG AIR', 'SHIP', 'TRUCK'])[1 + mix(n, 13) % 7],
	w.word[1 + mix(n, 14) % 1024] || ' ' || w.word[1 + mix(n, 15) % 1024] || ' '
		|| w.word[1 + mix(n, 16) % 1024] || ' ' || w.word[1 + mix(n, 17) % 1024]
		|| CASE WHEN n % 50 = 1 THEN E'\t"größer"\n' ELSE '' END,
	mix(n, 18) / 1e15, mix(n, 19) % 2 = 0,
	CASE WHEN n % 2 = 0 THEN md5(n::text)::uuid END,
	CASE WHEN n % 3 = 0 THEN jsonb_build_object('carrier', w.word[1 + mix(n, 20) % 1024],
		'stops', mix(n, 21) % 9, 'fragile', n % 9 = 0) END
FROM generate_series(1, :lineitems) n,
	(SELECT array_agg(word ORDER BY n) AS word FROM words) w;

ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber);
CREATE INDEX lineitem_shipdate ON lineitem (l_shipdate);

-- some 11 kB each, compressed and stored out of line
CREATE TABLE documents (
	id integer PRIMARY KEY,
	title text NOT NULL,
	body text NOT NULL
);

INSERT INTO documents
SELECT d, 'Document ' || d,
	(SELECT string_agg(w.word[1 + mix(d * 10000 + p, 1) % 1024], ' ')
	 FROM generate_series(1, 1500) p)
FROM generate_series(1, :documents) d,
	(SELECT array_agg(word ORDER BY n) AS word FROM words) w;

DROP TABLE words;
DROP FUNCTION mix(bigint, integer);
