
=pod

=head1 NAME

PgBackupRestore - clusters that are restored by the program

=head1 SYNOPSIS

  use PgBackupRestore;

  my ($status, $out, $err) = restore($node, $directory, '--target-lsn', $lsn);
  my $restored = restored_node($node, 'later', '--target-time', $time);
  start_restored($restored);

=head1 DESCRIPTION

Runs pgbackup restore, and makes servers of what it has restored.

=cut

package PgBackupRestore;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  archive_conf program restore restored_node start_restored
  archive_all full_backup wait_until_recovered
);

=pod

=over

=item archive_conf

Settings of a server that archives into its repository.

=item program(argument...)

Runs the program: (exit status, output, error output).

=item restore(node, directory, option...)

Runs pgbackup restore from the repository of the node: as program().

=item full_backup(node)

Makes one, returns its id.

=item archive_all(node)

Switches to a new WAL segment, and returns when the one before is archived.

=cut

sub archive_conf
{
	return "wal_level = replica\narchive_mode = on\narchive_library = 'pgbackup'\n";
}

sub program
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pgbackup', @arguments ], '<', \undef, '>', \$out, '2>', \$err);
	return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, $out, $err);
}

sub restore
{
	my ($node, $directory, @options) = @_;

	return program('restore', '--repository', repository($node), '--target-dir', $directory, @options);
}

sub full_backup
{
	my ($node) = @_;

	return $node->safe_psql('postgres', "SELECT pgbackup_run('full')");
}

sub archive_all
{
	my ($node) = @_;
	my $segment = $node->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_insert_lsn())');

	# something to switch from
	$node->safe_psql('postgres', "SELECT pg_logical_emit_message(false, 'test', 'x'); SELECT pg_switch_wal()");
	$node->poll_query_until('postgres',
		"SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver WHERE length(last_archived_wal) = 24")
	  or die "$segment is not archived";
	return;
}

=pod

=item restored_node(node, name, option...)

Restores to the data directory of a new node, asserts that it works and that
pg_verifybackup accepts what is there, and returns the new node. It gets a port
of its own and archives nothing.

=item start_restored(restored)

Starts it; waits until it pauses at its target, or has ended recovery.

=item wait_until_recovered(restored)

Only waits.

=back

=cut

sub restored_node
{
	my ($node, $name, @options) = @_;
	my $restored = PostgreSQL::Test::Cluster->new($name);
	my ($status, $out, $err) = restore($node, $restored->data_dir, @options);

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($status, 0, "$name: it is restored") or diag($out . $err);
	like($out, qr/pg_ctl -D \S*\Q${\$restored->data_dir}\E\S* start/, "$name: the output says how to start it");
	command_ok([ 'pg_verifybackup', $restored->data_dir ], "$name: pg_verifybackup accepts it");
	$restored->append_conf('postgresql.conf', 'port = ' . $restored->port . "\narchive_mode = off\n");
	return $restored;
}

sub start_restored
{
	my ($restored) = @_;

	$restored->start;
	wait_until_recovered($restored);
	return;
}

sub wait_until_recovered
{
	my ($restored) = @_;

	$restored->poll_query_until('postgres',
		"SELECT CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() = 'paused' ELSE true END")
	  or die 'recovery does not end';
	return;
}

1;
