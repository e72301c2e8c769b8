
=pod

=head1 NAME

PgBackupTrouble - what the tests of bad days have in common

=head1 SYNOPSIS

  use PgBackupTest;
  use PgBackupTrouble;

  my $node = new_node('main');
  create_slow_table($node);
  my $id = start_slow_backup($node);
  $node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')");
  leaves_nothing($node, $id, 'a cancelled backup');

=head1 DESCRIPTION

Backups that last long enough to be disturbed, and the check of what is left
after they have ended.

=cut

package PgBackupTrouble;

use strict;
use warnings;

use Exporter 'import';
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(
  create_slow_table start_slow_backup start_waiting_backup
  phase_of wait_for_phase wait_for_no_backup
  job_pid data_worker_pids dump_pids dump_backend_pids processes
  folders complete_folders
  session has_ended finish_session
  leaves_nothing no_crash seconds_of
);

=pod

=head1 LONG BACKUPS

=over

=item create_slow_table(node)

A table "slow" whose backup with level 19 takes longer than any test.

=item start_slow_backup(node, [arguments])

Starts a backup that is in the middle of this table when the function returns;
gives its id.

=item start_waiting_backup(node, table)

Starts a backup while another session has locked the table, and returns when
pg_dump waits for it: (id, the session that holds the lock).

=cut

sub create_slow_table
{
	my ($node) = @_;

	$node->safe_psql('postgres', q{
		CREATE TABLE slow (id int, filler text);
		ALTER TABLE slow ALTER filler SET STORAGE PLAIN;
		INSERT INTO slow
			SELECT i, (SELECT string_agg(md5((i * 16 + j)::text), '') FROM generate_series(1, 16) j)
			FROM generate_series(1, 100000) i;
	});
	return;
}

sub start_slow_backup
{
	my ($node, $arguments) = @_;
	my $id = $node->safe_psql('postgres',
		'SELECT pgbackup_run(wait => false, level => 19'
		  . (defined $arguments ? ", $arguments" : '') . ')');

	wait_for_phase($node, $id, 'exporting tables');
	wait_for(sub { data_worker_pids($node) }, 'the data workers');
	return $id;
}

sub start_waiting_backup
{
	my ($node, $table) = @_;
	my $holder = $node->background_psql('postgres');

	$holder->query_safe("BEGIN; LOCK TABLE $table");
	my $id = $node->safe_psql('postgres', 'SELECT pgbackup_run(wait => false)');

	$node->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = '$table'::regclass")
	  or die "pg_dump does not wait for $table";
	return ($id, $holder);
}

=pod

=back

=head1 WHAT RUNS

=over

=item phase_of(node, id), wait_for_phase(node, id, phase), wait_for_no_backup(node)

As pgbackup_progress says; the phase is undef when the backup does not run.

=item job_pid(node, id), data_worker_pids(node), dump_backend_pids(node)

Processes of the server.

=item dump_pids(node)

Processes of pg_dump and pg_dumpall that connect to this server.

=item processes(node, pattern)

Processes whose parent is this server, by what they show as their command.

=cut

sub phase_of
{
	my ($node, $id) = @_;
	my $phase = $node->safe_psql('postgres',
		"SELECT phase FROM pgbackup_progress WHERE backup = '$id'");

	return $phase eq '' ? undef : $phase;
}

sub wait_for_phase
{
	my ($node, $id, $phase) = @_;

	wait_for(sub { (phase_of($node, $id) // '') eq $phase }, "phase $phase of $id");
	return;
}

sub wait_for_no_backup
{
	my ($node) = @_;

	wait_for(
		sub { $node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_progress') == 0 },
		'the end of all backups');
	return;
}

sub job_pid
{
	my ($node, $id) = @_;

	return $node->safe_psql('postgres',
		"SELECT pid FROM pgbackup_progress WHERE backup = '$id'");
}

sub pids_of_activity
{
	my ($node, $condition) = @_;

	return split /\n/,
	  $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $condition");
}

sub data_worker_pids
{
	my ($node) = @_;

	return pids_of_activity($node,
		"query = 'pgbackup: exporting tables' AND backend_type = 'parallel worker'");
}

sub dump_backend_pids
{
	my ($node) = @_;

	return pids_of_activity($node, "application_name = 'pg_dump'");
}

sub dump_pids
{
	my ($node) = @_;
	my $host = $node->host;
	my $port = $node->port;

	return grep { command_of($_) =~ /dbname= host='\Q$host\E' port='$port'/ } all_pids();
}

sub processes
{
	my ($node, $pattern) = @_;
	my ($postmaster) = split /\n/, read_file($node->data_dir . '/postmaster.pid');

	return grep { parent_of($_) == $postmaster && command_of($_) =~ $pattern } all_pids();
}

sub all_pids
{
	return map { m{([0-9]+)$} } glob '/proc/[0-9]*';
}

# A process may end while it is looked at.
sub proc_file
{
	my ($pid, $name) = @_;

	open my $file, '<', "/proc/$pid/$name" or return '';
	local $/;
	my $content = <$file>;
	close $file;
	return $content // '';
}

sub command_of
{
	my ($pid) = @_;

	return proc_file($pid, 'cmdline');
}

sub parent_of
{
	my ($pid) = @_;

	return proc_file($pid, 'stat') =~ /\) \S (\d+)/ ? $1 : 0;
}

=pod

=back

=head1 SESSIONS

=over

=item session(node, [statements], [connection parameters])

A session of its own that executes the statements and ends.

=item has_ended(session), finish_session(session)

The latter waits for the end and gives (exit status, output, error output).

=cut

sub session
{
	my ($node, $statements, $parameters) = @_;
	my $session = { out => '', err => '' };

	$session->{run} = IPC::Run::start(
		[
			$node->installed_command('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d',
			$node->connstr('postgres') . ' ' . ($parameters // ''),
			map { ('-c', $_) } @$statements
		],
		'<', \undef,
		'>', \$session->{out},
		'2>', \$session->{err},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return $session;
}

sub has_ended
{
	my ($session) = @_;

	$session->{run}->pump_nb if $session->{run}->pumpable;
	return !$session->{run}->pumpable;
}

sub finish_session
{
	my ($session) = @_;

	$session->{run}->finish;
	chomp $session->{out};
	return ($session->{run}->result(0), $session->{out}, $session->{err});
}

=pod

=back

=head1 WHAT IS LEFT

=over

=item folders(node), complete_folders(node)

The ids that have a folder in the repository; those that have a manifest.

=item leaves_nothing(node, id, name)

Two assertions: of this backup nothing is left, neither in the repository nor
in the server nor beside it; and the next backup succeeds.

=item no_crash(node, from, name)

One assertion: since this position the server's log tells of no crash.

=item seconds_of(code)

How long it takes.

=back

=cut

sub folders
{
	my ($node) = @_;

	return map { s{.*/}{}r } sort glob(repository($node) . '/*/backups/*');
}

sub complete_folders
{
	my ($node) = @_;

	return map { m{([^/]*)/manifest.json$} } sort glob(repository($node) . '/*/backups/*/manifest.json');
}

# What there is of a backup, as text; empty if there is nothing.
sub traces
{
	my ($node, $id) = @_;
	my $found = $node->safe_psql('postgres', <<~SQL);
		SELECT 'progress: ' || p FROM pgbackup_progress p;
		SELECT 'process: ' || backend_type || ' ' || application_name || ' ' || query
		FROM pg_stat_activity
		WHERE application_name IN ('pg_dump', 'pg_dumpall')
			OR backend_type IN ('pgbackup job', 'parallel worker');
		SELECT 'run: ' || r FROM pgbackup_runs r WHERE status = 'running';
		SELECT 'lock: ' || l FROM pg_locks l WHERE pid <> pg_backend_pid();
		SQL
	my @lines = split /\n/, $found;

	push @lines, map { "program: $_" } dump_pids($node);
	push @lines, map { "folder: $_" }
	  grep { my $folder = $_; !grep { $_ eq $folder } complete_folders($node) } folders($node);
	push @lines, "manifest: $id" if defined $id && grep { $_ eq $id } complete_folders($node);
	return join "\n", @lines;
}

sub leaves_nothing
{
	my ($node, $id, $name) = @_;
	my $deadline = time + 15;
	my $traces;

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	usleep(50_000) until ($traces = traces($node, $id)) eq '' || time > $deadline;
	is($traces, '', "$name: nothing is left");

	my ($status, $next, $error) =
	  $node->psql('postgres', "SELECT pgbackup_run(exclude_table_data => '{slow}')");
	ok( $status == 0
		  && $node->safe_psql('postgres',
			"SELECT status FROM pgbackup_list() WHERE id = '$next'") eq 'complete',
		"$name: the next backup succeeds")
	  or diag($error);
	return;
}

sub no_crash
{
	my ($node, $from, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return unlike(slurp_file($node->logfile, $from),
		qr/PANIC|was terminated by signal|TRAP:/, "$name: nothing crashes");
}

sub seconds_of
{
	my ($code) = @_;
	my $before = time;

	$code->();
	return time - $before;
}

1;
