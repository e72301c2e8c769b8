
=pod

=head1 NAME

PgBackupRoundTrip - a database goes into a backup, and comes back

=head1 SYNOPSIS

  use PgBackupRoundTrip;

  make_random_roles($node);
  my @differences = random_round_trip($node, $seed);

=head1 DESCRIPTION

There are two ways back: the program's extract with the stock pg_restore, and
pgbackup_restore_database. After either, the hashes of all tables and what
pg_dump says of the schema must be those of the original.

=cut

package PgBackupRoundTrip;

use strict;
use warnings;

use Exporter 'import';
use PgBackupArchive;
use PgBackupRandom;
use PgBackupTest;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(
  restore_by_program restore_by_server forget_run
  make_random_roles random_round_trip random_seeds
);

=pod

=over

=item restore_by_program(node, id, database), restore_by_server(node, id, database, jobs)

A new database from a backup. Returns nothing, or what went wrong. pg_restore has
one job: with several it may set the state of a partition's trigger before the
trigger is there, since pg_dump writes no such dependency down.

=cut

sub restore_by_program
{
	my ($node, $id, $database) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir_short() . '/extracted';

	return run_quietly([ 'pgbackup', 'extract', $id, "--to=$folder", '--jobs=2', '--repository=' . repository($node) ])
	  || run_quietly([ 'createdb', '-h', $node->host, '-p', $node->port, '--template=template0', $database ])
	  || run_quietly([ 'pg_restore', '--exit-on-error', '-h', $node->host, '-p', $node->port, "--dbname=$database", $folder ]);
}

sub restore_by_server
{
	my ($node, $id, $database, $jobs) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', "SELECT pgbackup_restore_database('$database', '$id', jobs => $jobs)");

	return $status == 0 ? undef : $stderr;
}

sub run_quietly
{
	my ($command) = @_;
	my ($stdout, $stderr) = run_command($command);

	return $? == 0 ? undef : "@$command: $stderr";
}

=pod

=item forget_run(node, database, id)

How the run has ended is written down when the backup has looked: without that
row the original is as it was backed up.

=cut

sub forget_run
{
	my ($node, $database, $id) = @_;

	$node->safe_psql($database, "DELETE FROM pgbackup_runs WHERE backup = '$id'");
	return;
}

=pod

=item make_random_roles(node)

Those that random databases need.

=item random_round_trip(node, seed)

Makes the random database of that seed, backs it up, and restores it: with an even
seed by the program, else by the server. Returns what differs, a line for each.

=item random_seeds(count)

The seeds of a test: so many from now on, or those that PGBACKUP_TEST_SEED names.

=cut

sub make_random_roles
{
	my ($node) = @_;

	$node->safe_psql('postgres', 'CREATE ROLE random_a; CREATE ROLE random_b');
	return;
}

sub random_seeds
{
	my ($count) = @_;
	my $first = time % 1_000_000_000;

	return split ' ', $ENV{PGBACKUP_TEST_SEED} if $ENV{PGBACKUP_TEST_SEED};
	return map { $first + $_ } 0 .. $count - 1;
}

sub random_round_trip
{
	my ($node, $seed) = @_;
	my $problem = make_random_database($node, $seed);
	my @differences;

	if ($problem)
	{
		@differences = ("the database could not be made: $problem");
	}
	else
	{
		my $jobs = 1 + $seed % 3;
		my $id = $node->safe_psql('source', "SELECT pgbackup_run(jobs => $jobs)");

		forget_run($node, 'source', $id);
		$problem = $seed % 2 ? restore_by_server($node, $id, 'restored', $jobs) : restore_by_program($node, $id, 'restored');
		@differences = $problem ? ("it could not be restored: $problem") : differences($node, 'source', 'restored');
		system('rm', '-rf', backup_folder($node, $id));
	}
	$node->safe_psql('postgres', "DROP DATABASE IF EXISTS source");
	$node->safe_psql('postgres', "DROP DATABASE IF EXISTS restored");
	return @differences;
}

sub make_random_database
{
	my ($node, $seed) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir_short() . '/source.sql';

	write_file($file, PgBackupRandom->new($seed)->database);
	$node->safe_psql('postgres', 'CREATE DATABASE source TEMPLATE template0');
	$node->safe_psql('source', 'CREATE EXTENSION pgbackup');
	return run_quietly([ 'psql', '--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', '--output=/dev/null', '-h', $node->host, '-p', $node->port,
			'--dbname=source', "--file=$file" ]);
}

sub differences
{
	my ($node, $one, $other) = @_;
	my @differences;

	foreach my $look ([ 'schema', \&schema_of ], [ 'rows', \&hashes_of ])
	{
		my ($what, $facts_of) = @$look;
		my %one = map { $_ => 1 } $facts_of->($node, $one);
		my %other = map { $_ => 1 } $facts_of->($node, $other);

		push @differences, map { "$what only before: $_" } grep { !$other{$_} } sort keys %one;
		push @differences, map { "$what only afterwards: $_" } grep { !$one{$_} } sort keys %other;
	}
	return @differences;
}

# What pg_dump says, entry by entry.
sub schema_of
{
	my ($node, $database) = @_;
	my $text = qx(pg_dump --schema-only -h '@{[ $node->host ]}' -p @{[ $node->port ]} $database);

	$text =~ s/^\\(un)?restrict .*\n//mg;
	return split /^--\n-- (?=Name: )/m, $text;
}

# A line for each table, sequence, large object: its rows without their order.
sub hashes_of
{
	my ($node, $database) = @_;

	return split /\n(?=')/, $node->safe_psql($database, <<'SQL');
SELECT format($$SELECT quote_literal(%L), (SELECT count(*) || '/' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM ONLY %s t)$$, oid::regclass, oid::regclass)
FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace <> 'pg_catalog'::regnamespace AND relispopulated
	AND relname NOT LIKE 'pgbackup\_drop%' -- which are no part of a dump
	AND relnamespace::regnamespace::text NOT IN ('information_schema', 'pg_toast') ORDER BY oid::regclass::text \gexec
SELECT format('SELECT quote_literal(%L), last_value, is_called FROM %s', oid::regclass, oid::regclass) FROM pg_class WHERE relkind = 'S' AND relname NOT LIKE 'pgbackup\_drop%' ORDER BY oid::regclass::text \gexec
SELECT quote_literal(loid), md5(string_agg(data, '' ORDER BY pageno)) FROM pg_largeobject GROUP BY loid ORDER BY loid;
SQL
}

=pod

=back

=cut

1;
