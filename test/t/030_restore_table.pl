#
# 030_restore_table.pl
#	  pgbackup_restore_table where one session and small tables are not enough:
#	  parallel workers, cancelled and damaged loads, other databases, encodings
#	  and settings.  sql/restore_table.sql has the rest.
#
# test/t/030_restore_table.pl
#
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use PgBackupTest;
use PgBackupTrap;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => "max_worker_processes = 16\nallow_in_place_tablespaces = on\nrestart_after_crash = on\n");

# Does the staged table have the rows of the original?
sub same_rows
{
	my ($live, $staged, $name, $database) = @_;

	$database //= 'postgres';
	is(table_hash($node, $database, $staged), table_hash($node, $database, $live), $name);
}

# Nothing of a failed staging may be left.
sub nothing_left
{
	my ($name, $database) = @_;

	is( $node->safe_psql(
			$database // 'postgres',
			"SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'pgbackup_recovery'"),
		0,
		"$name: nothing is left");
}

sub forget
{
	$node->safe_psql($_[0] // 'postgres', 'DROP SCHEMA IF EXISTS pgbackup_recovery CASCADE');
}

# Enough text for several frames.
$node->safe_psql('postgres', <<'SQL');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN plain AS integer;
CREATE TYPE pair AS (one integer, two plain);
CREATE TABLE wide (
	id integer PRIMARY KEY,
	short text NOT NULL,
	body text,
	main text,
	outside text,
	number numeric,
	moment timestamptz,
	items integer[],
	pair pair,
	during tstzrange);
ALTER TABLE wide ALTER main SET STORAGE MAIN, ALTER outside SET STORAGE EXTERNAL;
INSERT INTO wide
SELECT n, 'row ' || n,
	CASE WHEN n % 10 = 0 THEN repeat(md5(n::text), n % 400) END,
	CASE WHEN n % 50 = 0 THEN repeat(md5(n::text), 70) END,
	CASE WHEN n % 70 = 0 THEN repeat(md5(n::text), 100) END,
	n / 7.0, timestamptz '2026-01-01 UTC' + n * interval '1 second',
	ARRAY[n, NULL, n + 1], ROW(n, -n)::pair, tstzrange('2026-01-01', '2026-01-02')
FROM generate_series(1, 60000) n;
INSERT INTO wide (id, short, body)
SELECT -1, 'incompressible', string_agg(sha512(n::text::bytea)::text, '') FROM generate_series(1, 50000) n;
CREATE INDEX wide_short ON wide (short);

-- values that workers parse themselves, and those that they leave to input functions
CREATE TABLE edges (
	id integer, small smallint, large bigint, yes boolean, day date, moment timestamp, second timestamp(0),
	zoned timestamptz, milli timestamptz(3), filler text);
INSERT INTO edges
SELECT n, n % 65536 - 32768, (n - 75000) * 12297829382473, n % 3 = 0,
	date '0001-01-01' + n * 24, timestamp '0001-01-01' + n * 2104567.000001 * interval '1 second', timestamp '1900-01-01' + n * interval '7 hours 1 second',
	timestamptz '0001-01-01 UTC' + n * 2104567.1234 * interval '1 second', timestamptz '1970-01-01 UTC' + n * interval '1.001 second',
	md5(n::text)
FROM generate_series(1, 150000) n;
INSERT INTO edges VALUES
	(2147483647, 32767, 9223372036854775807, true, 'infinity', 'infinity', 'infinity', 'infinity', 'infinity'),
	(-2147483648, -32768, -9223372036854775808, false, '-infinity', '-infinity', '-infinity', '-infinity', '-infinity'),
	(0, 0, 999999999999999999, NULL, '4713-01-01 BC', '4713-01-01 00:00:00 BC', '0044-03-15 BC', '4713-01-02 00:00:00+00 BC', '0001-01-01 00:00:00+00'),
	(1, 1, -999999999999999999, NULL, '5874897-12-31', '294276-12-31 23:59:59.999999', '9999-12-31 23:59:59', '294276-12-31 23:59:59.999999+00', '10000-01-01 00:00:00+00'),
	(2, 2, 1000000000000000000, NULL, '2000-02-29', '2000-02-29 00:00:00.1', '1900-02-28', '2024-02-29 23:59:59.000001+00', NULL);

-- these are left to COPY: a constraint or an expression would run in a worker
CREATE TABLE constrained (id positive, body text);
INSERT INTO constrained SELECT n, repeat(md5(n::text), 10) FROM generate_series(1, 60000) n;
CREATE TABLE generated (id integer, twice integer GENERATED ALWAYS AS (id * 2) STORED, body text);
INSERT INTO generated (id, body) SELECT n, repeat(md5(n::text), 10) FROM generate_series(1, 60000) n;

CREATE TABLE parted (id integer NOT NULL, body text) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (60001);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (60001) TO (100000);
INSERT INTO parted SELECT n, repeat(md5(n::text), 10) FROM generate_series(1, 70000) n;
SQL
my $id = $node->safe_psql('postgres', 'SELECT pgbackup_run()');

# ---- with workers and without ----

# The workers of a staging; 0 when it went alone.  Each attaches to the queue of the
# leader, so the leader's pg_stat_activity is no help: count them in the log.
sub workers_of
{
	my ($settings, $table, $as_name) = @_;
	my $before = -s $node->logfile;
	my $rows = $node->safe_psql('postgres',
		"SET log_min_messages = debug1; $settings SELECT row_count FROM pgbackup_restore_table('$table', as_name => '$as_name')");
	my @started = slurp_file($node->logfile, $before) =~ /starting background worker process "parallel worker for PID/g;

	return ($rows, scalar @started);
}

$node->append_conf('postgresql.conf', "log_min_messages = debug1\nmax_parallel_maintenance_workers = 0\n");
$node->reload;

for my $case (
	[ 'wide', 'SET pgbackup.jobs = 2;', 2, 60001 ],
	[ 'wide', 'SET pgbackup.jobs = 1;', 1, 60001 ],
	[ 'wide', 'SET pgbackup.jobs = 64;', undef, 60001 ],
	[ 'wide', 'SET max_parallel_workers = 0;', 0, 60001 ],
	[ 'wide', 'SET default_transaction_isolation = serializable;', 2, 60001 ],
	[ 'edges', '', 2, 150005 ],
	[ 'constrained', '', 0, 60000 ],
	[ 'generated', '', 0, 60000 ],
	[ 'parted', '', 2, 70000 ])
{
	my ($table, $settings, $expected_workers, $expected_rows) = @$case;
	my ($rows, $workers) = workers_of($settings, $table, 'staged');
	my $name = "$table, " . ($settings || 'by default');

	is($rows, $expected_rows, "$name: rows");
	is($workers, $expected_workers, "$name: workers") if defined $expected_workers;
	same_rows($table, 'pgbackup_recovery.staged', "$name: content");
	if ($table eq 'wide')
	{
		is( $node->safe_psql('postgres', <<'SQL'), '', "$name: stored like the original");
SELECT a.attname, a.attstorage, b.attstorage
FROM pg_attribute a JOIN pg_attribute b USING (attname)
WHERE a.attrelid = 'wide'::regclass AND b.attrelid = 'pgbackup_recovery.staged'::regclass
	AND a.attstorage <> b.attstorage
UNION ALL
SELECT 'row ' || l.id, '', ''
FROM wide l JOIN pgbackup_recovery.staged s USING (id)
WHERE (pg_column_compression(l.body), pg_column_compression(l.main), pg_column_compression(l.outside),
		pg_column_size(l.body), pg_column_size(l.main), pg_column_size(l.short))
	IS DISTINCT FROM (pg_column_compression(s.body), pg_column_compression(s.main), pg_column_compression(s.outside),
		pg_column_size(s.body), pg_column_size(s.main), pg_column_size(s.short))
SQL
		is( $node->safe_psql('postgres',
				"SET enable_seqscan = off; SELECT id FROM pgbackup_recovery.staged WHERE short = 'row 777'"),
			777, "$name: its index");
	}
	forget();
}

# in a subtransaction, and twice in one transaction
is( $node->safe_psql('postgres', <<'SQL'), "60001\n60001", 'parallel in a subtransaction');
BEGIN;
SAVEPOINT a;
SELECT row_count FROM pgbackup_restore_table('wide');
ROLLBACK TO a;
DO $$ BEGIN PERFORM pgbackup_restore_table('wide'); RAISE 'undo'; EXCEPTION WHEN raise_exception THEN NULL; END $$;
SELECT row_count FROM pgbackup_restore_table('wide');
COMMIT;
SQL
same_rows('wide', 'pgbackup_recovery.wide', 'content after that');
forget();

# ---- cancelled, killed ----

for my $case (
	[ 'pg_cancel_backend', qr/canceling statement due to user request/ ],
	[ 'pg_terminate_backend', qr/terminating connection/ ])
{
	my ($function, $pattern) = @$case;
	my $stderr = '';
	my $stdout = '';
	my $handle = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
			"SET application_name = 'victim'; SELECT row_count FROM pgbackup_restore_table('wide')" ],
		'<', \'', '>', \$stdout, '2>', \$stderr);

	wait_for(
		sub {
			$node->safe_psql('postgres',
				"SELECT $function(pid) FROM pg_stat_activity a WHERE application_name = 'victim' AND backend_type = 'client backend'
					AND EXISTS (SELECT FROM pg_stat_activity w WHERE w.leader_pid = a.pid AND w.pid <> a.pid)") eq 't';
		},
		'a staging with workers');
	$handle->finish;
	like($stderr, $pattern, "$function ends a staging");
	nothing_left($function);
	is( $node->safe_psql('postgres',
			"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"),
		0, "$function: no worker is left");
}

fails_like($node, "SET statement_timeout = '100ms'; SELECT pgbackup_restore_table('wide')",
	qr/statement timeout/, 'statement_timeout');
nothing_left('statement_timeout');

# ---- damage ----

my ($manifest) = backup_files($node, $id, qr/manifest\.json$/);
my $file_of = sub {
	my ($table) = @_;
	my ($file) = read_file($manifest) =~ /"$table".*?"(\d+\.dat\.zst)"/s;
	return $file;
};

sub damaged
{
	my ($name, $path, $damage, $pattern, $table) = @_;
	my $whole = read_file($path);

	$damage->($path);
	fails_like($node, "SELECT pgbackup_restore_table('$table', '$id')", $pattern, $name);
	nothing_left($name);
	write_file($path, $whole);
}

for my $table ('wide', 'generated')
{
	my $path = backup_folder($node, $id) . '/' . $file_of->($table);
	my $length = -s $path;

	damaged("$table: a flipped bit in the first frame", $path, sub { flip_bit($_[0], 1000) }, qr/CRC/, $table);
	damaged("$table: a flipped bit in the middle", $path, sub { flip_bit($_[0], int($length / 2)) }, qr/CRC/, $table);
	damaged("$table: a truncated file", $path, sub { truncate_file($_[0], -100) }, qr/damaged.*bytes long/s, $table);
	damaged("$table: an empty file", $path, sub { truncate_file($_[0], 0) }, qr/damaged.*bytes long/s, $table);
	damaged("$table: a missing file", $path, sub { unlink $_[0] }, qr/is missing/, $table);
}
damaged('a flipped bit in toc.dat', backup_folder($node, $id) . '/toc.dat', sub { flip_bit($_[0], -1000) }, qr/CRC/, 'wide');
damaged('no toc.dat', backup_folder($node, $id) . '/toc.dat', sub { unlink $_[0] }, qr/is missing/, 'wide');
damaged('a manifest that is not JSON', $manifest, sub { write_file($_[0], 'rubbish') }, qr/manifest/, 'wide');
damaged('a flipped bit in the manifest', $manifest, sub { flip_bit($_[0], 200) }, qr/manifest/, 'wide');

# a manifest that lies, and has a checksum that does not
sub forge
{
	my ($path, $from, $to) = @_;
	my $text = read_file($path);

	$text =~ s/$from/$to->()/e or die "the manifest has no $from";
	my ($signed) = $text =~ /^(.*)^  "sha256"/ms;
	write_file($path, $signed . '  "sha256": "' . sha256_hex($signed) . "\"\n}\n");
}

for my $table ('wide', 'generated')
{
	my $file = $file_of->($table);

	damaged("$table: more rows in the manifest", $manifest,
		sub { forge($_[0], qr/("name": "$table", "rows": )\d+/, sub { "${1}99999" }) },
		qr/has 99999 rows of table "public.$table", but 6000\d were loaded/, $table);
	damaged("$table: more rows in a frame", $manifest,
		sub { forge($_[0], qr/("name": "\Q$file\E".*?"frames": \[\[\d+,\d+,)\d+/, sub { "${1}7" }) },
		qr/frame 0 of file "\Q$file\E".*has 7 rows, but \d+ were read/, $table);
	damaged("$table: no rows in a frame", $manifest,
		sub { forge($_[0], qr/("name": "\Q$file\E".*?"frames": \[\[\d+,\d+,)\d+/, sub { "${1}0" }) },
		qr/has 6000\d rows of table "public.$table", but \d+ were loaded/, $table);
}

is($node->safe_psql('postgres', "SELECT row_count FROM pgbackup_restore_table('wide', '$id')"),
	60001, 'and undamaged it is staged');
forget();

# ---- other databases, encodings, settings ----

$node->safe_psql('postgres', "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
$node->safe_psql('latin', <<'SQL');
SET client_encoding = 'UTF8';
CREATE EXTENSION pgbackup;
CREATE TABLE "größe" ("länge" text DEFAULT 'süß');
COMMENT ON TABLE "größe" IS 'ein Übel';
INSERT INTO "größe" VALUES ('Äpfel'), (DEFAULT);
CREATE TABLE backslash (a text DEFAULT E'a\\b\'c');
ALTER DATABASE latin SET standard_conforming_strings = off;
SQL
my $latin = $node->safe_psql('latin', 'SELECT pgbackup_run()');

is($node->safe_psql('latin', q{SET client_encoding = 'UTF8'; SELECT staged, row_count FROM pgbackup_restore_table('"größe"')}),
	'pgbackup_recovery."größe"|2', 'a LATIN1 database');
is($node->safe_psql('postgres', qq{SELECT staged, row_count FROM pgbackup_restore_table('"größe"', '$latin')}),
	'pgbackup_recovery."größe"|2', 'a table of a LATIN1 database in a UTF8 one');
is( $node->safe_psql('postgres', <<'SQL'), 'süß,süß,Äpfel|ein Übel', 'its rows, default and comment');
INSERT INTO pgbackup_recovery."größe" DEFAULT VALUES;
SELECT string_agg("länge", ',' ORDER BY "länge" COLLATE "C"), obj_description('pgbackup_recovery."größe"'::regclass)
FROM pgbackup_recovery."größe"
SQL
$node->safe_psql('postgres', "SELECT pgbackup_restore_table('backslash', '$latin')");
is($node->safe_psql('postgres', 'INSERT INTO pgbackup_recovery.backslash DEFAULT VALUES RETURNING a'),
	q{a\b'c}, 'literals written without standard_conforming_strings');
forget();

# settings of the caller that change what text means
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE texts (d date, i interval, t timestamptz, m money, x xml, a text[], s text DEFAULT 'back\slash', e boolean CHECK (e = NULL));
INSERT INTO texts (d, i, t, m, x, a) VALUES ('2026-02-01', '-1 day 02:03:04', '2026-02-01 03:04:05+06', '12.34', 'mere <b>content</b>', '{NULL,"NULL"}');
SQL
my $texts = table_hash($node, 'postgres', 'texts');
$node->safe_psql('postgres', 'SELECT pgbackup_run()');
$node->safe_psql('postgres', <<'SQL');
SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard'; SET timezone = 'Asia/Tokyo'; SET xmloption = document;
SET array_nulls = off; SET standard_conforming_strings = off; SET transform_null_equals = on; SET escape_string_warning = on;
SET search_path = ''; SET client_min_messages = error;
SELECT public.pgbackup_restore_table('public.texts');
DO $$ BEGIN
	IF current_setting('datestyle') <> 'SQL, DMY' OR current_setting('search_path') <> '""' OR current_setting('array_nulls') <> 'off' THEN
		RAISE 'the settings have changed';
	END IF;
END $$;
SQL
is(table_hash($node, 'postgres', 'pgbackup_recovery.texts'), $texts, 'whatever the settings of the caller');
is($node->safe_psql('postgres', "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'pgbackup_recovery.texts'::regclass AND contype = 'c'"),
	'CHECK ((e = NULL::boolean))', 'nor do they change a definition');
forget();

# ---- what the definition names and the server lacks ----

$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION ''");
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE app;
CREATE SCHEMA app AUTHORIZATION app;
CREATE TABLE app.spaced (id integer PRIMARY KEY USING INDEX TABLESPACE elsewhere, note text) TABLESPACE elsewhere;
CREATE INDEX spaced_note ON app.spaced (note) TABLESPACE elsewhere;
INSERT INTO app.spaced VALUES (1, 'one');
ALTER TABLE app.spaced OWNER TO app;
SQL
$node->safe_psql('postgres', 'SELECT pgbackup_run()');
my ($status, $stdout, $stderr) = $node->psql('postgres', "SELECT row_count FROM pgbackup_restore_table('app.spaced')");
is($stdout, 1, 'a tablespace that the owner may not use');
like($stderr, qr/NOTICE:  no permission for tablespace "elsewhere": index "spaced_note"/, 'is told of');
forget();
$node->safe_psql('postgres', 'GRANT CREATE ON TABLESPACE elsewhere TO app');
$node->safe_psql('postgres', "SELECT pgbackup_restore_table('app.spaced')");
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_class c JOIN pg_tablespace t ON t.oid = reltablespace JOIN pg_namespace n ON n.oid = relnamespace
			WHERE spcname = 'elsewhere' AND nspname = 'pgbackup_recovery'"),
	3, 'one that it may use, for the table and its indexes');
forget();
$node->safe_psql('postgres', 'DROP TABLE app.spaced');
$node->safe_psql('postgres', 'DROP TABLESPACE elsewhere');
$node->safe_psql('postgres', 'DROP OWNED BY app CASCADE; DROP ROLE app');
($status, $stdout, $stderr) = $node->psql('postgres', "SELECT row_count FROM pgbackup_restore_table('app.spaced')");
is($stdout, 1, 'tablespace and owner are gone');
like($stderr, qr/tablespace "elsewhere" does not exist: table "spaced"/, 'the tablespace is told of');
like($stderr, qr/role "app".*does not exist: the staged table belongs to/, 'so is the owner');
forget();

# ---- the owner is gone: whose code runs then ----

# The functions went to mallory with all the rest that contractor had.
$node->safe_psql('postgres', <<'SQL'
CREATE ROLE mallory;
CREATE ROLE contractor;
CREATE SCHEMA trap AUTHORIZATION contractor;
SET ROLE contractor;
SQL
	. trap_rights('trap', 'mallory') . <<'SQL');
CREATE DOMAIN trap.checked AS integer CHECK (trap.spring(VALUE) = 1);
CREATE TABLE trap.of_domain (id integer, d trap.checked);
CREATE TABLE trap.generated (id integer, g integer GENERATED ALWAYS AS (trap.spring(id)) STORED);
CREATE TABLE trap.with_check (id integer CHECK (trap.spring(id) = 1));
CREATE TABLE trap.with_index (id integer);
CREATE INDEX with_index_id ON trap.with_index ((id + trap.spring(1)));
CREATE TABLE trap.plain (id serial PRIMARY KEY, at timestamptz DEFAULT now() CHECK (at > '2000-01-01'), lower text GENERATED ALWAYS AS (lower('A' || id)) STORED);
INSERT INTO trap.of_domain VALUES (1, 1);
INSERT INTO trap.generated VALUES (1);
INSERT INTO trap.with_check VALUES (1);
INSERT INTO trap.with_index VALUES (1);
INSERT INTO trap.plain DEFAULT VALUES;
RESET ROLE;
SQL
my $trapped = $node->safe_psql('postgres', 'SELECT pgbackup_run()');
$node->safe_psql('postgres', 'DROP TABLE trap.of_domain, trap.generated, trap.with_check, trap.with_index, trap.plain; REASSIGN OWNED BY contractor TO mallory; DROP OWNED BY contractor; DROP ROLE contractor');
my $refused = qr/unction "\w+" must not run with the rights of a superuser/;
foreach my $table ('of_domain', 'generated')
{
	fails_like($node, "SELECT pgbackup_restore_table('trap.$table', '$trapped')",
		qr/$refused.*Role "contractor", which owned table "trap.$table", does not exist.*create the role first/s, "what has to run is refused: $table");
}
foreach my $table ('with_check', 'with_index')
{
	($status, $stdout, $stderr) = $node->psql('postgres', "SELECT row_count FROM pgbackup_restore_table('trap.$table', '$trapped')");
	is($stdout, 1, "what can be left out is: $table") or diag($stderr);
	like($stderr, qr/is not staged: f$refused/, 'and told of');
	($status, $stdout, $stderr) = $node->psql('postgres', "SELECT pgbackup_promote_table('pgbackup_recovery.$table')");
	is($stdout, "trap.$table", "it is put back: $table") or diag($stderr);
	like($stderr, qr/WARNING:  .* is not put back\nDETAIL:  F$refused/, 'and what is left out is told of again');
}
($status, $stdout, $stderr) = $node->psql('postgres', "SELECT row_count FROM pgbackup_restore_table('trap.plain', '$trapped')");
is($stdout, 1, 'a table without code of users is staged');
unlike($stderr, qr/WARNING/, 'with all that it had');
is($node->safe_psql('postgres', "SELECT pgbackup_promote_table('pgbackup_recovery.plain')"), 'trap.plain', 'and put back');
is($node->safe_psql('postgres', 'INSERT INTO trap.plain DEFAULT VALUES RETURNING id, lower, at IS NOT NULL'), '2|a2|t', 'with all that it had');
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', 'no code of a user has run as a superuser');
$node->safe_psql('postgres', 'CREATE ROLE contractor; GRANT USAGE ON SCHEMA trap TO contractor');
is($node->safe_psql('postgres', "SELECT row_count FROM pgbackup_restore_table('trap.$_', '$trapped')"), 1, "with the role again: $_") foreach 'of_domain', 'generated';
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', 'no code of a user has run as a superuser');
forget();

# ---- what newer versions know ----

# constraints with their names, and columns, of a table
sub parts_of
{
	my ($table) = @_;

	return $node->safe_psql('postgres', <<"SQL");
SELECT concat_ws(' ', conname, pg_get_constraintdef(oid), convalidated) FROM pg_constraint WHERE conrelid = '$table'::regclass
UNION ALL
SELECT concat_ws(' ', attname, atttypid::regtype, attnotnull, attidentity, attgenerated) FROM pg_attribute
WHERE attrelid = '$table'::regclass AND attnum > 0
ORDER BY 1
SQL
}

my @newer;

if ($node->pg_version >= 17)
{
	$node->safe_psql('postgres', <<'SQL');
CREATE TABLE numbered (id integer GENERATED ALWAYS AS IDENTITY, at date) PARTITION BY RANGE (at);
CREATE TABLE numbered_1 PARTITION OF numbered FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO numbered (at) SELECT '2026-02-01' FROM generate_series(1, 5);
SQL
	push @newer, 'numbered';
}
if ($node->pg_version >= 18)
{
	$node->safe_psql('postgres', <<'SQL');
CREATE TABLE named (
	a integer CONSTRAINT a_is_set NOT NULL, b integer, c integer GENERATED ALWAYS AS (a * 2) VIRTUAL,
	room int4range, during daterange,
	CONSTRAINT loose CHECK (a > 100) NOT ENFORCED,
	CONSTRAINT no_overlap PRIMARY KEY (room, during WITHOUT OVERLAPS));
INSERT INTO named (a, room, during) VALUES (1, '[1,2)', '[2026-01-01,2026-02-01)');
ALTER TABLE named ADD CONSTRAINT b_is_set NOT NULL b NOT VALID;
CREATE TABLE named_child (d integer CONSTRAINT d_is_set NOT NULL) INHERITS (named);
INSERT INTO named_child (a, b, room, during, d) VALUES (1, 2, '[1,2)', '[2026-01-01,2026-02-01)', 4);
SQL
	push @newer, 'named', 'named_child';
}
$node->safe_psql('postgres', 'SELECT pgbackup_run()') if @newer;
for my $table (@newer)
{
	$node->safe_psql('postgres', "SELECT pgbackup_restore_table('$table')");
	is(parts_of("pgbackup_recovery.$table"), parts_of($table), "$table is defined like the original");
	is(table_hash($node, 'postgres', "ONLY pgbackup_recovery.$table"),
		table_hash($node, 'postgres', "ONLY $table"), "$table has the rows of the original");
	forget();
}

# ---- a publication of all tables ----

$node->append_conf('postgresql.conf', "wal_level = logical\n");
$node->restart;
$node->safe_psql('postgres', 'CREATE PUBLICATION everything FOR ALL TABLES');
($status, $stdout, $stderr) = $node->psql('postgres', "SELECT row_count FROM pgbackup_restore_table('wide')");
is($stdout, 60001, 'with a publication of all tables');
like($stderr, qr/WARNING:  publication "everything" contains the staged table/, 'it is warned of');
forget();
$node->safe_psql('postgres', 'DROP PUBLICATION everything');

# ---- code of users changes no setting ----

# Neither for the statements that come after it, nor for the caller.
$node->safe_psql('postgres', <<'SQL'
CREATE ROLE trudy;
CREATE SCHEMA trudy AUTHORIZATION trudy;
SET ROLE trudy;
SQL
	. trap_settings('trudy') . <<'SQL');
CREATE DOMAIN trudy.held AS integer CHECK (trudy.hold(VALUE));
CREATE TYPE trudy.mood AS ENUM ('good', 'bad');
CREATE FUNCTION trudy.to_json(trudy.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM trudy.hold(1); RETURN '1'; END$$;
CREATE CAST (trudy.mood AS json) WITH FUNCTION trudy.to_json;
CREATE TABLE trudy.lowered (id trudy.held, mood trudy.mood DEFAULT 'good', name text CHECK (lower(name) <> ''));
CREATE INDEX ON trudy.lowered (lower(name));
CREATE POLICY a_holds ON trudy.lowered USING (id = ANY ('{1}'::trudy.held[]));
SET search_path = pg_catalog;
CREATE POLICY b_lowers ON trudy.lowered USING (lower(name) <> '');
INSERT INTO trudy.lowered (id, name) VALUES (1, 'A');
SQL
$node->safe_psql('postgres', 'SELECT pgbackup_run()');

# What a caller finds afterwards.
sub keeps_settings
{
	my ($call, $name) = @_;

	is($node->safe_psql('postgres', "SELECT FROM $call; SHOW search_path; SHOW work_mem"), qq{"\$user", public\n4MB}, $name);
}

# Every call of lower() in the definition of a table.
sub lowered
{
	return $node->safe_psql('postgres', <<"SQL");
SET search_path = pg_catalog;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '$_[0]'::regclass AND contype = 'c'
UNION ALL SELECT pg_get_indexdef(indexrelid, 1, false) FROM pg_index WHERE indrelid = '$_[0]'::regclass
UNION ALL SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = '$_[0]'::regclass AND polname = 'b_lowers'
SQL
}
my $lowered = "CHECK ((lower(name) <> ''::text))\nlower(name)";

keeps_settings(q{pgbackup_restore_table('trudy.lowered')}, 'who stages a table keeps his settings');
is(lowered('pgbackup_recovery.lowered'), $lowered, 'they do not change while the table is staged');
$node->safe_psql('postgres', q{UPDATE trudy.lowered SET name = 'B'});
keeps_settings(q{pgbackup_diff_table('pgbackup_recovery.lowered', 'trudy.lowered', key => '{id}')}, 'who compares tables keeps his settings');
$node->safe_psql('postgres', 'DROP TABLE trudy.lowered');
keeps_settings(q{pgbackup_promote_table('pgbackup_recovery.lowered')}, 'who puts a table back keeps his settings');
is(lowered('trudy.lowered'), "$lowered\n(lower(name) <> ''::text)", 'they do not change while the table is put back');
forget();

# ---- the recovery schema belongs to a superuser ----

$node->safe_psql('postgres', <<'SQL');
GRANT CREATE ON DATABASE postgres TO trudy;
SET ROLE trudy;
CREATE SCHEMA pgbackup_recovery;
GRANT ALL ON SCHEMA pgbackup_recovery TO PUBLIC;
RESET ROLE;
GRANT EXECUTE ON FUNCTION pgbackup_restore_table TO trudy;
SQL
for my $role ('postgres', 'trudy')
{
	fails_like($node, "SET ROLE $role; SELECT pgbackup_restore_table('trudy.lowered')",
		qr/cannot stage into schema "pgbackup_recovery"\nDETAIL:  It belongs to role "trudy", .*\nHINT:  Rename or drop it/,
		"the schema is not taken for ours, when $role stages");
}
$node->safe_psql('postgres', 'ALTER SCHEMA pgbackup_recovery RENAME TO of_trudy');
is( $node->safe_psql('postgres', <<'SQL'), "1\n10|t", 'out of the way, it does no harm, and whoever is the first to stage has a schema that is not his');
SET ROLE trudy;
SELECT row_count FROM pgbackup_restore_table('trudy.lowered');
SELECT nspowner, rolsuper FROM pg_namespace n JOIN pg_roles r ON r.oid = nspowner WHERE nspname = 'pgbackup_recovery';
SQL
forget();

# ---- two at a time ----

# The tables get different names; those of their indexes are for the sessions to sort
# out, with the recovery schema still to be made and then with it there.
for my $round ('make the recovery schema', 'find the recovery schema')
{
	my @sessions = map {
		my $out = '';
		my $err = '';
		{
			out => \$out,
			err => \$err,
			handle => IPC::Run::start(
				[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
					"BEGIN; SELECT row_count FROM pgbackup_restore_table('wide', as_name => 'wide_$_'); SELECT pg_sleep(0.5); COMMIT" ],
				'<', \'', '>', \$out, '2>', \$err)
		}
	} (1 .. 3);
	for my $session (@sessions)
	{
		$session->{handle}->finish;
		like(${ $session->{out} }, qr/^60001/, "one of three that all $round") or diag(${ $session->{err} });
		is(${ $session->{err} }, '', 'it has nothing to tell');
	}
	is( $node->safe_psql('postgres', <<'SQL'), 6, 'all have their indexes');
SELECT count(*) FROM pg_index WHERE indisvalid AND indrelid IN (SELECT oid FROM pg_class WHERE relname ~ '^wide_[123]$')
SQL
	$node->safe_psql('postgres', 'DROP TABLE pgbackup_recovery.wide_1, pgbackup_recovery.wide_2, pgbackup_recovery.wide_3');
}

# the same name: the second waits for the first
{
	my ($out, $err) = ('', '');
	my $first = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
			"SET application_name = 'first'; BEGIN; SELECT row_count FROM pgbackup_restore_table('wide'); SELECT pg_sleep(1); COMMIT" ],
		'<', \'', '>', \$out, '2>', \$err);

	$node->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'first' AND wait_event = 'PgSleep'");
	fails_like($node, "SELECT pgbackup_restore_table('wide')", qr/relation "wide" already exists in schema/,
		'two that stage under one name');
	$first->finish;
	like($out, qr/^60001/, 'the first has it') or diag($err);
}
forget();

# ---- a crash ----

$node->safe_psql('postgres', "SELECT pgbackup_restore_table('wide', as_name => 'before')");
{
	my $err = '';
	my $handle = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
			"SET application_name = 'victim'; SELECT pgbackup_restore_table('wide')" ],
		'<', \'', '>', \my $out, '2>', \$err);
	my $worker;

	wait_for(
		sub {
			$worker = $node->safe_psql('postgres',
				"SELECT w.pid FROM pg_stat_activity w JOIN pg_stat_activity a ON a.pid = w.leader_pid AND w.pid <> a.pid
					WHERE a.application_name = 'victim' LIMIT 1");
		},
		'a worker');
	kill 'KILL', $worker;
	$handle->finish;
	wait_until_up($node);
	is( $node->safe_psql('postgres',
			"SELECT string_agg(relname, ',') FROM pg_class WHERE relnamespace = 'pgbackup_recovery'::regnamespace AND relkind = 'r'"),
		'before', 'kill -9 of a worker leaves what was committed, and nothing else');
}
same_rows('wide', 'pgbackup_recovery.before', 'and its rows');
forget();

# ---- without shared_preload_libraries ----

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
is($node->safe_psql('postgres', "SELECT row_count FROM pgbackup_restore_table('wide')"),
	60001, 'without shared_preload_libraries');
same_rows('wide', 'pgbackup_recovery.wide', 'its content');

done_testing();
