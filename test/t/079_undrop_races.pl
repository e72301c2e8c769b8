#
# 079_undrop_races.pl
#	  pgbackup_undrop among other sessions: what it locks, and when; what is left of one
#	  that is canceled; and tables whose names are no words.
#
# test/t/079_undrop_races.pl
#
use strict;
use warnings;

use File::Spec;

use PgBackupArchive;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
my $scratch = File::Spec->rel2abs($node->basedir . '/scratch');
$node->init(extra => [ '--encoding=UTF8', '--no-locale', '--wal-segsize=1' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgbackup'\n"
	  . "pgbackup.repository = '" . repository($node) . "'\n"
	  . "pgbackup.scratch_directory = '$scratch'\n"
	  . "wal_level = replica\narchive_mode = on\narchive_library = 'pgbackup'\nmax_worker_processes = 16\n"
	  . "max_prepared_transactions = 2\nautovacuum = off\n");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub schema { return plain_dump($node, 'postgres', '--schema-only', '--exclude-schema=pgbackup_recovery'); }

# A session of its own, in the middle of a statement.
sub start
{
	my ($name, $statement) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$session->query_until(qr/started/, "SET application_name = '$name';\n\\echo started\n$statement;\n");
	return $session;
}

sub wait_for_lock
{
	my ($name) = @_;

	wait_for(sub { sql(qq{SELECT count(*) FROM pg_stat_activity WHERE application_name = '$name' AND wait_event_type = 'Lock'}) }, "$name to wait");
	return;
}

# What the session has said by the end of its statement.
sub finish
{
	my ($session) = @_;

	$session->query_until(qr/ended/, "\\echo ended\n");
	my $errors = $session->{stderr};
	$session->quit;
	return $errors;
}

sub nothing_is_left
{
	my ($name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_for(sub { sql('SELECT count(*) FROM pgbackup_progress') == 0 }, 'the jobs to end');
	is_deeply([ glob "$scratch/*" ], [], "$name: no scratch directory");
	is(sql(q{SELECT (SELECT count(*) FROM pgbackup_staged_tables), (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('pgbackup_recovery'))}),
		'0|0', "$name: nothing staged");
	return;
}

sql(q{
	CREATE EXTENSION pgbackup;
	CREATE TABLE customers (id int PRIMARY KEY);
	INSERT INTO customers SELECT generate_series(1, 10);
	CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers DEFAULT 1, item text);
	INSERT INTO orders (item) SELECT md5(n::text) FROM generate_series(1, 1000) n;
	CREATE TABLE lines (order_id int REFERENCES orders, n int);
	INSERT INTO lines SELECT n, n FROM generate_series(1, 500) n;
	CREATE VIEW recent AS SELECT * FROM orders WHERE id > 900;
	CREATE SCHEMA emptied;
	CREATE TABLE emptied.t AS SELECT 1 AS i;
});
sql(q{SELECT pgbackup_run('full')});
my ($schema, $orders) = (schema(), table_hash($node, 'postgres', 'orders'));
my $undrop = q{SELECT pgbackup_undrop('orders', cascade => true)};

# ---- a writer of a referenced table, and who comes meanwhile ----

sql('DROP TABLE orders CASCADE');
my $writer = $node->background_psql('postgres');
$writer->query_until(qr/begun/, "BEGIN;\nINSERT INTO customers VALUES (1000);\n\\echo begun\n");
like(($node->psql('postgres', "SET lock_timeout = '100ms'; $undrop"))[2], qr/canceling statement due to lock timeout/, 'lock_timeout holds');
nothing_is_left('a lock_timeout');

my $first = start('first', $undrop);
wait_for_lock('first');
is(sql(q{SET lock_timeout = '10s'; INSERT INTO lines VALUES (1, 1); SELECT count(*) FROM customers}), '10',
	'while an undrop waits for one table, others can be read, and written that come after it');
sql('DELETE FROM lines WHERE ctid = (SELECT max(ctid) FROM lines)');
my $second = start('second', $undrop);
my $creator = start('creator', 'CREATE TABLE orders (other int)');
wait_for_lock($_) foreach 'second', 'creator';
$writer->query_safe('ROLLBACK');
$writer->quit;
is(finish($first), '', 'the undrop goes on when the writer has ended');
like(finish($second), qr/table "public\.orders" exists/, 'of two undrops the second finds what the first has made');
like(finish($creator), qr/already exists|pg_type_typname_nsp_index/, 'and so does a CREATE TABLE');
is(schema(), $schema, 'the table is there once, with all that hangs on it');
is(table_hash($node, 'postgres', 'orders'), $orders, 'and its rows');
nothing_is_left('two undrops');

# ---- its schema goes meanwhile ----

sql('DROP TABLE emptied.t');
$writer = $node->background_psql('postgres');
$writer->query_until(qr/back/, "BEGIN;\nSELECT pgbackup_undrop('emptied.t');\n\\echo back\n");
my $dropper = start('dropper', 'DROP SCHEMA emptied');
wait_for_lock('dropper');
$writer->query_safe('COMMIT');
$writer->quit;
like(finish($dropper), qr/cannot drop schema emptied because other objects depend on it/, 'a DROP SCHEMA waits, and sees the table');

# ---- transactions ----

sql('DROP TABLE orders CASCADE');
is(sql("BEGIN; SAVEPOINT a; $undrop; ROLLBACK TO a; SELECT to_regclass('orders') IS NULL; $undrop; ROLLBACK"), "orders\nt\norders",
	'a savepoint is gone back to, and it can come back again');
nothing_is_left('a rollback');
is(sql("DO \$\$ BEGIN PERFORM pgbackup_undrop('orders', cascade => true); RAISE EXCEPTION 'no'; EXCEPTION WHEN raise_exception THEN NULL; END \$\$; SELECT to_regclass('orders') IS NULL"),
	't', 'an exception undoes it');
nothing_is_left('an exception');
is(sql("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM lines; $undrop; SELECT count(*) FROM orders; ROLLBACK"), "500\norders\n1000",
	'a transaction with a snapshot of before sees what has come back');
sql("BEGIN; $undrop; PREPARE TRANSACTION 'undrop'");
nothing_is_left('a prepared transaction');
sql("COMMIT PREPARED 'undrop'");
is(schema(), $schema, 'a prepared transaction has it, once it is committed');

# ---- canceled just when the job has done all: it goes last, and has the directory to remove ----

# Polls without a pause, for it is a moment; false if it has been missed.
sub catch
{
	my ($begun, $pattern) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	until (my ($found) = glob $pattern)
	{
		return 0 if $begun && !(my ($directory) = glob "$scratch/*");
		die "timed out waiting for $pattern" if time > $deadline;
	}
	return 1;
}

sql('DROP TABLE orders CASCADE');
my $watcher = $node->background_psql('postgres');
foreach my $try (1 .. 3)
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');

	$session->query_until(qr/started/, "\\echo started\n$undrop;\n");
	catch(0, "$scratch/*/sandbox/postmaster.pid");
	my $job = $watcher->query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pgbackup job'});
	my $caught = catch(1, "$scratch/*/repository/*/backups/*/manifest.json*");
	kill 'STOP', $job if $caught;
	kill 'INT', $pid;
	# a job that is stopped with a lock in shared memory keeps its backend waiting: then the moment is missed
	wait_for(
		sub {
			my $state = $watcher->query("SELECT state || ' ' || coalesce(wait_event_type, '') FROM pg_stat_activity WHERE pid = $pid");

			kill 'CONT', $job if $state eq 'active LWLock';
			return $state !~ /^active/;
		},
		'the cancel');
	$session->query_until(qr/ended/, "\\echo ended\n");
	kill 'CONT', $job if $caught;
	$session->quit;
	nothing_is_left("a cancel, $try");
	sql('DROP TABLE IF EXISTS orders CASCADE');
}
$watcher->quit;
is(sql($undrop), 'orders', 'after which it comes back as ever');
is(schema(), $schema, 'as it was');

# ---- names ----

sql(<<~'SQL');
	CREATE SCHEMA "S ""'\$$.é";
	SET search_path = "S ""'\$$.é", public;
	DO $do$
	DECLARE
		n text;
	BEGIN
		FOREACH n IN ARRAY ARRAY['"', 'it''s', '\', E'\\''; --', E'two\nlines', '$$', '$1', 'é.ü', repeat('x', 63), repeat('ü', 31) || 'u', 'SELECT', 'select', 'user',
			'%s', '{1,2}', ' ', '1', E'\t', '/*', ':v', 'a.b', 'pgbackup_recovery']
		LOOP
			EXECUTE format('CREATE TYPE %I AS ENUM (%L)', left(n, 20) || ' type', n);
			EXECUTE format('CREATE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql AS %L', n, 'DECLARE t text := ' || quote_literal(n) || '; BEGIN RETURN NEW; END');
			EXECUTE format('CREATE TABLE %1$I (%1$I int GENERATED BY DEFAULT AS IDENTITY CONSTRAINT %2$I PRIMARY KEY, t text DEFAULT %3$L CONSTRAINT %4$I CHECK (t <> %3$L || 1), e %5$I)',
				n, left(n, 20) || ' key', n, left(n, 20) || ' check', left(n, 20) || ' type');
			EXECUTE format('INSERT INTO %1$I SELECT g, %2$L || g + 1, %2$L FROM generate_series(1, 3) g', n, n);
			EXECUTE format('CREATE INDEX %I ON %I (%I, t) WHERE t > %L', left(n, 20) || ' index', n, n, n);
			EXECUTE format('CREATE TRIGGER %1$I BEFORE INSERT ON %1$I FOR EACH ROW EXECUTE FUNCTION %1$I(%1$L)', n);
			EXECUTE format('CREATE POLICY %1$I ON %1$I USING (t > %1$L)', n);
			EXECUTE format('CREATE VIEW %I AS SELECT %I, %L::text AS %I FROM %I', left(n, 20) || ' view', n, n, left(n, 20) || ' constant', n);
			EXECUTE format('CREATE TABLE %I (%I int CONSTRAINT %I REFERENCES %I)', left(n, 20) || ' child', n, n, n);
			EXECUTE format('COMMENT ON TABLE %I IS %L', n, n);
			EXECUTE format('COMMENT ON COLUMN %1$I.%1$I IS %1$L', n);
		END LOOP;
	END
	$do$;
	SQL

my $hashes = q{SELECT relname, query_to_xml(format('SELECT t FROM %s t ORDER BY 1', oid::regclass), true, false, '')::text FROM pg_class
	WHERE relkind = 'r' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname LIKE 'S %') ORDER BY 1};
my $some = sql(q{SELECT string_agg(format('%L', quote_ident(n)), ',') FROM unnest(ARRAY['\\', E'\\\\''; --', E'two\nlines', '$$', repeat('ü', 31) || 'u', 'SELECT']) n});
my $odd = q{"S ""'\\$$.é"};
my $rows;
($schema, $rows) = (schema(), sql($hashes));

sql(qq{DROP SCHEMA $odd CASCADE});
is(sql(qq{SET client_min_messages = error; SELECT pgbackup_undrop(\$n\$$odd."\$\$"\$n\$, cascade => true) IS NOT NULL}), 't', 'a schema of odd names');
is(schema(), $schema, 'as it was');
is(sql($hashes), $rows, 'with its rows');

my $quiet = "SET client_min_messages = error; SET search_path = $odd, public";
sql("$quiet; DO \$do\$ DECLARE n text; BEGIN FOREACH n IN ARRAY ARRAY[$some] LOOP EXECUTE 'DROP TABLE ' || n || ' CASCADE'; END LOOP; END \$do\$");
my $came = sql("$quiet; SELECT count(pgbackup_undrop(n, cascade => true)) FROM unnest(ARRAY[$some]) n");
is($came, 6, 'tables, each by its odd name');
is(schema(), $schema, 'are as they were');
is(sql($hashes), $rows, 'with their rows');
nothing_is_left('odd names');

# ---- two that truncate the same table, and one that may not ----

sub truncates { return sql(q{SELECT string_agg(relation, ' ' ORDER BY relation) FROM pgbackup_drops WHERE command = 'TRUNCATE TABLE' AND relation LIKE '%raced'}); }

sql('CREATE TABLE raced AS SELECT generate_series(1, 100) AS id; CREATE ROLE passer_by');
my $truncating = $node->background_psql('postgres');
$truncating->query_safe('BEGIN; TRUNCATE raced');
my $waiting = start('waiting', 'TRUNCATE raced');
wait_for_lock('waiting');
fails_like($node, q{SET lock_timeout = '20s'; SET ROLE passer_by; TRUNCATE raced}, qr/permission denied for table raced/, 'who may not truncate it does not wait');
$truncating->query_safe('COMMIT');
finish($waiting);
is(truncates(), 'public.raced', 'the second one found it empty, and is not recorded');

# the name becomes that of another table while it waits
sql('INSERT INTO raced VALUES (1); CREATE SCHEMA aside');
$truncating->query_safe('BEGIN; ALTER TABLE raced SET SCHEMA aside; CREATE TABLE raced AS SELECT 1 AS id');
$waiting = start('waiting', 'TRUNCATE raced');
wait_for_lock('waiting');
$truncating->query_safe('COMMIT');
is(finish($waiting), '', 'it truncates the other one');
is(truncates(), 'public.raced public.raced', 'which is what is recorded');
is(sql('SELECT count(*) FROM aside.raced'), '1', 'while the first one has its row');

# the table goes while it waits
$truncating->query_safe('BEGIN; DROP TABLE raced');
$waiting = start('waiting', 'TRUNCATE raced');
wait_for_lock('waiting');
$truncating->query_safe('COMMIT');
like(finish($waiting), qr/relation "raced" does not exist/, 'one that has gone meanwhile');
$truncating->quit;

# ---- no worker ----

# two, and both are launchers
sql('DROP TABLE orders CASCADE; ALTER SYSTEM SET max_worker_processes = 2');
$node->restart;
like(($node->psql('postgres', "SET statement_timeout = '10s'; $undrop"))[2],
	qr/NOTICE:  the recovery waits for a free background worker\nHINT:  .*raise max_worker_processes.*statement timeout/s,
	'who waits for a worker is told so, and can end it');
nothing_is_left('a job that has not begun');

$node->stop;
done_testing();
