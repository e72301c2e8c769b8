#
# 070_retention.pl
#	  Which backups are kept and which go, and that nothing goes that is needed.
#
# Backups of long ago are made by renaming: the id tells the moment, and manifests are
# written anew with it.
#
# test/t/070_retention.pl
#
use strict;
use warnings;

use Errno qw(EIO);
use PgBackupFaults;
use PgBackupRestore;
use PgBackupSchedule;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => "max_worker_processes = 20\nlog_timezone = 'UTC'\n");
$node->safe_psql('postgres', 'CREATE TABLE t AS SELECT generate_series(1, 100) AS i');
$node->safe_psql('postgres', 'CREATE DATABASE other');

sub expire
{
	my ($dry_run) = @_;
	return $node->safe_psql('postgres',
		"SELECT action || ' ' || coalesce(backup, '-') || ': ' || reason FROM pgbackup_expire(" . ($dry_run // '') . ')');
}

sub ids
{
	return $node->safe_psql('postgres', "SELECT string_agg(id, ' ' ORDER BY id) FROM pgbackup_list()");
}

sub set
{
	my ($setting, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $setting = '$value'");
	$node->reload;
	wait_for(sub { $node->safe_psql('postgres', "SHOW $setting") eq $value }, "$setting to be $value");
	return;
}

# ---- nothing without being told ----

fails_like($node, 'SELECT * FROM pgbackup_expire()', qr/does not exist\nHINT:  The first backup makes it/, 'without a repository');
my $id = $node->safe_psql('postgres', 'SELECT pgbackup_run()');
my @old = map { copy_backup($node, $id, $_) } '20200101-100000L', '20200101-200000L', '20200102-100000L', '20200301-100000L';
is(expire('false'), join("\n", map { "keep $_: no retention is set for its kind" } @old, $id), 'without a setting all stay');

# ---- settings ----

for my $bad ('last', 'last=0', 'hourly=3', 'last=1 last=2')
{
	my (undef, undef, $error) = $node->psql('postgres', "ALTER SYSTEM SET pgbackup.retention_logical = '$bad'");
	like($error, qr/invalid value for parameter "pgbackup.retention_logical": "\Q$bad\E"\nDETAIL:  .*\./, "refused: $bad");
}

# ---- a dry run, and the real one ----

set('pgbackup.retention_logical', 'last=1 daily=2 monthly=2');
my $plan = <<"END";
remove $old[0]: newer ones are kept, and no rule asks for it
remove $old[1]: newer ones are kept, and no rule asks for it
remove $old[2]: newer ones are kept, and no rule asks for it
keep $old[3]: the last one of its day, number 2 of 2
keep $id: number 1 of the last 1
END
is(expire() . "\n", $plan, 'a dry run says what it would do');
is(ids(), "@old $id", 'and does nothing');

# a backup of another database, of other tables, replaces none of these
$node->safe_psql('other', 'CREATE EXTENSION pgbackup');
my $other = $node->safe_psql('other', 'SELECT pgbackup_run()');
my $partial = $node->safe_psql('postgres', q{SELECT pgbackup_run(tables => '{t}')});
is(expire() . "\n", $plan . "keep $other: number 1 of the last 1\nkeep $partial: number 1 of the last 1\n", 'what holds something else is no successor');

# ---- what stays against the rules ----

is($node->safe_psql('postgres', "SELECT pgbackup_pin('$old[0]')"), $old[0], 'a pin gives the id');
$node->safe_psql('postgres', "SELECT pgbackup_pin('$old[1]', now() + interval '1 hour')");
like(expire(), qr/^keep $old[0]: pinned\nkeep $old[1]: pinned until \d{4}-\S+Z\nremove $old[2]/, 'pinned');
write_file(backup_folder($node, $old[1]) . '/pin.json', '{}');
like(expire(), qr/^keep $old[0]: pinned\nkeep $old[1]: pinned\n/, 'a pin that cannot be read is one for ever');
is($node->safe_psql('postgres', "SELECT pgbackup_unpin('$old[1]'), pgbackup_unpin('$old[1]')"), 't|f', 'unpinned');
like(expire(), qr/^keep $old[0]: pinned\nremove $old[1]/, 'and it may go');
fails_like($node, "SELECT pgbackup_pin('$old[0]', now() - interval '1 hour')", qr/"until" is not in the future\nHINT:  pgbackup_unpin/, 'a pin in the past');
fails_like($node, "SELECT pgbackup_pin('20990101-000000L')", qr/backup "20990101-000000L" does not exist/, 'of nothing');

# one that is being read: readers share the lock of its manifest
open my $held, '<', backup_folder($node, $old[2]) . '/manifest.json' or die;
flock $held, 1 or die;
like(expire('false'), qr/^keep $old[0]: pinned\nremove $old[1]: .*\nkeep $old[2]: somebody reads it\nkeep $old[3]/, 'what is read stays');
is(ids(), join(' ', $old[0], $old[2], $old[3], $id, $other, $partial), 'the rest is gone');
close $held;
is(join(' ', glob repository($node) . "/*/backups/$old[1]"), '', 'with its folder');

# damaged ones
flip_bit(backup_folder($node, $id) . '/manifest.json', 1000);
my (undef, $out, $warning) = $node->psql('postgres', 'SELECT action, backup, reason FROM pgbackup_expire()');
like($out, qr/^keep\|$old[3]\|number 1 of the last 1$/m, 'a damaged backup is no successor');
like($out, qr/^keep\|$id\|damaged, and no newer good one replaces it$/m, 'and stays to be looked at');
$node->safe_psql('postgres', "SELECT pgbackup_unpin('$old[0]')");
expire('false');
is(ids(), join(' ', $old[2], $old[3], $id, $other, $partial), 'with what it does not replace');

# ---- permissions ----

$node->safe_psql('postgres', 'CREATE ROLE somebody LOGIN');
my @as = (extra_params => [ '-U', 'somebody' ]);
for my $call ('pgbackup_expire()', "pgbackup_pin('latest')", "pgbackup_unpin('latest')")
{
	my (undef, undef, $error) = $node->psql('postgres', "SELECT $call", @as);
	like($error, qr/permission denied for function/, "not for everybody: $call");
}

# ---- after each scheduled backup ----

schedule($node, 'postgres', qq{'monthly', '0 0 1 $far_month *'});
make_due($node, 'postgres', 'monthly');
is(wait_for_runs($node, 'postgres', 'monthly', 1), 'succeeded 1 0', 'a scheduled backup');
my $new = run_column($node, 'postgres', 'monthly', 'backup');
wait_for(sub { ids() !~ /$old[2]/ }, 'the oldest to be removed');
is(ids(), join(' ', $old[3], $id, $other, $partial, $new), 'after it what is not kept goes');
like(slurp_file($node->logfile), qr/removed backup "$old[2]"\n.*DETAIL:  The reason is: newer ones are kept/, 'the log tells');

$node->stop;

# ---- what cannot be read just now may be good ----

SKIP:
{
	skip 'errors of the device can be made only on Linux, with a C compiler', 1 unless faults_available();
	my $faulty = faulty_node('faulty', conf => "pgbackup.retention_full = 'last=1 monthly=12'\n");
	my $full = $faulty->safe_psql('postgres', q{SELECT pgbackup_run('full')});
	my $kept = copy_backup($faulty, $full, '20200101-100000F');
	my $reads = count_calls($faulty, 'read', sub { $faulty->safe_psql('postgres', 'SELECT FROM pgbackup_expire(false)') });

	for my $number (1 .. $reads)
	{
		arm($faulty, 'fail', 'read', $number, EIO);
		$faulty->psql('postgres', 'SELECT FROM pgbackup_expire(false)');
		disarm($faulty);
	}
	is($faulty->safe_psql('postgres', "SELECT string_agg(id, ' ' ORDER BY id) FROM pgbackup_list()"), "$kept $full",
		"an error of the device in one of $reads reads removes nothing");

	# ... nor is an older one taken in its place
	archive_all($faulty);
	my $newest = $faulty->safe_psql('postgres', q{SELECT pgbackup_run('full')});
	archive_all($faulty);
	$faulty->stop;
	my $directory = PostgreSQL::Test::Utils::tempdir() . '/target';
	foreach my $command (
		[ 'restore', '--target-dir', $directory, '--dry-run' ],
		[ 'show', 'latest' ])
	{
		my ($name, @arguments) = (@$command, '--repository', repository($faulty));
		my ($calls, $failures, $others, $told) = (0, 0, 0, 0);

		$calls = count_calls($faulty, 'read', sub { faulty_program($faulty, $name, @arguments) });
		for my $number (1 .. $calls)
		{
			arm($faulty, 'fail', 'read', $number, EIO);
			my ($status, $out, $err) = faulty_program($faulty, $name, @arguments);
			disarm($faulty);
			$failures++ if $status != 0;
			$others++ if $status == 0 && $out !~ /\Q$newest\E/;
			$told++ if $err =~ /backup "\Q$newest\E", which may be the one to use, could not be read/;
		}
		ok($failures > 0, "$name: some of $calls errors of the device are errors");
		is($others, 0, "$name: with none of them, an older backup is taken");
		ok($told > 0, "$name: the backup is named");
	}
}

done_testing();
