#
# 036_restore_trouble.pl
#	  Restores of databases that are watched, cancelled, killed, or cannot succeed:
#	  a database that is not complete does not stay.
#
# test/t/036_restore_trouble.pl
#
use strict;
use warnings;

use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A file on which the restores of this test wait: in a CHECK, and in an index.
my $folder = PostgreSQL::Test::Utils::tempdir_short();
my %gates = (rows => "$folder/rows", index => "$folder/index");

my $node = new_node('main',
	conf => "wal_level = logical\nmax_connections = 60\nmax_worker_processes = 20\nrestart_after_crash = on\n");
my ($id, $session, $from);

open_gate($_) foreach keys %gates;
$node->safe_psql('postgres', <<"SQL");
CREATE DATABASE shop;
CREATE ROLE clerk LOGIN;
CREATE ROLE visitor LOGIN;
\\c shop
CREATE EXTENSION pgbackup;
CREATE FUNCTION gate() RETURNS boolean LANGUAGE plpgsql AS \$\$
BEGIN
	WHILE pg_stat_file('$gates{rows}', true) IS NULL LOOP PERFORM pg_sleep(0.01); END LOOP;
	RETURN true;
END\$\$;
CREATE FUNCTION gate(i integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS \$\$
BEGIN
	WHILE pg_stat_file('$gates{index}', true) IS NULL LOOP PERFORM pg_sleep(0.01); END LOOP;
	RETURN i;
END\$\$;
CREATE TABLE waiting (i integer CHECK (gate()));
CREATE TABLE large AS SELECT i, repeat(md5(i::text), 8) AS filler FROM generate_series(1, 150000) i;
INSERT INTO waiting VALUES (1), (2);
CREATE INDEX ON waiting (gate(i));
ALTER TABLE large OWNER TO clerk;
CREATE SUBSCRIPTION elsewhere CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false);
SQL
$id = $node->safe_psql('shop', 'SELECT pgbackup_run()');
$node->safe_psql('shop', 'ALTER TABLE large OWNER TO CURRENT_USER');
$node->safe_psql('postgres', 'DROP ROLE clerk');
my $hash = table_hash($node, 'shop', 'large');

sub open_gate
{
	write_file($gates{ $_[0] }, '');
	return;
}

sub close_gate
{
	unlink $gates{ $_[0] } or die "could not close gate $_[0]: $!";
	return;
}

# Starts a restore, and returns when it is in the phase: at a gate, if that is closed.
sub start_restore
{
	my ($phase, $arguments) = @_;

	$node->safe_psql('postgres',
		"SELECT pgbackup_restore_database('copy', '$id', wait => false" . ($arguments ? ", $arguments" : '') . ')');
	wait_for_restore($phase);
	return;
}

sub wait_for_restore
{
	my ($phase) = @_;

	wait_for(
		sub {
			$node->safe_psql('postgres', "SELECT phase FROM pgbackup_progress WHERE database = 'copy'") eq $phase;
		},
		"phase $phase");
	# everything but what waits at the gate is done
	wait_for(sub { $node->safe_psql('postgres', 'SELECT objects_done >= objects_total - 1 FROM pgbackup_progress') eq 't' },
		'all tables but one')
	  if $phase eq 'loading tables';
	$node->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pg_restore' AND query LIKE 'CREATE INDEX%gate%'")
	  or die 'no index is being made'
	  if $phase =~ /indexes/;
	return;
}

sub pids_of
{
	my ($type) = @_;

	return split /\n/, $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = '$type'");
}

# What there is of a restore, as text; nothing if all is gone.
sub traces
{
	my @lines = split /\n/, $node->safe_psql('postgres', <<~SQL);
		SELECT 'progress: ' || p FROM pgbackup_progress p;
		SELECT 'database: ' || datname FROM pg_database WHERE datname LIKE 'copy%';
		SELECT 'role: ' || rolname FROM pg_roles WHERE rolname = 'clerk';
		SELECT 'subscription: ' || oid FROM pg_subscription WHERE subdbid <> (SELECT oid FROM pg_database WHERE datname = 'shop');
		SELECT 'origin: ' || roname FROM pg_replication_origin
			WHERE roname NOT IN (SELECT 'pg_' || oid FROM pg_subscription);
		SELECT 'process: ' || backend_type || ' ' || application_name FROM pg_stat_activity
			WHERE application_name = 'pg_restore' OR backend_type LIKE 'pgbackup %' AND backend_type NOT IN ('pgbackup launcher', 'pgbackup pass');
		SELECT 'file: ' || d FROM pg_ls_dir('base/pgsql_tmp', true, false) d;
		SELECT 'lock: ' || l FROM pg_locks l WHERE locktype = 'advisory' AND objsubid = 3;
		SQL

	push @lines, map { "program: $_" } dump_pids($node);
	return join "\n", @lines;
}

sub nothing_is_left
{
	my ($name) = @_;
	my $deadline = time + 30;
	my $traces;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	select(undef, undef, undef, 0.05) until ($traces = traces()) eq '' || time > $deadline;
	is($traces, '', "$name: nothing is left");
	return;
}

sub last_run
{
	return $node->safe_psql('postgres',
		"SELECT status, message FROM pgbackup_runs WHERE kind = 'restore' ORDER BY finished_at DESC LIMIT 1");
}

# ---- watched ----

close_gate('rows');
start_restore('loading tables');
is( $node->safe_psql('postgres', q{
		SELECT kind, backup, database, percent > 50, objects_done || '/' || objects_total,
			bytes_done < bytes_total, eta IS NOT NULL, current_object IS NOT NULL, pid IS NOT NULL
		FROM pgbackup_progress}),
	"restore|$id|copy|t|3/4|t|t|t|t", 'pgbackup_progress shows it');
is( $node->safe_psql('postgres', q{
		SELECT datname, datconnlimit, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'copy%'}),
	qq(copy_pgbackup_incomplete|0|pgbackup: incomplete restore of backup $id as database "copy"),
	'the database says what it is');
like(($node->psql('postgres', '', connstr => $node->connstr('copy_pgbackup_incomplete') . ' user=visitor'))[2],
	qr/too many connections for database/, 'and admits no ordinary user');
fails_like($node, "SELECT pgbackup_restore_database('copy', '$id')",
	qr/ERROR:  database "copy_pgbackup_incomplete" already exists.*HINT:  Another restore into database "copy" is running/s,
	'another restore into the same database');
is($node->safe_psql('postgres', "SELECT pgbackup_restore_database('copy of another name', '$id', wait => false)"), $id,
	'the same backup can be restored twice at once');
wait_for(sub { $node->safe_psql('postgres', "SELECT count(*) FROM pgbackup_progress WHERE phase = 'loading tables'") == 2 }, 'both');
is($node->safe_psql('postgres', "SELECT pgbackup_cancel('copy of another name')"), 't',
	'a restore is cancelled by the name of its database');
wait_for(sub { $node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_progress') == 1 }, 'the end of the other');
is($node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')"), 'f', 'and not by the backup that it reads');
my $watcher = $node->background_psql('copy_pgbackup_incomplete');
$watcher->query_safe('SELECT 1');
open_gate('rows');
wait_for(sub { $node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_progress') == 0 }, 'the end');
is(last_run() =~ s/ \(tables.*//r, qq(succeeded|database "copy" is restored from backup "$id"),
	'it succeeds, though somebody is connected to it');
is(table_hash($node, 'copy', 'large'), $hash, 'and the rows are there');
is($node->safe_psql('postgres', "SELECT datconnlimit, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'copy'"),
	'-1|', 'for everybody');
eval { $watcher->quit };
fails_like($node, "SELECT pgbackup_restore_database('copy', '$id')",
	qr/ERROR:  database "copy" already exists.*HINT/s, 'a database that exists is refused');

sub drop_copy
{
	$node->safe_psql('copy', 'ALTER SUBSCRIPTION elsewhere SET (slot_name = NONE); DROP SUBSCRIPTION elsewhere');
	$node->safe_psql('postgres', $_) for 'DROP DATABASE copy', 'DROP ROLE clerk';
	return;
}
drop_copy();

# ---- cancelled ----

close_gate('rows');
start_restore('loading tables');
$node->safe_psql('postgres', "SELECT pgbackup_cancel('copy')");
nothing_is_left('cancelled while it loads');
is(last_run(), 'cancelled|the restore was canceled', 'its row says so');

# twice, as who is impatient does it
start_restore('loading tables');
$node->safe_psql('postgres', "SELECT pgbackup_cancel('copy'), pg_sleep(0.001), pgbackup_cancel('copy')");
nothing_is_left('cancelled twice');

fails_like($node, "SET statement_timeout = '3s'; SELECT pgbackup_restore_database('copy', '$id')",
	qr/ERROR:  canceling statement due to statement timeout/, 'the statement is cancelled');
nothing_is_left('with its statement');

$session = session($node, ["SELECT pgbackup_restore_database('copy', '$id')"], 'application_name=asker');
wait_for_restore('loading tables');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'asker'");
nothing_is_left('with the session that waits for it');
finish_session($session);
open_gate('rows');

close_gate('index');
start_restore('restoring indexes and constraints');
$node->safe_psql('postgres', "SELECT pgbackup_cancel('copy')");
nothing_is_left('cancelled while pg_restore runs');

# ---- killed ----

start_restore('restoring indexes and constraints');
kill 'KILL', dump_pids($node);
nothing_is_left('pg_restore is killed');
like(last_run(), qr/^failed\|pg_restore failed: child process was terminated by signal 9/, 'its row says so');
open_gate('index');

close_gate('rows');
start_restore('loading tables');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . (pids_of('pgbackup data worker'))[0] . ')');
nothing_is_left('a data worker is terminated');
like(last_run(), qr/^failed\|a data worker of the restore was terminated/, 'its row says so');

start_restore('loading tables');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . (pids_of('pgbackup job'))[0] . ')');
nothing_is_left('the job is terminated');

start_restore('loading tables');
$node->stop('fast');
$node->start;
nothing_is_left('the server is stopped');

# All processes are killed, and nobody cleans up until the server is there again.
$node->safe_psql('postgres', "CREATE DATABASE my_pgbackup_incomplete");
start_restore('loading tables');
$from = -s $node->logfile;
kill 'KILL', (pids_of('pgbackup data worker'))[0];
$node->wait_for_log(qr/all server processes terminated; reinitializing/, $from);
$node->wait_for_log(qr/LOG:  dropped database "copy_pgbackup_incomplete", which an earlier restore has left/, $from);
ok(1, 'what a crash leaves goes at the next start, and the log tells');
wait_for(sub { traces() eq 'role: clerk' }, 'the end of all but a role, which the next restore takes as it is');
is($node->safe_psql('postgres', "SELECT datname FROM pg_database WHERE datname ~ 'incomplete'"),
	'my_pgbackup_incomplete', 'and nothing that only looks like it');
open_gate('rows');
$node->safe_psql('postgres', "SELECT pgbackup_restore_database('another', '$id')");
is(table_hash($node, 'another', 'large'), $hash, 'that one is complete');
$node->safe_psql('another', 'ALTER SUBSCRIPTION elsewhere SET (slot_name = NONE); DROP SUBSCRIPTION elsewhere');
$node->safe_psql('postgres', $_) for 'DROP DATABASE another', 'DROP DATABASE my_pgbackup_incomplete', 'DROP ROLE clerk';

# ---- what looks like a leftover, and is none any more ----

# Between the finding and the dropping of leftovers one that was alive may complete: the first of two is held.
$node->safe_psql('postgres', 'CREATE DATABASE first_pgbackup_incomplete CONNECTION LIMIT 0');
close_gate('rows');
start_restore('loading tables');
my $holder = $node->background_psql('postgres');
$holder->query_safe("COMMENT ON DATABASE first_pgbackup_incomplete IS 'pgbackup: incomplete restore of a backup'");
$holder->query_safe("BEGIN; COMMENT ON DATABASE first_pgbackup_incomplete IS 'held'");
$node->safe_psql('postgres', q{CREATE ROLE used; CREATE ROLE unused; CREATE ROLE with_settings; ALTER ROLE with_settings SET work_mem = '1MB'; GRANT used TO visitor});
$node->safe_psql('postgres', "COMMENT ON ROLE $_ IS 'pgbackup: made for the verification of a backup'") for 'used', 'unused', 'with_settings';
$session = session($node, ["SELECT pgbackup_restore_database('another', '$id')"]);
wait_for(sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE NOT granted AND classid = 'pg_database'::regclass}) == 1 || has_ended($session) },
	'the drop of the first');
open_gate('rows');
wait_for(sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname = 'copy'}) == 1 }, 'the other restore to complete');
$holder->query_safe('ROLLBACK');
$holder->quit;
my ($restored, undef, $why) = finish_session($session);
is($restored, 0, 'a restore that has found another one at work') or diag($why);
is($node->safe_psql('copy', 'SELECT string_agg(subname, \' \') FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()'),
	'elsewhere', 'takes nothing from it when that has completed meanwhile');
is($node->safe_psql('postgres', "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname ~ 'incomplete'"), '', 'and drops what is left');
is($node->safe_psql('postgres', q{SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname IN ('used', 'unused', 'with_settings')}), 'used with_settings',
	'roles that somebody has made his own stay');
$node->safe_psql($_, 'ALTER SUBSCRIPTION elsewhere SET (slot_name = NONE); DROP SUBSCRIPTION elsewhere') for 'copy', 'another';
$node->safe_psql('postgres', $_) for 'DROP DATABASE another', 'DROP DATABASE copy', 'DROP ROLE clerk', 'DROP ROLE used', 'DROP ROLE with_settings';

# ---- kept ----

close_gate('rows');
start_restore('loading tables', 'keep_partial => true');
$node->safe_psql('postgres', "SELECT pgbackup_cancel('copy')");
wait_for(sub { $node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_progress') == 0 }, 'the end');
is( $node->safe_psql('postgres', q{SELECT hint FROM pgbackup_runs ORDER BY run_id DESC LIMIT 1}),
	'The incomplete database is kept as "copy_pgbackup_incomplete"; drop it when you have seen enough.',
	'keep_partial keeps the database, and says where');
is(table_hash($node, 'copy_pgbackup_incomplete', 'large'), $hash, 'with what it has');
open_gate('rows');
$node->safe_psql('postgres', "SELECT pgbackup_restore_database('another', '$id')");
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'copy_pgbackup_incomplete'"), '1',
	'the next restore leaves it alone');
$node->safe_psql('another', 'ALTER SUBSCRIPTION elsewhere SET (slot_name = NONE); DROP SUBSCRIPTION elsewhere');
$node->safe_psql('postgres', $_) for 'DROP DATABASE another', 'DROP DATABASE copy_pgbackup_incomplete', 'DROP ROLE clerk';

# ---- programs ----

my $bin = $node->config_data('--bindir');

sub set
{
	my ($name, $value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = '$value'");
	$node->reload;
	return;
}

mkdir "$folder/bin" or die;
set('pgbackup.bin_directory', "$folder/bin");
fails_like($node, "SELECT pgbackup_restore_database('copy', '$id')",
	qr/ERROR:  pg_restore failed.*DETAIL:  could not execute .*HINT:  .*pgbackup.bin_directory/s, 'a missing pg_restore');
nothing_is_left('without pg_restore');
write_file("$folder/bin/pg_restore",
	"#!/bin/sh\n$bin/pg_restore \"\$\@\" || exit\ncase \"\$*\" in *post-data*) echo 'the moon is in the wrong house' >&2; exit 3;; esac\n");
chmod 0755, "$folder/bin/pg_restore";
fails_like($node, "SELECT pgbackup_restore_database('copy', '$id')",
	qr/ERROR:  pg_restore failed: child process exited with exit code 3.*DETAIL:  the moon is in the wrong house/s,
	'one that fails at the end');
nothing_is_left('a subscription is there already');
set('pgbackup.bin_directory', '');

# ---- damage ----

my ($file) = sort { -s $b <=> -s $a } backup_files($node, $id, qr/\.dat\.zst$/);
my ($name) = $file =~ m{([^/]*)$};

flip_bit($file, 1000);
fails_like($node, "SELECT pgbackup_restore_database('copy', '$id')",
	qr/ERROR:  .*\Q$name\E.*DETAIL:.*It is frame 0 of \d+ of table public.large.*HINT/s, 'a damaged frame is named');
nothing_is_left('a damaged frame');
flip_bit($file, 1000);
truncate_file($file, -1);
fails_like($node, "SELECT pgbackup_restore_database('copy', '$id')",
	qr/ERROR:  file "\Q$name\E" of backup "$id" is damaged/, 'a file that is too short');
nothing_is_left('a short file');
rename $file, "$file.away" or die;
fails_like($node, "SELECT pgbackup_restore_database('copy', '$id')",
	qr/ERROR:  file "\Q$name\E" of backup "$id" is missing/, 'a file that is gone');
nothing_is_left('a lost file');
$id = $node->safe_psql('shop', 'SELECT pgbackup_run()');
flip_bit((backup_files($node, $id, qr/toc\.dat$/))[0], 3000);
fails_like($node, "SELECT pgbackup_restore_database('copy', '$id')",
	qr/ERROR:  file "toc.dat" of backup "$id" is damaged/, 'a damaged table of contents');
nothing_is_left('a damaged table of contents');
$id = $node->safe_psql('shop', 'SELECT pgbackup_run()');
flip_bit((backup_files($node, $id, qr/globals/))[0], 30);
fails_like($node, "SELECT pgbackup_restore_database('copy', '$id')",
	qr/ERROR:  file "globals.sql.zst" of backup "$id" is damaged/, 'damaged globals');
nothing_is_left('damaged globals');

# ---- no room ----

SKIP:
{
	my $small = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'there is no small file system: test/run makes it as root', 1 unless $small;

	mkdir "$small/space" or die;
	$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$small/space'");
	$node->safe_psql('postgres', 'CREATE DATABASE little TABLESPACE small');
	$node->safe_psql('little', q{
		CREATE EXTENSION pgbackup;
		CREATE TABLE large AS SELECT i, repeat('x', 500) FROM generate_series(1, 10000) i});
	$id = $node->safe_psql('little', 'SELECT pgbackup_run()');

	# a new database lies in memory until a checkpoint, but room for the rows is taken at once
	$node->safe_psql('postgres', 'CHECKPOINT');
	my $available = 1024 * (qx(df -k --output=avail '$small') =~ /(\d+)/)[0];
	write_file("$small/filler", 'x' x ($available - 4 * 1024 * 1024));
	fails_like($node, "SELECT pgbackup_restore_database('copy', '$id')", qr/ERROR:  .*No space left on device/, 'no room');
	nothing_is_left('no room');
	unlink "$small/filler";
	$node->safe_psql('postgres', 'DROP DATABASE little');
	$node->safe_psql('postgres', 'DROP TABLESPACE small');
	rmdir "$small/space";
}

# ---- few workers ----

# the launcher, the launcher of logical replication, the job, and one
$id = $node->safe_psql('shop', 'SELECT pgbackup_run()');
$node->append_conf('postgresql.conf', 'max_worker_processes = 4');
$node->restart;
$from = -s $node->logfile;
$node->safe_psql('postgres', "SELECT pgbackup_restore_database('copy', '$id', jobs => 4)");
is(table_hash($node, 'copy', 'large'), $hash, 'one data worker does all');
like(slurp_file($node->logfile, $from), qr/LOG:  1 of [34] data workers could be started for the restore.*HINT/s, 'and the log tells');
$node->safe_psql('copy', 'ALTER SUBSCRIPTION elsewhere SET (slot_name = NONE); DROP SUBSCRIPTION elsewhere');
$node->safe_psql('postgres', 'DROP DATABASE copy');
$node->append_conf('postgresql.conf', 'max_worker_processes = 3');
$node->restart;
$node->safe_psql('postgres', "SELECT pgbackup_restore_database('copy', '$id', wait => false)");
wait_for_restore('waiting for a background worker');
$node->safe_psql('postgres', "SELECT pgbackup_cancel('copy')");
nothing_is_left('no data worker: it waits, and is cancelled');

$node->stop;
done_testing();
