
=pod

=head1 NAME

PgBackupEverything - a database with one of everything

=head1 SYNOPSIS

  use PgBackupTest;
  use PgBackupEverything;

  my $node = new_node('main', conf => "wal_level = logical\n");
  make_everything($node, 'everything');
  is_same_text(plain_dump($node, 'again'), plain_dump($node, 'everything'), 'it is the same');

=head1 DESCRIPTION

The database of test/data/*.sql, with an extension that has configuration tables.

=over

=item make_everything(node, database)

Makes it, from template0, and the extension pgbackup in it.  The publications in it want wal_level =
logical.  Its one subscription keeps it from being dropped.

=item is_same_text(got, expected, name)

One assertion; what differs is shown line by line.

=back

=cut

package PgBackupEverything;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use PgBackupTest;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(make_everything is_same_text);

my $data = dirname(__FILE__) . '/../data';

sub make_everything
{
	my ($node, $database) = @_;
	my $tablespace = PostgreSQL::Test::Utils::tempdir_short();

	install_config_extension();
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	$node->command_ok(
		[
			'psql', '--quiet', '--no-psqlrc', "--dbname=$database",
			"--set=tablespace_folder=$tablespace", '--set=config_extension=config_tables',
			map { "--file=$data/$_.sql" } qw(definitions values tables)
		],
		'the database is made');
	$node->safe_psql($database, 'CREATE EXTENSION pgbackup');
	return;
}

# A small extension, in the private installation that the tests run in.
sub install_config_extension
{
	my $extensions = qx(pg_config --sharedir);

	chomp $extensions;
	$extensions .= '/extension';
	write_file("$extensions/config_tables.control",
		"default_version = '1'\ncomment = 'tables with configuration'\n");
	write_file("$extensions/config_tables--1.sql", <<'SQL');
CREATE TABLE config_all (id integer, name text);
CREATE TABLE config_some (id integer, name text, own boolean DEFAULT false);
CREATE TABLE not_config (id integer);
INSERT INTO config_some VALUES (1, 'from the script', false);
INSERT INTO not_config VALUES (1);
SELECT pg_extension_config_dump('config_all', '');
SELECT pg_extension_config_dump('config_some', 'WHERE own');
SQL
	return;
}

sub is_same_text
{
	my ($got, $expected, $name) = @_;
	my $scratch = PostgreSQL::Test::Utils::tempdir_short();

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return if ok($got eq $expected, $name);
	write_file("$scratch/got", $got);
	write_file("$scratch/expected", $expected);
	diag(qx(diff -u '$scratch/expected' '$scratch/got' | cut -c 1-200 | head -n 100));
	return;
}

1;
