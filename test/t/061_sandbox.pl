#
# 061_sandbox.pl
#	  Sandboxes: what they give back, what they touch, what is left of them, and their bad days.
#
# The truth is COPY at the moment of the target, row for row.  Sandboxes are made by hand, with
# functions that the extension does not declare.  A program in the place of "pgbackup wal-get"
# can be told to wait, so that a sandbox can be met in the middle of its recovery.
#
# test/t/061_sandbox.pl
#
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Find;
use IPC::Run;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

my $node = PostgreSQL::Test::Cluster->new('live');
my $major = $node->pg_version =~ s/\D.*//r;

# Without checksums nothing but what is wanted could be replayed at all.
$node->init(extra => [ '--encoding=UTF8', '--no-locale', '--wal-segsize=1', $major >= 18 ? '--no-data-checksums' : () ]);
$node->append_conf('postgresql.conf', qq{
	shared_preload_libraries = 'pgbackup'
	pgbackup.repository = '@{[ repository($node) ]}'
	wal_level = replica
	archive_mode = on
	archive_library = 'pgbackup'
	restart_after_crash = on
	max_prepared_transactions = 5
	autovacuum = off
	fsync = off
});

my $bin = PostgreSQL::Test::Utils::tempdir;
my $hold = "$bin/hold";
my $real = (grep { -x "$_/pgbackup" } split /:/, $ENV{PATH})[0];
my $scratch = PostgreSQL::Test::Utils::tempdir_short;

symlink "$real/$_", "$bin/$_" for 'psql', 'pg_dump', 'pg_dumpall';
write_file("$bin/pgbackup", qq{#!/bin/sh
[ ! -e '$hold' ] || : > '$hold.met'
while [ -e '$hold' ]; do sleep 0.05; done
exec '$real/pgbackup' "\$@"
});
chmod 0755, "$bin/pgbackup";
$node->append_conf('postgresql.conf', "pgbackup.bin_directory = '$bin'\n");
$node->start;

# ---- before the backup ----

my %place = map { $_ => PostgreSQL::Test::Utils::tempdir_short } 'early', 'later';
my $rows = 'SELECT i, repeat(md5(i::text), 5) AS t FROM generate_series(1, 3000) i';

$node->safe_psql('postgres', $_)
  for 'CREATE EXTENSION pgbackup', 'CREATE DATABASE shop', 'CREATE DATABASE other', "CREATE TABLESPACE early LOCATION '$place{early}'";
$node->safe_psql('postgres', q{
	CREATE FUNCTION sandbox(text, oid, oid[], timestamptz, pg_lsn, int) RETURNS text AS '$libdir/pgbackup', 'pgb_test_sandbox_make' LANGUAGE C;
	CREATE FUNCTION remove() RETURNS bool AS '$libdir/pgbackup', 'pgb_test_sandbox_remove' LANGUAGE C});
$node->safe_psql('other', "CREATE TABLE elsewhere AS $rows");
$node->safe_psql('shop', $_) for 'VACUUM FULL pg_class', 'VACUUM FULL pg_depend';
$node->safe_psql('shop', qq{
	CREATE TABLE orders (id serial PRIMARY KEY, note text, big text);
	ALTER TABLE orders ALTER big SET STORAGE EXTERNAL;
	INSERT INTO orders (note, big) SELECT md5(i::text), repeat(md5(i::text), 200) FROM generate_series(1, 300) i;
	CREATE TABLE unwanted AS $rows;
	CREATE INDEX ON unwanted (i);
	CREATE TABLE spaced TABLESPACE early AS $rows;
	CREATE TABLE begun AS $rows;
	SELECT lo_from_bytea(0, repeat('large', 100000)::bytea)});

# It begins before the backup and ends after it: its new file is in no map, and in no WAL.
my $rewrite = $node->background_psql('shop');
$rewrite->query_safe('BEGIN');
$rewrite->query_safe('ALTER TABLE begun ALTER i TYPE bigint');
$node->safe_psql('postgres', q{SELECT pgbackup_run('full')});
$rewrite->query_safe('COMMIT');
$rewrite->quit;

# ---- after it ----

$node->safe_psql('postgres', $_)
  for "CREATE TABLESPACE later LOCATION '$place{later}'", 'CREATE DATABASE fresh STRATEGY file_copy', 'ALTER DATABASE shop RENAME TO market';
$node->safe_psql('fresh', "CREATE TABLE young AS $rows");
$node->safe_psql('other', 'UPDATE elsewhere SET t = t; VACUUM elsewhere');
$node->safe_psql('market', $_)
  for "UPDATE orders SET note = 'changed' WHERE id % 7 = 0; DELETE FROM orders WHERE id % 11 = 0", 'VACUUM orders', 'VACUUM FULL pg_attribute',
	"ALTER TABLE orders ADD COLUMN stamp timestamptz NOT NULL DEFAULT clock_timestamp()", "INSERT INTO orders (note) VALUES ('after the rewrite')",
	"UPDATE unwanted SET t = t || 'x'", "CREATE TABLE newtab AS $rows", "CREATE TABLE far TABLESPACE later AS $rows", 'UPDATE spaced SET i = -i WHERE i % 2 = 0',
	'CREATE TABLE ends (t text)', "INSERT INTO ends VALUES ('here')";
$node->safe_psql('market', q{BEGIN; LOCK TABLE orders; INSERT INTO orders (note) VALUES ('prepared'); PREPARE TRANSACTION 'p'});

my @tables = ('begun', 'spaced', 'far', 'newtab', 'ends');
my %oid = map { $_ => $node->safe_psql('market', "SELECT '$_'::regclass::oid") } @tables, 'orders', 'unwanted';
my %database = map { $_ => $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$_'") } 'market', 'fresh', 'other';
my %truth = map { $_ => rows($node->connstr('market'), $_) } @tables;
$truth{young} = rows($node->connstr('fresh'), 'young');
my $young = $node->safe_psql('fresh', q{SELECT 'young'::regclass::oid});
my $moment = $node->safe_psql('market', 'SELECT clock_timestamp()');

$node->safe_psql('market', $_) for q{ROLLBACK PREPARED 'p'};
$truth{orders} = rows($node->connstr('market'), 'orders');
$node->safe_psql('market', $_) for 'DROP TABLE orders, newtab, far', 'TRUNCATE begun', 'DELETE FROM spaced';
my $last = $node->safe_psql('market', 'SELECT pg_walfile_name(pg_switch_wal())');
wait_for(sub { glob(repository($node) . "/*/wal/*/$last.zst") }, 'the archive');
$node->safe_psql('postgres', 'CHECKPOINT');

sub rows
{
	my ($connection, $table) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-d', $connection, '-c', "COPY $table TO STDOUT" ], '>', \$out, '2>', \$err)
	  or return "failed: $err";
	return ($out =~ tr/\n//) . ' ' . sha256_hex(join '', sort split /(?<=\n)/, $out);
}

# ---- sandboxes ----

my $count = 0;

sub statement
{
	my (%o) = @_;
	my $wanted = join ',', @{ $o{wanted} // [ @oid{ 'orders', @tables } ] };

	return sprintf q{SELECT sandbox('%s', %s, '{%s}', '%s', NULL, 2)}, $o{directory}, $o{database} // $database{market}, $wanted, $o{at} // $moment;
}

# One in a session of its own.
sub sandbox
{
	my (%o) = @_;

	$o{directory} //= "$scratch/s" . ++$count;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my ($connection, $restored, $wal, $disk, $time) = split /\|/, $session->query_safe(statement(%o));
	my $settings = $connection =~ s/ options='([^']*)'// ? $1 : '';

	like($settings, qr/-c search_path= .*local_preload_libraries= /, 'its sessions are pinned');
	return { %o, session => $session, connection => $connection, restored => $restored, wal => $wal, disk => $disk, time => $time };
}

sub in_sandbox
{
	my ($sandbox, $sql) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-d', $sandbox->{connection}, map { ('-c', $_) } split /; */, $sql ], '>', \$out, '2>', \$err);
	chomp $out;
	return $err eq '' ? $out : "failed: $err";
}

# Processes that have a directory in their command, or as their own.
sub processes_of
{
	my ($directory) = @_;
	my @found;

	for my $proc (glob '/proc/[0-9]*')
	{
		my $command = -r "$proc/cmdline" ? eval { read_file("$proc/cmdline") } // '' : '';
		my $place = readlink("$proc/cwd") // '';

		push @found, $proc =~ s{/proc/}{}r if index($command, $directory) >= 0 || index($place, $directory) == 0;
	}
	return @found;
}

sub leaves_nothing
{
	my ($directory, $name) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	usleep(50_000) while (-e $directory || processes_of($directory)) && time < $deadline;
	ok(!-e $directory, "$name: its directory is gone");
	is(join(' ', processes_of($directory)), '', "$name: its processes are gone");
	return;
}

sub remove
{
	my ($sandbox) = @_;

	is($sandbox->{session}->query_safe('SELECT remove()'), 't', 'a sandbox is removed');
	$sandbox->{session}->quit;
	leaves_nothing($sandbox->{directory}, 'after that');
	return;
}

# The files of the live server that nothing changes but those who use its tables.
sub live_files
{
	my %files;

	find({ no_chdir => 1, wanted => sub { $files{$_} = Digest::SHA->new(256)->addfile($_)->hexdigest if -f $_ && !/pg_internal\.init/ } },
		values %place, $node->data_dir . '/base');
	return \%files;
}

my $files = live_files();

my $s = sandbox();
is(rows($s->{connection}, $_), $truth{$_}, "$_ is as it was") for 'orders', @tables;
is(in_sandbox($s, q{SELECT count(*) FROM pg_prepared_xacts}), '0', 'what was prepared is rolled back');
is(in_sandbox($s, 'BEGIN; LOCK TABLE orders NOWAIT; COMMIT'), '', 'and holds no lock');
is(in_sandbox($s, q{SELECT pg_stat_file(pg_relation_filepath('unwanted'), true) IS NULL}), 't', 'what is not wanted is not there');
is(in_sandbox($s, q{SELECT pg_stat_file(pg_relation_filepath('pg_largeobject'), true) IS NULL}), 't', 'nor are large objects');
ok(!-e "$s->{directory}/base/$database{other}", 'nor is another database');
is(in_sandbox($s, q{SELECT last_value FROM orders_id_seq}) =~ /^\d+$/, 1, 'sequences are');
is(in_sandbox($s, 'SHOW listen_addresses; SHOW archive_mode; SHOW shared_preload_libraries; SHOW timezone'), "\noff\npgbackup_sandbox\nUTC", 'nothing is inherited');
is((stat $s->{directory})[2] & 07777, 0700, 'its directory is its own');
ok($s->{restored} > 1e6 && $s->{wal} > 1e6 && $s->{disk} > $s->{restored}, "it says what it costs: $s->{restored} bytes laid down, $s->{wal} of WAL, $s->{disk} on disk");
cmp_ok($s->{time} =~ tr/TZ/ /r, 'le', $moment, 'and where it is');
in_sandbox($s, 'UPDATE far SET t = NULL; DROP TABLE far; DROP TABLE spaced; CHECKPOINT');
is_deeply(live_files(), $files, 'the live server\'s files are as they were');

# two at the same time
my $t = sandbox(wanted => [ $oid{begun} ]);
is(rows($t->{connection}, 'begun'), $truth{begun}, 'two at the same time');
like(rows($t->{connection}, 'spaced'), qr/could not open file/, 'what is not wanted cannot be read as empty');
remove($s);
is(rows($t->{connection}, 'begun'), $truth{begun}, 'the other one goes on');
remove($t);

# a database that was made after the backup by copying files
$s = sandbox(database => $database{fresh}, wanted => [$young]);
is(rows($s->{connection}, 'young'), $truth{young}, 'a database made after the backup');
remove($s);

# a path that is too long for a socket
my $long = "$scratch/" . 'x' x 120;
mkdir $long;
$s = sandbox(directory => "$long/s");
is(rows($s->{connection}, 'orders'), $truth{orders}, 'a long path');
remove($s);

# ---- bad days ----

sub fails
{
	my ($pattern, $name, %o) = @_;
	my $directory = $o{directory} // "$scratch/s" . ++$count;

	fails_like($node, ($o{before} // '') . statement(%o, directory => $directory), $pattern, $name);
	leaves_nothing($directory, $name);
	return;
}

# Starts one that is to fail, in the background.
sub begin
{
	my (%o) = @_;
	my $run = { directory => $o{directory} // "$scratch/s" . ++$count, out => '', err => '' };

	$run->{handle} = IPC::Run::start([ $node->installed_command('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'),
			'-c', statement(%o, directory => $run->{directory}), '-c', 'SELECT pg_sleep(600)' ], '<', \undef, '>', \$run->{out}, '2>', \$run->{err});
	return $run;
}

sub begin_held
{
	write_file($hold, '');
	unlink "$hold.met";
	my $run = begin(@_);
	wait_for(sub { -e "$hold.met" || !$run->{handle}->pumpable }, 'the recovery');
	die "the recovery has not begun: $run->{err}" unless -e "$hold.met";
	return $run;
}

sub release { unlink $hold; return }

sub backend { return $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT sandbox(%' OR query LIKE 'SELECT pg_sleep(6%'}) }

sub postmaster_of { return (split /\n/, read_file("$_[0]{directory}/postmaster.pid"))[0] }

sub ends_like
{
	my ($run, $pattern, $name) = @_;

	$run->{handle}->finish;
	like($run->{err}, $pattern, $name);
	leaves_nothing($run->{directory}, $name);
	return;
}

fails(qr/cannot recover to time 2999/, 'a moment after all', at => '2999-01-01');
mkdir "$bin/lib";
symlink $node->config_data('--pkglibdir') . '/pgbackup.so', "$bin/lib/pgbackup.so";
fails(qr/cannot be replayed without library "pgbackup_sandbox".*makes a tablespace in "\Q$place{later}\E"/s, 'without the filter',
	before => "SET dynamic_library_path = '$bin/lib';");
fails(qr/database 99999 was not there/, 'a database that never was', database => 99999, wanted => []);

for my $delay (0.05, 0.15, 0.3, 0.6)
{
	my $run = begin();

	wait_for(sub { backend() ne '' }, 'the backend');
	usleep($delay * 1e6);
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($_)") for backend();
	ends_like($run, qr/canceling statement/, "cancelled after $delay s");
}

my $run = begin_held();
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . backend() . ')');
ends_like($run, qr/terminating connection/, 'terminated');
release();

$run = begin_held();
kill 'KILL', postmaster_of($run);
release();
ends_like($run, qr/the sandbox has failed.*signal 9/s, 'the sandbox is killed');

# a segment in the middle goes
my ($segment) = grep { -e } map { glob(repository($node) . "/*/wal/*/" . $_ . '.zst') } $node->safe_psql('postgres', qq{
	SELECT left('$last', 16) || lpad(to_hex(('x' || right('$last', 8))::bit(32)::int - 2), 8, '0')}) =~ tr/a-f/A-F/r;
$run = begin_held();
rename $segment, "$segment.away";
release();
ends_like($run, qr/WAL archive ends before the target is reached.*pgbackup_recovery_window/s, 'a segment is missing in the middle');
fails(qr/cannot recover to time.*missing/s, 'and is known to be missing');
rename "$segment.away", $segment;

$run = begin_held();
flip_bit($segment, 1000);
release();
ends_like($run, qr/the sandbox has failed.*damaged|the sandbox has failed.*checksum|the sandbox has failed.*CRC/si, 'a segment is damaged');
flip_bit($segment, 1000);

is_deeply(live_files(), $files, 'after all that the live server\'s files are as they were');

# the process that has made it is killed: in the middle, and when it is done
for my $when ('in the middle', 'at its end')
{
	my $run = $when eq 'in the middle' ? begin_held() : begin();

	wait_for(sub { $run->{handle}->pump_nb; $run->{out} =~ /\|/ }, 'the sandbox') if $when eq 'at its end';
	kill 'KILL', backend();
	$run->{handle}->finish;
	wait_for(sub { !processes_of($run->{directory}) }, "its end, killed $when");
	pass("killed $when: its processes are gone");
	release();
	PostgreSQL::Test::Utils::system_log('rm', '-rf', $run->{directory});
	wait_until_up($node);
}

SKIP:
{
	my $small = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'there is no small file system', 6 unless defined $small && -d $small;
	# what other tests have left there takes room
	system_or_bail('rm', '-rf', glob "$small/*");
	my $filler = sub { my $free = 1024 * (split ' ', (split /\n/, `df -k --output=avail $small`)[1])[0] - $_[0]; write_file("$small/filler", 'x' x $free) if $free > 0 };

	$filler->(3 * 1024 * 1024);
	fails(qr/not enough room.*It needs about.*pgbackup\.scratch_directory/s, 'no room', directory => "$small/s");
	unlink "$small/filler";
	my $run = begin_held(directory => "$small/s");
	$filler->(1024 * 1024);
	ends_like($run, qr/not enough room.*It has grown to/s, 'the room goes');
	release();
	unlink "$small/filler";
}

# The live server's own recovery writes what sessions have left in memory, such as hints of its catalogs.
my ($before, $after) = ($files, live_files());
delete @{$_}{ grep { m{/base/} || /_fsm$/ } keys %$_ } for $before, $after;
is_deeply($after, $before, 'after that, too, those in tablespaces');
is(rows($node->connstr('market'), 'ends'), $truth{ends}, 'and it works');

done_testing();
