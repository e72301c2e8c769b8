#
# 050_archive.pl
#	  The life of the WAL archive: what goes in comes out, by tools that are not ours.
#
# test/t/050_archive.pl
#
use strict;
use warnings;

use List::Util qw(max min);
use PgBackupTest;
use PgBackupWal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $size = 1024 * 1024;
my $node = new_archiving_node('main');
my $unpacked = $node->basedir . '/all';

# ---- segments ----

make_wal($node, 12);
my %points;
$points{$_} = $node->safe_psql('postgres', "SELECT pg_create_restore_point('$_')")
  for 'before the release', 'größer "als" \ alles';
$node->safe_psql('postgres', 'BEGIN; CREATE TABLE gone (i int); ROLLBACK');
my $last = switch_wal($node);
wait_archived($node);
archive_is_whole($node, 'one after the other');

my @segments = archived_segments($node);
is($segments[-1], $last, 'the last one is there');
is(archive_state($node, 'state, last_archived, ready, gap_count, gaps, timeline, last_message'),
	"idle|$last|0|0|{}|1|", 'pgbackup_archive is content');
is(archive_state($node, 'bytes_per_second > 0 AND files_per_minute > 0 AND last_archived_at <= now()'),
	't', 'and has a rate');

# ---- what pg_waldump sees ----

# By records: the segment in which each ends, and the time of a commit or abort.
sub times_of_segments
{
	my ($directory) = @_;
	my ($records) = run_command([ 'pg_waldump', '-p', $directory, $segments[0], $segments[-1] ]);
	my (%times, $time);

	for my $line (split /\n/, $records)
	{
		my ($lsn) = $line =~ m{lsn: ([0-9A-F]+/[0-9A-F]+)} or next;

		# the last one ends before this one's page header
		if (defined $time)
		{
			my $segment = sprintf '%08X%08X%08X', 1, 0, int((lsn_number($lsn) - 41) / $size);
			push @{ $times{$segment} }, $time;
		}
		($time) = $line =~ /desc: (?:COMMIT|ABORT) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+)/;
	}
	return %times;
}

unpack_archive($node, $unpacked);
{
	local $ENV{TZ} = 'UTC';
	local $ENV{PGTZ} = 'UTC';
	my %times = times_of_segments($unpacked);
	my (@got, @wanted);

	for my $segment (@segments)
	{
		my $scan = trailer_of(object_of($node, $segment))->{scan};
		my @found = sort @{ $times{$segment} // [] };

		push @got, join ' ', $segment,
		  map { ($_ // '') =~ s/T/ /r =~ s/Z//r } $scan->{first_commit}, $scan->{last_commit};
		push @wanted, join ' ', $segment, $found[0] // '', $found[-1] // '';
	}
	is_deeply(\@got, \@wanted, 'moments of commits and aborts are those of pg_waldump');
	cmp_ok(scalar(keys %times), '>=', 10, 'of which there are some');
}

# ---- restore points ----

sub archived_points
{
	my ($segment) = @_;

	return { map { $_->{name} => $_->{lsn} } @{ trailer_of(object_of($node, $segment))->{restore_points} } };
}

{
	# Perl's JSON gives characters
	my %wanted = map { my $name = $_; utf8::decode($name); $name => $points{$_} } keys %points;
	is_deeply(archived_points($last), \%wanted, 'named restore points are recorded');
}

# Fills the segment up to some bytes before its end; the restore point then begins in it, and ends in the next.
my ($begins_in, $ends_in, $lsn) = ('', '', '');
for my $attempt (1 .. 30)
{
	($begins_in, $lsn, $ends_in) = split /\|/, $node->safe_psql('postgres', qq{
		SET client_min_messages = error;
		CREATE FUNCTION pg_temp.rest() RETURNS int LANGUAGE sql AS
			'SELECT ($size - (pg_current_wal_insert_lsn() - ''0/0'') % $size)::int';
		DO \$\$BEGIN
			WHILE pg_temp.rest() > 9000 LOOP
				PERFORM pg_logical_emit_message(false, '', repeat('x', 4000));
			END LOOP;
			WHILE pg_temp.rest() > 96 LOOP
				PERFORM pg_logical_emit_message(false, '', '');
			END LOOP;
		END\$\$;
		-- it is 98 bytes long, 104 with what follows it
		SELECT pg_walfile_name(p - 104), p, pg_walfile_name(p - 1)
		FROM pg_create_restore_point('over the edge $attempt') p});
	last if $begins_in ne $ends_in;
}
isnt($begins_in, $ends_in, 'a restore point lies in two segments');
switch_wal($node);
wait_archived($node);
is_deeply(archived_points($begins_in), {}, 'the one in which it begins does not have it');
is((values %{ archived_points($ends_in) })[0], $lsn, 'the one in which it ends does');

# ---- a backlog, and the same once more ----

make_wal($node, 40);
wait_archived($node);
archive_is_whole($node, 'a backlog');
is(archive_state($node, 'state, gap_count, failures'), 'idle|0|0', 'without a failure');

my $log = -s $node->logfile;
my $object = object_of($node, $last);
my $inode = (stat $object)[1];
my $status = pg_wal($node) . "/archive_status/$last";
rename "$status.done", "$status.ready" or die "could not rename $status.done: $!";
$node->reload;
wait_archived($node);
ok(-e "$status.done", 'the same segment once more is archived');
is((stat $object)[1], $inode, 'and has not been written again');
unlike(slurp_file($node->logfile, $log), qr/WARNING/, 'without a word');

# ---- a gap ----

rename object_of($node, $segments[3]), "$object.away" or die $!;
is(archive_state($node, 'gap_count, gaps'), "1|{$segments[3]}", 'a gap is shown');
rename "$object.away", object_of($node, $segments[3]) or die $!;

# ---- a new timeline ----

$node->stop;
unpack_archive($node, $unpacked);
$node->append_conf('postgresql.conf', "restore_command = 'cp $unpacked/%f %p'");
write_file($node->data_dir . '/recovery.signal', '');
$node->start;
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
switch_wal($node);
wait_archived($node);
my $history = archive_folder($node, 2) . '/00000002.history.zst';
is(scalar `zstd -dcq '$history'`, read_file(pg_wal($node) . '/00000002.history'), 'the history file is archived');
archive_is_whole($node, 'on the new timeline', 2);
is(archive_state($node, 'timeline, gap_count'), '2|0', 'pgbackup_archive knows the new timeline');
my ($partial) = glob archive_folder($node) . '/*.partial.zst';
ok(defined $partial, 'the last segment of the old timeline is archived as partial');
is(system("zstd -q -t '$partial'"), 0, 'zstd reads it');
$node->safe_psql('postgres', q{SELECT pg_backup_start('label', true); SELECT pg_backup_stop()});
wait_archived($node);
my ($label) = glob archive_folder($node, 2) . '/*.backup.zst';
like(scalar `zstd -dcq '$label'`, qr/^LABEL: label$/m, 'so is a .backup file');
$node->stop;

# ---- archiving by something else, or not at all; without shared memory; large segments ----

my $other = new_archiving_node('other', wal_segsize => 16, preload => 0);
make_wal($other, 3);
wait_archived($other);
archive_is_whole($other, 'without shared_preload_libraries');
cmp_ok(scalar @{ trailer_of(object_of($other, (archived_segments($other))[0]))->{frames} }, '>', 1,
	'a larger segment has more than one frame');
is(archive_state($other, 'state, gap_count'), 'idle|0', 'pgbackup_archive works as well');

$other->append_conf('postgresql.conf', "archive_library = ''\narchive_command = '/bin/true'");
$other->reload;
$other->poll_query_until('postgres', "SELECT state = 'foreign' FROM pgbackup_archive")
  or die 'the archive is not said to be foreign';
pass('archiving by something else is said');
$other->append_conf('postgresql.conf', 'archive_mode = off');
$other->restart;
is(archive_state($other, 'state, archive_mode'), 'off|off', 'so is no archiving');
$other->append_conf('postgresql.conf', "pgbackup.repository = '/no/such/place'");
$other->reload;
$other->poll_query_until('postgres', "SELECT repository_error IS NOT NULL FROM pgbackup_archive")
  or die 'the repository is not said to be away';
is(archive_state($other, 'gaps IS NULL'), 't', 'a repository that is not there is no error');
$other->stop;

done_testing();
