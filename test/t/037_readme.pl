#
# The commands of README.md and doc/incident.md do what is said there: each block of
# SQL that is followed by its output is run, in order, and prints that.
#
# Ids of backups and moments in the last hours are other ones, of the same length.
#
# PGBACKUP_TEST_DOCS=directory writes the pages there as they should be.
#
# test/t/037_readme.pl
#
use strict;
use warnings;

use FindBin;
use IPC::Run ();
use PgBackupTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::Bin/../..";
my $node = new_node('main', conf => "timezone = 'UTC'\n");

$ENV{PGTZ} = 'UTC';

prepare('readme', 'DROP TABLE shop.orders CASCADE');
check_page('readme', "$top/README.md", qr/^## A table was dropped in production: what now\?\n.*?(?=^## )/ms, 5);
prepare('shop', <<'SQL');
UPDATE shop.products SET price = 19.90 WHERE sku = 'SKU-2';
INSERT INTO shop.products VALUES ('SKU-NEW', 'games', 49.00);
INSERT INTO shop.orders (customer_id, placed_at, total) VALUES
	(7, '2026-02-19 09:12:00+00', 30), (23, '2026-02-19 11:40:00+00', 12.50), (7, '2026-02-19 13:05:00+00', 99);
INSERT INTO shop.items VALUES (4001, 1, 'SKU-7', 10), (4001, 2, 'SKU-8', 20), (4002, 1, 'SKU-9', 12.50), (4003, 1, 'SKU-1', 99);
DROP TABLE shop.orders CASCADE;
UPDATE shop.products SET price = 0 WHERE category = 'books';
SQL
check_page('shop', "$top/doc/incident.md", qr/.*/s, 18);

done_testing();

# A shop, its backup, and what has happened since.
sub prepare
{
	my ($database, $incident) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	$node->safe_psql($database, 'CREATE EXTENSION pgbackup');
	run_log([ 'psql', '-Xqd', $node->connstr($database), '-v', 'ON_ERROR_STOP=1', '-f', "$top/test/data/incident.sql" ])
	  or die 'could not make the shop';
	$node->safe_psql($database, "SELECT pgbackup_run(label => 'nightly')");
	$node->safe_psql($database, $incident);
	return;
}

sub check_page
{
	my ($database, $path, $pattern, $count) = @_;
	my $page = read_file($path);
	my ($section) = $page =~ /($pattern)/ or die "$path has no such section";
	my $corrected = $section;
	my $name = $path =~ s/.*\///r;
	my $found = 0;

	while ($section =~ /^```sql\n(.*?)^```\n```\n(.*?)^```$/msg)
	{
		my ($sql, $expected) = ($1, $2);
		my $printed = printed_by($database, $sql);
		my ($title) = $sql =~ /^(.*)$/m;

		is(without_moments($printed), without_moments($expected), "$name: $title");
		$corrected =~ s/^(```sql\n\Q$sql\E```\n```\n)\Q$expected\E/$1$printed/m;
		$found++;
	}
	is($found, $count, "$name: so many blocks were run");
	if ($ENV{PGBACKUP_TEST_DOCS})
	{
		$page =~ s/\Q$section\E/$corrected/;
		write_file("$ENV{PGBACKUP_TEST_DOCS}/$name", $page);
	}
	return;
}

# As psql shows it, without the empty line at its end.
sub printed_by
{
	my ($database, $sql) = @_;
	my $printed = '';

	IPC::Run::run([ 'psql', '-X', '-d', $node->connstr($database) ], '<', \$sql, '>&', \$printed);
	return $printed =~ s/\n+\z/\n/r;
}

sub without_moments
{
	my ($text) = @_;

	$text =~ s/\b\d{8}-\d{6}L\b/ID/g;
	$text =~ s/^( ID +\| )\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00/$1MOMENT/mg;
	return $text;
}
