#
# 053_base_backup_trouble.pl
#	  Bad days of base backups: damage, kills, a full disk, an archive that fails.
#
# test/t/053_base_backup_trouble.pl
#
use strict;
use warnings;

use PgBackupBase;
use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use File::Path qw(remove_tree);
use Time::HiRes qw(usleep);

my $node = base_node('main', conf => "restart_after_crash = on\n");
my ($id, $next, $log_from, $seconds);

$node->safe_psql('postgres', q{
	CREATE TABLE t AS SELECT i, md5(i::text) AS filler FROM generate_series(1, 50000) i;
	CREATE TABLE victim AS SELECT i, md5(i::text) AS filler FROM generate_series(1, 5000) i;
});

# ---- files come and go ----

$node->safe_psql('postgres', "ALTER SYSTEM SET pgbackup.max_rate = '8MB'");
$node->reload;
$id = $node->safe_psql('postgres', "SELECT pgbackup_run('full', wait => false, jobs => 2)");
my $rounds = 0;
while (defined phase_of($node, $id))
{
	$node->safe_psql('postgres', $_)
	  for (
		"CREATE TABLE coming_$rounds AS SELECT generate_series(1, 2000) AS i",
		"CREATE DATABASE passing STRATEGY file_copy",
		'UPDATE t SET i = -i WHERE i % 7 = 0',
		'DROP DATABASE passing',
		$rounds % 2 ? "DROP TABLE coming_$rounds" : 'SELECT 1',
		'TRUNCATE victim', 'INSERT INTO victim SELECT i, md5(i::text) FROM generate_series(1, 5000) i');
	$rounds++;
}
cmp_ok($rounds, '>=', 1, 'files have come and gone during a backup');
is($node->safe_psql('postgres', "SELECT status FROM pgbackup_list() WHERE id = '$id'"), 'complete',
	'it is complete all the same');
my $restored = start_unpacked($node, $id, 'restored');
is($restored->safe_psql('postgres', 'SELECT count(*), count(DISTINCT abs(i)) FROM t'), '50000|50000', 'and restores');
like($restored->safe_psql('postgres', 'SELECT count(*) FROM victim'), qr/^(0|5000)$/, 'to one moment');
$restored->safe_psql('postgres', 'CREATE EXTENSION amcheck');
$restored->command_ok([ 'pg_amcheck', '-d', 'postgres', '--heapallindexed' ], 'pg_amcheck finds nothing');
$restored->stop('immediate');

# ---- the rate ----

my $megabytes = $node->safe_psql('postgres', "SELECT raw_bytes / 1048576 FROM pgbackup_list() WHERE id = '$id'");
$seconds = seconds_of(sub { $node->safe_psql('postgres', "SELECT pgbackup_run('full', jobs => 2)") });
cmp_ok($seconds, '>=', $megabytes / 8 - 0.5, 'all workers together keep to pgbackup.max_rate');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET pgbackup.max_rate');
$node->reload;
$node->poll_query_until('postgres', 'SHOW pgbackup.max_rate', '0') or die;

# ---- two at once, another one beside a logical one ----

$id = start_slow_base($node);
$next = $node->safe_psql('postgres', "SELECT pgbackup_run('full')");
is(phase_of($node, $id), 'copying files', 'a second backup does not wait for the first');
is($node->safe_psql('postgres', "SELECT status FROM pgbackup_list() WHERE id = '$next'"), 'complete', 'and is complete');
$node->safe_psql('postgres', 'SELECT pgbackup_run()');

# ---- terminated, killed ----

$node->safe_psql('postgres', "SELECT pg_terminate_backend(" . (copy_worker_pids($node))[0] . ')');
wait_for_no_backup($node);
like($node->safe_psql('postgres', "SELECT status || ': ' || message FROM pgbackup_runs WHERE backup = '$id'"),
	qr/^failed: a data worker of the backup was terminated$/, 'a worker is terminated: the backup fails');
leaves_no_base($node, $id, 'a worker is terminated');

$id = start_slow_base($node);
$log_from = -s $node->logfile;
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . job_pid($node, $id) . ')');
wait_for_no_backup($node);
leaves_no_base($node, $id, 'the job is terminated');
like(slurp_file($node->logfile, $log_from), qr/WARNING:  aborting backup/, 'the server has left backup mode');

# Kills a process of the server, which then restarts them all.
sub crash
{
	my ($pid) = @_;
	my $from = -s $node->logfile;

	kill 'KILL', $pid or die "there is no process $pid";
	wait_for(
		sub {
			slurp_file($node->logfile, $from) =~
			  /all server processes terminated; reinitializing.*ready to accept connections/s;
		},
		'the server to come back');
	return;
}

$id = start_slow_base($node);
crash((copy_worker_pids($node))[-1]);
leaves_no_base($node, $id, 'a worker is killed');

$id = start_slow_base($node);
crash(job_pid($node, $id));
leaves_no_base($node, $id, 'the job is killed');

$id = start_slow_base($node);
$node->kill9;
my $tries = 0;
until ($node->start(fail_ok => 1))
{
	die 'the server does not start' if $tries++ > 40;
	$node->{_pid} = undef;
	usleep(500_000);
}
leaves_no_base($node, $id, 'the server is killed');

# ---- a damaged page ----

my $path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('victim')");
my $index = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('pg_class_oid_index')");
$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop;
flip_bit($path, 3 * 8192 + 5000);
flip_bit($path, 5 * 8192 + 5000);

# an LSN that no page can have does not make it a new one
my $content = read_file($path);
substr $content, 6 * 8192, 8, "\xFF" x 8;
write_file($path, $content);
$node->start;
$log_from = -s $node->logfile;
$id = $node->safe_psql('postgres', "SELECT pgbackup_run('full')");
is($node->safe_psql('postgres', "SELECT status, damaged_pages FROM pgbackup_list() WHERE id = '$id'"), 'complete|3',
	'damaged pages are in the row of the backup');
is($node->safe_psql('postgres', "SELECT status, message, detail FROM pgbackup_runs WHERE backup = '$id'"),
	"succeeded|3 damaged pages|The server's log names them.", 'and in that of the run');
like(slurp_file($node->logfile, $log_from),
	qr/WARNING:  block $_ of relation public.victim of database postgres is damaged/, "the log names block $_")
  for 3, 5, 6;
unlike(slurp_file($node->logfile, $log_from), qr/block 4 of/, 'and no other');
$node->safe_psql('postgres', 'TRUNCATE victim');

# ---- no room ----

SKIP:
{
	my $place = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'needs a small file system', 3 unless $place;
	$node->safe_psql('postgres', q{
		CREATE TABLE noise AS SELECT i, sha512(i::text::bytea) AS a, sha512((-i)::text::bytea) AS b FROM generate_series(1, 260000) i});
	my $repository = repository($node);
	$node->safe_psql('postgres', "ALTER SYSTEM SET pgbackup.repository = '$place/base'");
	$node->reload;
	$node->poll_query_until('postgres', 'SHOW pgbackup.repository', "$place/base") or die;
	fails_like($node, "SELECT pgbackup_run('full')", qr/ERROR:.*No space left on device.*HINT/s,
		'the repository is full');
	is(join(' ', glob("$place/base/*/backups/*")), '', 'nothing is left of it');
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET pgbackup.repository');
	$node->reload;
	$node->poll_query_until('postgres', 'SHOW pgbackup.repository', $repository) or die;
	$node->safe_psql('postgres', 'DROP TABLE noise');
	remove_tree("$place/base");
}

# ---- the repository inside the data directory ----

$node->safe_psql('postgres', "ALTER SYSTEM SET pgbackup.repository = '" . $node->data_dir . "/backups'");
$node->reload;
$node->poll_query_until('postgres', 'SHOW pgbackup.repository', $node->data_dir . '/backups') or die;
$id = $node->safe_psql('postgres', "SELECT pgbackup_run('full')");
is($node->safe_psql('postgres', "SELECT count(*) FROM pgbackup_contents('$id') WHERE path LIKE 'backups/%'"), '0',
	'a repository in the data directory is not in the backup');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET pgbackup.repository');

# ---- the archive ----

# Restarts with these settings.
sub configure
{
	$node->append_conf('postgresql.conf', "$_\n") for @_;
	$node->restart;
	return;
}

my $elsewhere = $node->basedir . '/elsewhere';
mkdir $elsewhere or die;
configure('archive_mode = on', "archive_command = 'cp %p $elsewhere/%f'");
$id = $node->safe_psql('postgres', "SELECT pgbackup_run('full')");
my $segment = $node->safe_psql('postgres', "SELECT pg_walfile_name(start_lsn) FROM pgbackup_list() WHERE id = '$id'");
ok(-e (glob(repository($node) . "/*/wal/00000001/$segment.zst"))[0] // '',
	'where others archive, the backup brings its WAL along');

configure("archive_library = 'pgbackup'", "archive_command = ''");
$id = $node->safe_psql('postgres', "SELECT pgbackup_run('full')");
$segment = $node->safe_psql('postgres', "SELECT pg_walfile_name(start_lsn) FROM pgbackup_list() WHERE id = '$id'");
ok(-e (glob(repository($node) . "/*/wal/00000001/$segment.zst"))[0] // '', 'where we archive, it waits for the archiver');
is($node->safe_psql('postgres', 'SELECT failed_count FROM pg_stat_archiver'), '0', 'and is not in its way');

# the archiver is killed, and with it all others; there are gaps from when others have archived
my $gaps = $node->safe_psql('postgres', 'SELECT gap_count FROM pgbackup_archive');
$id = start_slow_base($node);
crash($node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'"));
# a new one is started some seconds later, by a postmaster that something wakes: these connections
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'archiver'") or die;
leaves_no_base($node, $id, 'the archiver is killed');
is($node->safe_psql('postgres', 'SELECT gap_count FROM pgbackup_archive'), $gaps, 'the archive has no new gap');

# the archive cannot be written
my ($wal) = glob(repository($node) . '/*/wal/00000001');
$node->safe_psql('postgres', "ALTER SYSTEM SET pgbackup.archive_timeout = '2s'");
$node->reload;
chmod 0500, $wal;
chmod 0500, $wal =~ s{/[^/]*$}{}r;
fails_like($node, "SELECT pgbackup_run('full')",
	qr/ERROR:  the WAL archive does not take the WAL that this backup needs.*HINT/s, 'an archive that fails');
chmod 0700, $wal =~ s{/[^/]*$}{}r;
chmod 0700, $wal;
$next = $node->safe_psql('postgres', "SELECT pgbackup_run('full')");
is($node->safe_psql('postgres', "SELECT status FROM pgbackup_list() WHERE id = '$next'"), 'complete', 'and one that is back');

# ---- servers that cannot ----

$node->backup('for_standby');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'for_standby', has_streaming => 1);
$standby->start;
fails_like($standby, "SELECT pgbackup_run('full')", qr/ERROR:  a base backup cannot be made on a standby.*HINT/s,
	'not on a standby');
$standby->stop('immediate');

configure('archive_mode = off', "archive_library = ''", 'max_replication_slots = 0');
fails_like($node, "SELECT pgbackup_run('full')", qr/ERROR:  a base backup needs a replication slot.*HINT/s,
	'there can be no slot');
configure('max_replication_slots = 1');
$node->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('taken')");
fails_like($node, "SELECT pgbackup_run('full')", qr/ERROR:  all replication slots are in use.*HINT/s, 'all slots are taken');
$node->safe_psql('postgres', "SELECT pg_drop_replication_slot('taken')");
configure('max_wal_senders = 0', 'wal_level = minimal');
fails_like($node, "SELECT pgbackup_run('full')", qr/ERROR:  a base backup needs more WAL.*HINT/s, 'wal_level is minimal');

$node->stop;
done_testing();
