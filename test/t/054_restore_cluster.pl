#
# 054_restore_cluster.pl
#	  A cluster is restored by the program, and recovered to targets of every kind.
#
# The judges are pg_verifybackup, the server that starts, and hashes of rows that were
# taken at each target.
#
# test/t/054_restore_cluster.pl
#
use strict;
use warnings;

use File::Basename qw(basename);
use PgBackupRestore;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => archive_conf());
my $places = PostgreSQL::Test::Utils::tempdir_short();
my ($status, $out, $err);

# ---- what is backed up ----

mkdir "$places/old" or die;
$node->safe_psql('postgres', "CREATE TABLESPACE fast LOCATION '$places/old'");
$node->safe_psql('postgres', q{
	CREATE TABLE history (step text, at timestamptz DEFAULT clock_timestamp());
	CREATE TABLE long AS SELECT i, repeat(md5(i::text), 20) AS filler FROM generate_series(1, 30000) i;
	CREATE TABLE elsewhere TABLESPACE fast AS SELECT i, md5(i::text) FROM generate_series(1, 10000) i;
	DO $$ BEGIN
		FOR i IN 1..100 LOOP
			EXECUTE format('CREATE TABLE small_%s AS SELECT g, md5((g * %1$s)::text) FROM generate_series(1, 50) g', i);
		END LOOP;
	END $$;
});

# A running server takes no notice of it, but a restored one would become a standby.
my $signal = $node->data_dir . '/standby.signal';
write_file($signal, '');
my $id = full_backup($node);
unlink $signal or die;

# Changes after the backup; what all rows are after each, and how to get there.
my %lsn;
my %time;
my %xid;
my %hash;

sub content
{
	my ($server) = @_;

	return join ' ', map { table_hash($server, 'postgres', $_) } qw(history long elsewhere small_1 small_100);
}

sub step
{
	my ($name) = @_;

	$xid{$name} = $node->safe_psql('postgres', qq{
		BEGIN;
		INSERT INTO history VALUES ('$name');
		UPDATE long SET filler = '$name' WHERE i % 100 = 1;
		DELETE FROM elsewhere WHERE i % 7 = length('$name');
		SELECT pg_current_xact_id();
		COMMIT;
	});
	$lsn{$name} = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	$time{$name} = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
	$hash{$name} = content($node);
	return;
}

$hash{backup} = content($node);
step($_) foreach qw(a bb ccc dddd);
$node->safe_psql('postgres', "SELECT pg_create_restore_point('after dddd''s')");
step($_) foreach qw(eeeee ffffff);
archive_all($node);

sub mapping
{
	my ($name) = @_;

	return ('--tablespace-mapping', "$places/old=$places/$name");
}

# ---- nothing is touched by a dry run ----

($status, $out, $err) = restore($node, "$places/dry", mapping('new'), '--dry-run');
is($status, 0, 'a dry run is fine') or diag($err);
like($out, qr/Backup \Q$id\E of cluster \d+, .* is to go to "\Q$places\E\/dry"/, 'it says what it would do');
ok(!-e "$places/dry" && !-e "$places/new", 'it makes nothing');

# ---- targets ----

sub recovers
{
	my ($name, $step, @options) = @_;
	my $restored = restored_node($node, $name, mapping($name), @options);

	start_restored($restored);
	is(content($restored), $hash{$step}, "$name: all rows are as they were");
	return $restored;
}

my $restored = recovers('time', 'a', '--target-time', $time{a}, '--jobs', 4);
is($restored->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'time: the server has paused');
is(readlink($restored->data_dir . '/pg_tblspc/'
		  . $restored->safe_psql('postgres', q{SELECT oid FROM pg_tablespace WHERE spcname = 'fast'})),
	"$places/time", 'time: the tablespace is where it is mapped to');
$restored->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is(content($restored), $hash{a}, 'time: promoted, the rows stay');
is($restored->safe_psql('postgres', 'SELECT timeline_id FROM pg_control_checkpoint()'), 2, 'time: the timeline is a new one');
$restored->stop;

recovers('lsn', 'bb', '--target-lsn', $lsn{bb}, '--jobs', 1, '--target-action', 'promote')->stop;
recovers('xid', 'ccc', '--target-xid', $xid{ccc})->stop;
recovers('before_xid', 'bb', '--target-xid', $xid{ccc}, '--target-exclusive')->stop;
recovers('name', 'dddd', '--target-name', "after dddd's")->stop;
recovers('immediate', 'backup', '--target-immediate')->stop;
$restored = recovers('latest', 'ffffff', '--backup', $id);
is($restored->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 'f', 'latest: recovery has ended');
$restored->stop;

# ---- WAL that vanishes after the restore ----

my $robbed = restored_node($node, 'vanished', mapping('vanished'), '--backup', $id);
my $last_archived = $node->safe_psql('postgres', 'SELECT last_archived FROM pgbackup_archive');
my ($vanished) = glob repository($node) . "/*/wal/*/$last_archived.zst";
rename $vanished, "$vanished.away" or die;
$robbed->start(fail_ok => 1);
wait_for(sub { slurp_file($robbed->logfile) =~ /FATAL:  could not restore file|archive recovery complete/ }, "an end");
wait_for(sub { !-e $robbed->data_dir . '/postmaster.pid' }, 'the server to be down');
like(slurp_file($robbed->logfile), qr/pgbackup: error: WAL segment "$last_archived" is no longer in the archive/,
	'vanished: recovery does not end before its target');
unlike(slurp_file($robbed->logfile), qr/archive recovery complete/, 'vanished: it is no server that lacks something');
$robbed->stop('immediate', fail_ok => 1);
rename "$vanished.away", $vanished or die;
start_restored($robbed);
is(content($robbed), $hash{ffffff}, 'vanished: all rows are there, once the segment is back');
$robbed->stop;

# ---- into a directory that is full already ----

my $directory = $restored->data_dir;
my ($long) = $node->safe_psql('postgres', q{SELECT pg_relation_filepath('long')});
my ($elsewhere) = $node->safe_psql('postgres', q{SELECT pg_relation_filepath('elsewhere')});
my @again = (mapping('latest'), '--backup', $id, '--delta');

($status, $out, $err) = restore($node, $directory, mapping('latest'));
is($status, 1, 'without --delta, a full directory is refused');
like($err, qr/error: directory "\Q$directory\E" is not empty/, 'and the error says so');
ok(-f "$directory/global/pg_control", 'and it is as it was');

$restored->append_conf('postgresql.auto.conf',
	"recovery_target_lsn = '0/1'\nwork_mem = '5MB'\nRestore_Command = 'false'\n");
($status, $out, $err) = restore($node, $directory, @again, '--target-time', $time{ccc});
is($status, 0, 'with --delta, a server of the same cluster becomes the backup again') or diag($err);
command_ok([ 'pg_verifybackup', $directory ], 'pg_verifybackup accepts it');
my $settings = read_file("$directory/postgresql.auto.conf");
is(scalar(() = $settings =~ /^restore_command/mgi), 1, 'recovery settings do not pile up');

# A default that goes by the data directory would begin another repository.
unlike($settings, qr/^pgbackup\.repository/m, 'a repository that the configuration names is not named again');
symlink repository($node), "$places/made-pgbackup" or die;
foreach (
	[ 'elsewhere', qr/^pgbackup\.repository = '\Q$places\E\/made-pgbackup'$/m ],
	[ 'made', qr/^(?!.*^pgbackup\.repository)/ms ])
{
	my ($where, $pattern) = @$_;

	($status, $out, $err) = program('restore', '--repository', "$places/made-pgbackup", '--target-dir', "$places/$where",
		mapping("$where-fast"));
	is($status, 0, "a repository beside a data directory is restored from, to $where") or diag($err);
	like(read_file("$places/$where/postgresql.auto.conf"), $pattern,
		'the server archives there, wherever its data directory is');
}

# Of every kind of difference one.
flip_bit("$directory/$long", 12345);
truncate_file("$directory/$elsewhere", -8192);
my ($small) = glob "$directory/base/*/PG_VERSION";
unlink $small or die;
write_file("$directory/base/stray", 'x');
mkdir "$directory/strange" or die;
mkdir "$directory/strange/deep" or die;
write_file("$directory/strange/deep/file", 'x');
mkdir "$places/outside" or die;
write_file("$places/outside/file", 'mine');
symlink "$places/outside", "$directory/strange/link" or die;
unlink "$directory/pg_hba.conf" or die;
symlink "$places/outside/file", "$directory/pg_hba.conf" or die;
chmod 0644, "$directory/postgresql.conf";
write_file("$directory/standby.signal", '');

($status, $out, $err) = restore($node, $directory, @again, '--target-time', $time{ccc}, '--jobs', 3);
is($status, 0, 'with --delta, damage is repaired') or diag($err);
like($out, qr/Restored .*, .* were right as they were/, 'the output says that not all was restored');
command_ok([ 'pg_verifybackup', $directory ], 'pg_verifybackup accepts it again');
ok(!-e "$directory/base/stray" && !-e "$directory/strange", 'what is not part of the backup is gone');
ok(!-e "$directory/standby.signal", 'what a restore leaves out goes, though the backup has the same');
is(read_file("$places/outside/file"), 'mine', 'no link was followed');
ok(!-l "$directory/pg_hba.conf", 'a link in the place of a file is replaced');
is((stat "$directory/postgresql.conf")[2] & 07777, 0600, 'permissions are as they were');
ok(!-e "$directory/pgbackup.restore", 'the mark is gone');

$restored->append_conf('postgresql.conf', 'port = ' . $restored->port . "\narchive_mode = off\n");
start_restored($restored);
is(content($restored), $hash{ccc}, 'all rows are as they were at the new target');
$restored->stop;

# ---- links, and places that change ----

# Files behind what the restore replaces are right, but not where they are to be.
my ($base) = $long =~ m{^(base/\d+)/};
foreach my $moved ($base, 'pg_xact')
{
	my $away = "$places/outside/" . basename($moved);

	rename "$directory/$moved", $away or die;
	symlink $away, "$directory/$moved" or die;
}
my ($link) = $elsewhere =~ m{^(pg_tblspc/\d+)/};
($status, $out, $err) = restore($node, $directory, mapping('moved'), '--backup', $id, '--delta');
is($status, 0, 'with --delta, a tablespace moves, and directories come back') or diag($err);
command_ok([ 'pg_verifybackup', $directory ], 'pg_verifybackup finds all that was behind links');
ok(!-l "$directory/$base" && !-l "$directory/pg_xact", 'in directories, not behind links');
is(readlink("$directory/$link"), "$places/moved", 'the tablespace is in its new place');
ok(-f "$places/outside/" . basename($long =~ s{/\d+$}{}r) . '/' . basename($long), 'what was behind a link is as it was');
ok(-f "$places/latest/" . $elsewhere =~ s{^\Q$link\E/}{}r, 'so is the old place of the tablespace');

# The directory of a tablespace may have folders of other versions, and be the top of a file system.
my ($folder) = glob "$places/moved/PG_*";
my @others = ('PG_9.6_201608131', 'lost+found');
foreach my $other (@others)
{
	mkdir "$places/moved/$other" or die;
	write_file("$places/moved/$other/file", 'theirs');
}
write_file("$folder/stray", 'x');
($status, $out, $err) = restore($node, $directory, mapping('moved'), '--backup', $id, '--delta');
is($status, 0, 'with --delta, a tablespace beside that of another cluster is restored') or diag($err);
command_ok([ 'pg_verifybackup', (map { ('--ignore', "$link/$_") } @others), $directory ], 'pg_verifybackup accepts it');
is(read_file("$places/moved/$_/file"), 'theirs', "$_ stays") foreach @others;
ok(!-e "$folder/stray", 'what is not of the backup is removed from our folder');

unlink "$directory/$link" or die;
PostgreSQL::Test::RecursiveCopy::copypath("$places/latest", "$directory/$link");
($status, $out, $err) = restore($node, $directory, mapping('linked'), '--backup', $id, '--delta');
is($status, 0, 'with --delta, a directory in the place of a link is replaced') or diag($err);
command_ok([ 'pg_verifybackup', $directory ], 'pg_verifybackup finds all of the tablespace');
is(readlink("$directory/$link"), "$places/linked", 'behind a link');

# ---- interrupted, and continued ----

# The restore may be faster than the killer: then it gets another chance.
my $half = "$places/half";
my $killed = 0;
foreach my $attempt (1 .. 20)
{
	my $run = IPC::Run::start(
		[
			'pgbackup', 'restore', '--repository', repository($node),
			'--target-dir', "$half$attempt", mapping("half$attempt-fast"), '--jobs', 2
		],
		'<', \undef, '>', \my $ignored, '2>', \my $also_ignored);

	1 until -e "$half$attempt/PG_VERSION" || -e "$half$attempt/base" || !$run->pumpable;
	$run->kill_kill(grace => 0);
	next if -e "$half$attempt/global/pg_control";
	$half .= $attempt;
	$killed = 1;
	last;
}
ok($killed, 'a restore is killed in the middle of it');
ok(-e "$half/pgbackup.restore", 'the directory has the mark');
command_fails([ 'pg_ctl', '-D', $half, '-w', '-l', "$places/log", 'start' ], 'no server starts there');

# Its processes may need a moment to notice.
wait_for(
	sub {
		($status, $out, $err) =
		  restore($node, $half, '--tablespace-mapping', "$places/old=$half-fast", '--delta');
		return $err !~ /another restore is at work/;
	},
	'the end of the killed restore');
is($status, 0, 'with --delta, it goes on') or diag($err);
command_ok([ 'pg_verifybackup', $half ], 'pg_verifybackup accepts it');

done_testing();
