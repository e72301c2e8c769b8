#
# 043_schedule_clock.pl
#	  Schedules while the clock is set: both changes of daylight saving, and clocks that
#	  were wrong.
#
# The server runs with a clock of the test's own: see test/lib/clock.c.
#
# test/t/043_schedule_clock.pl
#
use strict;
use warnings;

use File::Basename;
use PgBackupSchedule;
use PgBackupTest;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Time::Local qw(timegm);

my $library = PostgreSQL::Test::Utils::tempdir() . '/clock.so';
my $clock = PostgreSQL::Test::Utils::tempdir() . '/clock';

plan skip_all => 'a clock can be set only on Linux' if $^O ne 'linux';
plan skip_all => 'there is no C compiler'
  if system('cc', '-O', '-fPIC', '-shared', '-o', $library, dirname($0) . '/../lib/clock.c') != 0;

# What the server's clock shows from now on: "2026-03-08 06:59:58", in UTC.
sub set_clock
{
	my ($text) = @_;

	pass_time($text);
	open my $file, '+<', "$clock.set" or die "$clock.set: $!";
	syswrite $file, 'x';
	close $file;
	return;
}

# The same, but nobody has set it: the server has spent that time.
sub pass_time
{
	my ($text) = @_;
	my ($year, $month, $day, $hour, $minute, $second) = $text =~ /\d+/g;
	my $offset = timegm($second, $minute, $hour, $day, $month - 1, $year) - time;
	my $file;

	# in place, for the server has it mapped
	open $file, -e $clock ? '+<' : '>', $clock or die "$clock: $!";
	binmode $file;
	print $file pack('q', int($offset * 1_000_000));
	close $file or die "$clock: $!";
	return;
}

mkfifo("$clock.set", 0600) or die "$clock.set: $!";
set_clock('2026-03-08 06:50:00');

my $node = new_node('main', conf => "$schedule_conf\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n", start => 0);
my $new_york = q{time_zone => 'America/New_York', content => 'schema'};

{
	local $ENV{LD_PRELOAD} = $library;
	local $ENV{TEST_CLOCK} = $clock;

	$node->start;
}
$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup');

# All runs of a schedule, "status due_at", in UTC.
sub history
{
	my ($name) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT concat_ws(' ', status, to_char(due_at, 'MM-DD HH24:MI'), nullif(missed, 0))
		FROM pgbackup_runs WHERE schedule = '$name' ORDER BY run_id});
}

sub next_run
{
	my ($name) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT to_char(next_run, 'YYYY-MM-DD HH24:MI') FROM pgbackup_schedules WHERE name = '$name'});
}

# Gives the launcher time to do what it should not.
sub nothing_more
{
	my ($name) = @_;
	my $before = history($name);

	sleep 3;
	return history($name) eq $before;
}

# ---- spring: the clock jumps from 02:00 EST to 03:00 EDT, which is 07:00 in UTC ----

schedule($node, 'postgres', "'gap', '30 2 * * *', $new_york");
schedule($node, 'postgres', "'every half hour', '*/30 * * * *', $new_york");
is(next_run('gap'), '2026-03-08 07:00', 'spring: 02:30 does not exist, 03:00 does');
set_clock('2026-03-08 06:59:58');
wait_for_runs($node, 'postgres', 'gap', 1);
is(history('gap'), 'succeeded 03-08 07:00', 'spring: there it runs');
is( $node->safe_psql('postgres', q{
		SELECT to_char(started_at AT TIME ZONE 'America/New_York', 'HH24:MI') FROM pgbackup_runs WHERE schedule = 'gap'}),
	'03:00', 'spring: by the clock on the wall');
is(next_run('gap'), '2026-03-09 06:30', 'spring: the next day it is 02:30 again');
wait_for_runs($node, 'postgres', 'every half hour', 1);
is(next_run('every half hour'), '2026-03-08 07:30', 'spring: every half hour goes on');
set_clock('2026-03-09 06:29:58');
wait_for_runs($node, 'postgres', 'gap', 2);
is(history('gap'), "succeeded 03-08 07:00\nsucceeded 03-09 06:30", 'spring: which runs too');
$node->safe_psql('postgres', 'SELECT pgbackup_unschedule(name) FROM pgbackup_schedules');

# ---- autumn: the clock goes from 02:00 EDT back to 01:00 EST, at 06:00 in UTC ----

set_clock('2026-11-01 05:20:00');
schedule($node, 'postgres', "'twice', '30 1 * * *', $new_york");
is(next_run('twice'), '2026-11-01 05:30', 'autumn: 01:30 is the first of two');
set_clock('2026-11-01 05:29:58');
wait_for_runs($node, 'postgres', 'twice', 1);
is(history('twice'), 'succeeded 11-01 05:30', 'autumn: there it runs');
is(next_run('twice'), '2026-11-02 06:30', 'autumn: the next one is tomorrow');
set_clock('2026-11-01 06:29:58');
ok(nothing_more('twice'), 'autumn: it does not run at the second');
is( $node->safe_psql('postgres', q{SELECT to_char(now() AT TIME ZONE 'America/New_York', 'HH24:MI')}),
	'01:30', 'autumn: which the clock shows');
set_clock('2026-11-02 06:29:58');
wait_for_runs($node, 'postgres', 'twice', 2);
is(history('twice'), "succeeded 11-01 05:30\nsucceeded 11-02 06:30", 'autumn: but tomorrow');

# ---- a clock that was wrong ----

set_clock('2026-11-02 06:25:00');
ok(nothing_more('twice'), 'set back by minutes: what has run does not run again');
is(next_run('twice'), '2026-11-03 06:30', 'and the next moment is the same');
set_clock('2026-10-20 12:00:00');
wait_for(sub { next_run('twice') eq '2026-10-21 05:30' }, 'the next moment by the new clock');
pass('set back by days: the schedule goes on by the new clock, at once');
set_clock('2026-10-21 05:29:58');
wait_for_runs($node, 'postgres', 'twice', 3);
like(history('twice'), qr/\nsucceeded 10-21 05:30$/, 'and runs');
set_clock('2026-10-24 12:00:00');
wait_for_runs($node, 'postgres', 'twice', 4);
like(history('twice'), qr/\nsucceeded 10-24 05:30 3$/, 'set forward by days: what was missed is run once, at once');

# ---- a server that was down ----

schedule($node, 'postgres', "'skipping', '0 * * * *', $new_york, on_missed => 'skip'");
$node->stop;
set_clock('2026-10-25 12:00:30');
{
	local $ENV{LD_PRELOAD} = $library;
	local $ENV{TEST_CLOCK} = $clock;

	$node->start;
}
wait_for_runs($node, 'postgres', 'skipping', 2);
is( join("\n", sort split /\n/, history('skipping')),
	"missed 10-25 11:00 23\nsucceeded 10-25 12:00", 'down for a day: the hours are counted, and the one that is on time runs');
wait_for_runs($node, 'postgres', 'twice', 5);
like(history('twice'), qr/\nsucceeded 10-25 05:30 1$/, 'and the day is made good');

# ---- a server that is busy: passes take long, by a command that tells of broken schedules ----

my $hold = PostgreSQL::Test::Utils::tempdir() . '/hold';

# Breaks the schedules of these databases, and waits until that is being told.
sub hold_passes
{
	my (@databases) = @_;

	write_file($hold, '');
	for my $database (@databases)
	{
		schedule($node, $database, "'broken', '\@yearly', replace => true");
		$node->safe_psql($database, q{
			DELETE FROM pgbackup_runs WHERE schedule = 'broken';
			UPDATE pgbackup_schedule_rules SET time_zone = 'Nowhere/Else' WHERE name = 'broken'});
	}
	wait_for(sub { -e "$hold-$_" }, "the command of $_") for @databases;
	return;
}

sub release_passes { unlink glob "$hold*"; return; }

$node->safe_psql('postgres', qq{ALTER SYSTEM SET pgbackup.on_failure_command = 'touch $hold-%d; while [ -e $hold ]; do sleep 0.1; done'});
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
$node->safe_psql('postgres', "CREATE DATABASE $_") for 'one', 'two';
$node->safe_psql($_, 'CREATE EXTENSION pgbackup') for 'one', 'two';
set_clock('2026-10-25 12:58:30');
ok(nothing_more('skipping'), 'nothing is due');
hold_passes('one', 'two');
pass_time('2026-10-25 13:02:00');
release_passes();
wait_for_runs($node, 'postgres', 'skipping', 3);
like(history('skipping'), qr/\nsucceeded 10-25 13:00$/, 'what is due while other databases are looked at is not missed');

ok(nothing_more('skipping'), 'nothing is due again');
hold_passes('postgres');
pass_time('2026-10-25 14:02:00');
release_passes();
wait_for_runs($node, 'postgres', 'skipping', 4);
like(history('skipping'), qr/\nsucceeded 10-25 14:00$/, 'nor what is due while its own database is');

$node->stop;
done_testing();
