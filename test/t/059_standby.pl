#
# 059_standby.pl
#	  A standby that archives: into the primary's repository and into one of its own; what
#	  cannot be done on it is refused.
#
# test/t/059_standby.pl
#
use strict;
use warnings;

use File::Compare qw(compare);
use PgBackupTest;
use PgBackupWal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_archiving_node('primary', conf => "max_wal_senders = 5\nhot_standby = on\n");
make_wal($primary, 2);
$primary->backup('base');

# A standby that archives all that it receives, into this repository.
sub standby
{
	my ($name, $repository) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);

	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$repository //= repository($standby);
	$standby->append_conf('postgresql.conf', "archive_mode = always\npgbackup.repository = '$repository'\n");
	$standby->start;
	return $standby;
}

sub state_of
{
	my ($node) = @_;

	return archive_state($node, 'state, archive_mode, failures, gap_count, gaps, timeline');
}

my $shared = standby('shared', repository($primary));
my $own = standby('own');

# ---- both archive what they receive ----

make_wal($primary, 10);
my $last = switch_wal($primary);
for my $standby ($shared, $own)
{
	$primary->wait_for_catchup($standby);
	wait_for(sub { -e pg_wal($standby) . "/archive_status/$last.done" }, 'the last segment on ' . $standby->name);
	wait_archived($standby);
}
wait_archived($primary);

archive_is_whole($primary, 'one repository, two servers');

# Of its own, it has what has come since it was made.
my @segments = archived_segments($own);
my $unpacked = $own->basedir . '/unpacked';
unpack_archive($own, $unpacked);
is($segments[-1], $last, 'a repository of its own: the last segment is there');
cmp_ok(scalar @segments, '>=', 11, 'and those before');
is_deeply([ grep { compare("$unpacked/$_", pg_wal($primary) . "/$_") != 0 } @segments ],
	[], 'each is that of the primary');
is(state_of($_), 'idle|always|0|0|{}|1', $_->name . ': pgbackup_archive is content') for $shared, $own;
is(state_of($primary), 'idle|on|0|0|{}|1', 'so is that of the primary');

# ---- what a standby cannot ----

for my $standby ($shared, $own)
{
	fails_like($standby, "SELECT pgbackup_run('full')",
		qr/ERROR:  a base backup cannot be made on a standby.*HINT:  Make it on the primary/s,
		$standby->name . ': no base backup is made');
}
is(join(' ', glob(repository($_) . '/*/backups/*F')), '', 'and nothing of one is left') for $primary, $own;

# ---- with "on", a standby archives nothing, and says so ----

$shared->append_conf('postgresql.conf', 'archive_mode = on');
$shared->restart;
is(archive_state($shared, 'state'), 'off', 'with archive_mode = on it archives nothing before it is promoted');

# ---- after promotion ----

$primary->stop;
$own->promote;
make_wal($own, 2);
wait_archived($own);
archive_is_whole($own, 'after promotion', 2);
is(state_of($own), 'idle|always|0|0|{}|2', 'own: pgbackup_archive knows the new timeline');
my $id = $own->safe_psql('postgres', "SELECT pgbackup_run('full')");
is($own->safe_psql('postgres', "SELECT status, timeline FROM pgbackup_list() WHERE id = '$id'"), 'complete|2',
	'then base backups are made');

$_->stop for $shared, $own;
done_testing();
