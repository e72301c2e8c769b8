
=pod

=head1 NAME

PgBackupSchedule - what the tests of schedules have in common

=head1 SYNOPSIS

  use PgBackupTest;
  use PgBackupSchedule;

  my $node = new_node('main', conf => $schedule_conf);
  schedule($node, 'postgres', "'nightly', '30 2 * * *'");
  make_due($node, 'postgres', 'nightly');
  is(wait_for_runs($node, 'postgres', 'nightly', 1), 'succeeded 1 0');

=head1 DESCRIPTION

A schedule is made due by setting its next_run back, as its table's trigger tells the
launcher.  Nobody waits for a minute here.

=cut

package PgBackupSchedule;

use strict;
use warnings;

use Exporter 'import';
use PgBackupTest;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  $schedule_conf $far_month schedule make_due nudge
  runs wait_for_runs wait_for_row run_column
);

# A cluster on which nothing but what a test makes due happens soon.
our $schedule_conf = "max_worker_processes = 20\nmax_connections = 40\nrestart_after_crash = on\n";

# A month in which no test runs: what is due in it is due by make_due() alone, whatever
# the hour is at which the test is run.
our $far_month = ((localtime)[4] + 6) % 12 + 1;

=pod

=over

=item schedule(node, database, arguments)

Calls pgbackup_schedule(); gives the next moment.

=item make_due(node, database, name, [interval])

Its next moment becomes that long ago: 1 second.

=item nudge(node, database)

Has the launcher look at the database.

=cut

sub schedule
{
	my ($node, $database, $arguments) = @_;

	return $node->safe_psql($database, "SELECT pgbackup_schedule($arguments)");
}

sub make_due
{
	my ($node, $database, $name, $ago) = @_;

	$ago //= '1 second';
	$node->safe_psql($database,
		"UPDATE pgbackup_schedule_rules SET next_run = now() - interval '$ago' WHERE name = '$name'");
	return;
}

sub nudge
{
	my ($node, $database) = @_;

	$node->safe_psql($database, 'UPDATE pgbackup_schedule_rules SET retries = retries');
	return;
}

=pod

=item runs(node, database, schedule)

Its history, a line "status attempt missed" for each row.

=item wait_for_runs(node, database, schedule, count)

The same, once there are so many rows and none is running.

=item wait_for_row(node, database, condition)

Waits for a row of pgbackup_runs.

=item run_column(node, database, schedule, columns)

Columns of its last row.

=back

=cut

sub runs
{
	my ($node, $database, $schedule) = @_;

	return $node->safe_psql($database,
		"SELECT concat_ws(' ', status, attempt, missed) FROM pgbackup_runs WHERE schedule = '$schedule' ORDER BY run_id");
}

sub wait_for_runs
{
	my ($node, $database, $schedule, $count) = @_;

	wait_for_query($node, $database,
		"SELECT count(*) >= $count AND bool_and(status <> 'running') FROM pgbackup_runs WHERE schedule = '$schedule'",
		"$count runs of $schedule");
	return runs($node, $database, $schedule);
}

sub wait_for_row
{
	my ($node, $database, $condition) = @_;

	wait_for_query($node, $database,
		"SELECT count(*) > 0 FROM pgbackup_runs WHERE $condition", "a run with $condition");
	return;
}

sub wait_for_query
{
	my ($node, $database, $query, $what) = @_;

	wait_for(sub { $node->safe_psql($database, $query) eq 't' }, $what);
	return;
}

sub run_column
{
	my ($node, $database, $schedule, $columns) = @_;

	return $node->safe_psql($database,
		"SELECT $columns FROM pgbackup_runs WHERE schedule = '$schedule' ORDER BY run_id DESC LIMIT 1");
}

1;
