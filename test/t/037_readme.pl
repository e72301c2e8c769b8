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

use File::Basename;
use File::Find;
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
check_page('shop', "$top/doc/incident.md", qr/.*/s, 19);

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE orders (id int PRIMARY KEY, customer text, total numeric(10, 2));
INSERT INTO orders VALUES (1, 'Ada', 12.50), (2, 'Grace', 99), (3, 'Edsger', 7.25), (4, 'Barbara', 31);
SELECT pgbackup_run();
DELETE FROM orders WHERE id = 2;
UPDATE orders SET total = 0 WHERE id = 3;
INSERT INTO orders VALUES (5, 'Alan', 64);
SELECT pgbackup_restore_table('public.orders');
SQL
check_page('postgres', "$top/doc/restore.md", qr/^## What is different\?\n.*?(?=^## )/ms, 4);

# ---- the pages have all that there is ----

my %pages = map { s{^\Q$top/}{}r => read_file($_) } glob("$top/*.md $top/src/*.md $top/doc/*.md");
my $members = q{FROM pg_depend WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgbackup')};

sub missing
{
	my ($what, $words, @names) = @_;
	my %words = map { $_ => 1 } @$words;

	cmp_ok(scalar @names, '>', 0, "$what: there are some");
	is(join(' ', grep { !$words{$_} } @names), '', "$what: all are on the page");
	return;
}

# What is marked in the first columns of a page's tables.
sub marked
{
	my ($name) = @_;
	return map { /`([^`]+)`/g } $pages{$name} =~ /^\| ([^|]*`.*?) \|/mg;
}

sub rows_of
{
	my ($query) = @_;
	return split /\n/, $node->safe_psql('postgres', $query);
}

missing('functions', [ map { s/\(.*//r } marked('README.md') ],
	rows_of("SELECT DISTINCT proname FROM pg_proc WHERE oid IN (SELECT objid $members) AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)"));
missing('views', [ marked('README.md') ], rows_of("SELECT relname FROM pg_class WHERE oid IN (SELECT objid $members) AND relkind = 'v'"));
missing('settings', [ marked('doc/settings.md') ], rows_of(q{SELECT name FROM pg_settings WHERE name LIKE 'pgbackup.%'}));
is(join(' ', grep { my $name = $_; /^pgbackup\./ && $node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = '$name'") != 1 } marked('doc/settings.md')),
	'', 'and no others');
for my $pair ([ 'pgbackup_run', 'doc/backup.md' ], [ 'pgbackup_schedule', 'doc/backup.md' ], [ 'pgbackup_restore_table', 'doc/restore.md' ],
	[ 'pgbackup_restore_database', 'doc/restore.md' ], [ 'pgbackup_verify', 'doc/verify.md' ])
{
	missing("arguments of $pair->[0]", [ marked($pair->[1]) ],
		rows_of("SELECT unnest(proargnames[1:pronargs]) FROM pg_proc WHERE proname = '$pair->[0]'"));
}

my ($help) = run_command([ 'pgbackup', '--help' ]);
my @options = map { /(--[a-z-]+)/g } map { /^pgbackup (.*)$/mg } values %pages;
cmp_ok(scalar @options, '>', 10, 'pages have options of the program');
is(join(' ', grep { $help !~ /\Q$_\E\b/ } @options), '', 'and it knows them');

# ---- and nothing else ----

my %links = map { my $page = $_; map { ("$page: $_" => dirname("$top/$page") . "/$_") } $pages{$page} =~ /\]\((?!http)([^)#]+)/g } keys %pages;
cmp_ok(scalar keys %links, '>', 5, 'pages have links');
is(join(' ', grep { !-e $links{$_} } sort keys %links), '', 'which lead somewhere');
my $files = '';
find({ no_chdir => 1, wanted => sub { $files .= "$_\n" } }, map { "$top/$_" } qw(src test sql expected doc));
my @named = map { s{/$}{}r } $pages{'src/README.md'} =~ m{`([\w/]+(?:\.[ch]|\.pl|/))`}g;
cmp_ok(scalar @named, '>', 50, 'src/README.md names files');
push @named, map { "$_.pl" } $pages{'doc/promises.md'} =~ /`(\d{3}_\w+)`/g;
is(join(' ', grep { $files !~ m{/\Q$_\E$}m } @named), '', 'which are there, and so are the tests that doc/promises.md names');

$node->stop;
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

	while ($section =~ /^```sql\n((?:(?!```).*\n)+)```\n```\n((?:(?!```).*\n)*)```$/mg)
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
