#
# 024_locks.pl
#	  Locks: those of the session that asks for the backup, and those of others.
#
# test/t/024_locks.pl
#
use strict;
use warnings;

use PgBackupArchive;
use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => "autovacuum = off\n");
my ($id, $holder, $seconds);

# Made in this order, in which pg_dump locks them too.
sub create_tables
{
	$node->safe_psql('postgres', q{
		DROP TABLE IF EXISTS a, m, z, renamed;
		DROP SCHEMA IF EXISTS elsewhere CASCADE;
		CREATE SCHEMA elsewhere;
		CREATE TABLE a (id int PRIMARY KEY, c varchar(100), d text);
		CREATE TABLE m (LIKE a);
		CREATE TABLE z (LIKE a);
		INSERT INTO a SELECT i, 'row ' || i FROM generate_series(1, 1000) i;
		INSERT INTO m SELECT i, 'row ' || i FROM generate_series(1, 20000) i;
		INSERT INTO z SELECT i, 'row ' || i FROM generate_series(1, 1000) i;
	});
	return;
}

sub rows_of
{
	my ($backup, $table) = @_;

	return $node->safe_psql('postgres',
		"SELECT row_count FROM pgbackup_contents('$backup') WHERE table_name = '$table'");
}

# Waits until this many sessions stand in a queue for the table.
sub wait_for_queue
{
	my ($table, $length) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) >= $length FROM pg_locks WHERE NOT granted AND relation = '$table'::regclass")
	  or die "nobody waits for $table";
	return;
}

create_tables();

# ---- locks of the transaction that asks for the backup ----

my $needs = qr/ERROR:  the backup needs a table that this transaction has locked.*HINT:  Commit/s;

for my $statement (
	'LOCK TABLE m',
	'TRUNCATE m',
	'DROP TABLE m',
	'ALTER TABLE m ADD COLUMN more int',
	'ALTER TABLE m RENAME TO renamed',
	'CREATE UNIQUE INDEX ON m (id); CLUSTER m USING m_id_idx',
	'LOCK TABLE pg_class',
	'LOCK TABLE pg_database',
	'LOCK TABLE pg_authid',
	'LOCK TABLE pg_auth_members',
	'LOCK TABLE pgbackup_runs')
{
	$seconds = seconds_of(sub { fails_like($node, "BEGIN; $statement; SELECT pgbackup_run()", $needs, $statement) });
	cmp_ok($seconds, '<', 3, "$statement: at once");
}
leaves_nothing($node, undef, 'locks of the asker');

fails_like($node, q{
	BEGIN;
	LOCK TABLE m;
	DO $$
	BEGIN
		PERFORM pgbackup_run();
	EXCEPTION WHEN object_in_use THEN
		RAISE NOTICE 'caught';
	END $$;
	SELECT pgbackup_run(exclude_tables => '{z}');
}, $needs, 'the error can be caught, and the next run says the same');

for my $statement (
	'INSERT INTO m VALUES (0)',
	'DELETE FROM m',
	'SELECT * FROM m FOR UPDATE',
	'CREATE INDEX ON m (id)',
	'LOCK TABLE m IN EXCLUSIVE MODE',
	'CREATE TABLE other (i int)',
	'CREATE TABLE other AS SELECT 1')
{
	$id = $node->safe_psql('postgres', "BEGIN; SET client_min_messages = warning; \\o /dev/null\n$statement;\n\\o\nSELECT pgbackup_run(); ROLLBACK");
	is(rows_of($id, 'm'), 20000, "$statement is not in the way, and not in the backup");
	is(rows_of($id, 'other'), '', 'nor is a table that is not committed');
}

$id = $node->safe_psql('postgres', q{BEGIN; LOCK TABLE m; SELECT pgbackup_run(exclude_tables => '{m}'); COMMIT});
is(rows_of($id, 'a') . rows_of($id, 'm'), '1000', 'the lock of a table that is left out is not in the way');

$id = $node->safe_psql('postgres', q{BEGIN; LOCK TABLE m; SELECT pgbackup_run(wait => false); COMMIT});
wait_for_no_backup($node);
is(rows_of($id, 'm'), '20000', 'who does not wait for the backup may hold locks until it has committed');

# We hold a; another session holds z and waits for a; the backup waits for z.
my $asker = $node->background_psql('postgres', on_error_stop => 0);
my $other = $node->background_psql('postgres', on_error_stop => 0);
$asker->query_safe('BEGIN; LOCK TABLE a IN ROW EXCLUSIVE MODE');
$other->query_safe('BEGIN; LOCK TABLE z');
$other->{stdin} .= "LOCK TABLE a;\n";
$other->{run}->pump_nb;
wait_for_queue('a', 1);
$seconds = seconds_of(
	sub {
		my (undef, $failed) = $asker->query("SELECT pgbackup_run(tables => '{z}')");
		ok($failed && $asker->{stderr} =~ $needs, 'a session in between is seen through');
	});
cmp_ok($seconds, '<', 3, 'at once');
$asker->{stderr} = '';
$asker->query_safe('ROLLBACK');
$other->query_safe('ROLLBACK');
$_->quit for $asker, $other;
leaves_nothing($node, undef, 'a session in between');

# ---- others, later ----

# They queue up for a table while pg_dump has locked it and waits for another one; the data
# workers come after them, and must not wait for them.
for my $statement (
	'DROP TABLE m',
	'TRUNCATE m',
	'ALTER TABLE m ADD COLUMN more int DEFAULT 7',
	'ALTER TABLE m ALTER c TYPE text USING upper(c)',
	'ALTER TABLE m RENAME TO renamed',
	'ALTER TABLE m SET SCHEMA elsewhere',
	'VACUUM FULL m',
	'REINDEX TABLE m')
{
	create_tables();
	($id, $holder) = start_waiting_backup($node, 'z');
	my $queued = session($node, [$statement]);
	wait_for_queue('m', 1) if $statement !~ /REINDEX/;
	$holder->query_safe('COMMIT');
	$holder->quit;
	wait_for_no_backup($node);
	is(rows_of($id, 'm'), '20000', "$statement, queued before the data workers come, waits for the backup");
	is((finish_session($queued))[0], 0, 'and is done after it');
}

# Two that would deadlock with one another but for the backup: the second waits for the first.
create_tables();
($id, $holder) = start_waiting_backup($node, 'z');
my @queued = map { session($node, ["BEGIN; LOCK TABLE $_; COMMIT"]) } qw(a m a m);
wait_for_queue($_, 2) for qw(a m);
$holder->query_safe('COMMIT');
$holder->quit;
wait_for_no_backup($node);
is(join(' ', map { rows_of($id, $_) } qw(a m z)), '1000 20000 1000', 'several queues');
is((finish_session($_))[0], 0, 'all are served') for @queued;

# While the data workers read.
create_tables();
create_slow_table($node);
$id = start_slow_backup($node);
@queued = map { session($node, [$_]) } 'DROP TABLE slow', 'TRUNCATE m', 'CREATE TABLE later (i int)', 'VACUUM a';
wait_for_queue($_, 1) for qw(slow m);
is((finish_session($queued[2]))[0], 0, 'another table can be made while a backup exports');
is((finish_session($queued[3]))[0], 0, 'and a table vacuumed');
ok(!has_ended($queued[0]) && phase_of($node, $id) eq 'exporting tables', 'but the table that it reads cannot be dropped');
$node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')");
is((finish_session($queued[$_]))[0], 0, 'until the backup has ended') for 0, 1;
$node->safe_psql('postgres', 'DROP TABLE later');
leaves_nothing($node, $id, 'a backup with queues behind it');

# ---- others, just before ----

# They commit after the snapshot, and before pg_dump has its lock: nothing may be missing
# without a word.
my $again = qr/ERROR:.*HINT:  Run the backup again/s;

for my $statements (
	'TRUNCATE m',
	'TRUNCATE m; INSERT INTO m SELECT * FROM a',
	'DELETE FROM m WHERE id > 10; ALTER TABLE m ALTER c TYPE text USING upper(c)',
	'ALTER TABLE m ADD COLUMN more int',
	'ALTER TABLE m ADD COLUMN more int DEFAULT 7',
	'ALTER TABLE m DROP COLUMN d',
	'ALTER TABLE m DROP COLUMN d; ALTER TABLE m ADD COLUMN d int',
	'ALTER TABLE m RENAME COLUMN d TO e',
	'ALTER TABLE m RENAME c TO x; ALTER TABLE m RENAME d TO c; ALTER TABLE m RENAME x TO d',
	'ALTER TABLE m ALTER d TYPE int USING 1',
	'ALTER TABLE m SET UNLOGGED',
	'ALTER TABLE m RENAME TO renamed',
	'ALTER TABLE m RENAME TO renamed; CREATE TABLE m (LIKE a)',
	'ALTER TABLE m SET SCHEMA elsewhere',
	'CREATE UNIQUE INDEX ON m (id); CLUSTER m USING m_id_idx',
	'DROP TABLE m',
	'DROP TABLE m; CREATE TABLE m (LIKE a); INSERT INTO m SELECT * FROM a',
	'DROP TABLE m; CREATE VIEW m AS SELECT * FROM a')
{
	create_tables();
	my $from = -s $node->logfile;
	$holder = $node->background_psql('postgres');
	$holder->query_safe("BEGIN; LOCK TABLE m");
	my $waiting = session($node, ['SELECT pgbackup_run()']);
	wait_for_queue('m', 1);
	$holder->query_safe("$statements; COMMIT");
	$holder->quit;
	my ($status, undef, $error) = finish_session($waiting);
	isnt($status, 0, "$statements, committed before pg_dump has its lock: an error");
	like($error, $again, 'with a hint');
	no_crash($node, $from, 'it');
	$node->safe_psql('postgres', 'DROP VIEW IF EXISTS m') if $statements =~ /VIEW/;
}
leaves_nothing($node, undef, 'changes just before the locks');

# VACUUM FULL cannot run in a transaction: it waits for one, and pg_dump waits for it.
create_tables();
$holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE m IN ACCESS SHARE MODE');
my $vacuum = session($node, ['VACUUM FULL m']);
wait_for_queue('m', 1);
my $waiting = session($node, ['SELECT pgbackup_run()']);
wait_for_queue('m', 2);
$holder->query_safe('COMMIT');
$holder->quit;
is((finish_session($vacuum))[0], 0, 'VACUUM FULL before pg_dump has its lock');
like((finish_session($waiting))[2], $again, 'is an error too');

# What is harmless is none.
for my $statements (
	'DELETE FROM m',
	'UPDATE m SET c = id::text',
	'INSERT INTO m SELECT * FROM a',
	'CREATE INDEX ON m (id)',
	"ALTER TABLE m ALTER c SET DEFAULT 'x'",
	'ALTER TABLE m ADD CHECK (id > 0)',
	'ALTER TABLE m ALTER c TYPE varchar(200)',
	'CREATE TABLE later AS SELECT * FROM m')
{
	create_tables();
	$holder = $node->background_psql('postgres');
	$holder->query_safe("BEGIN; LOCK TABLE m");
	my $asking = session($node, ['SELECT pgbackup_run()']);
	wait_for_queue('m', 1);
	$holder->query_safe("$statements; COMMIT");
	$holder->quit;
	(my $status, $id, my $error) = finish_session($asking);
	is($status, 0, "$statements, committed before pg_dump has its lock") or diag($error);
	is(rows_of($id, 'm') . rows_of($id, 'later'), '20000', 'is not in the backup');
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS later');
}

# ---- vacuum ----

# What the snapshot sees stays, though nobody else sees it any longer.
create_tables();
$node->safe_psql('postgres', 'DROP TABLE IF EXISTS slow');
($id, $holder) = start_waiting_backup($node, 'z');
$node->safe_psql('postgres', $_)
  for 'DELETE FROM m', 'VACUUM m', 'UPDATE a SET c = id::text', 'VACUUM (FREEZE) a';
$holder->query_safe('COMMIT');
$holder->quit;
wait_for_no_backup($node);
is(rows_of($id, 'm'), '20000', 'rows that are deleted and vacuumed meanwhile are there');
my $folder = backup_folder($node, $id);
my ($a) = grep { $_->{name} eq 'a' } @{ read_manifest($folder)->{tables} };
is(join('', sort split /^/, table_rows($folder, $a)),
	join('', sort map { "$_\trow $_\t\\N\n" } 1 .. 1000), 'and those that are updated, as they were');

leaves_nothing($node, undef, 'all that');
$node->stop;
done_testing();
