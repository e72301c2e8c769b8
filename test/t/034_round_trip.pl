#
# Databases go into a backup, and come back: one that has every kind of object that
# pg_dump knows, and some that chance has made. test/long/034_round_trip.pl has many more
# of those.
#
# PGBACKUP_TEST_SEED="number ..." repeats random ones.
#
# test/t/034_round_trip.pl
#
use strict;
use warnings;

use FindBin;
use PgBackupArchive;
use PgBackupEverything;
use PgBackupRoundTrip;
use PgBackupTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => "wal_level = logical\nmax_worker_processes = 16\n");
my $scratch = PostgreSQL::Test::Utils::tempdir_short();

# ---- every kind of object ----

make_every_object();
my $id = $node->safe_psql('every', 'SELECT pgbackup_run(jobs => 2)');
forget_run($node, 'every', $id);
my $original = plain_dump($node, 'every');

is(restore_by_program($node, $id, 'by_program'), undef, 'extract and pg_restore bring back a database with every kind of object');
is_same_text(plain_dump($node, 'by_program'), $original, 'and pg_dump says that it is the same');
is(restore_by_server($node, $id, 'by_server', 1), undef, 'pgbackup_restore_database brings it back');
is_same_text(plain_dump($node, 'by_server'), $original, 'and pg_dump says that it is the same');
is_deeply([ missing_kinds() ], [], 'every kind of object that pg_dump knows is among them');

# ---- random ones ----

make_random_roles($node);
foreach my $seed (random_seeds(4))
{
	my @differences = random_round_trip($node, $seed);

	ok(!@differences, "the random database of seed $seed")
	  or diag(join "\n", @differences[ 0 .. ($#differences < 9 ? $#differences : 9) ]);
}

done_testing();

sub make_every_object
{
	make_everything($node, 'every');
	$node->command_ok(
		[ 'psql', '--quiet', '--no-psqlrc', '--dbname=every', '--output=/dev/null', "--file=$FindBin::Bin/../data/every_object.sql" ],
		'and what it has not is added');
	return;
}

# Those of an archive that the stock pg_dump makes, against the list in its source.
sub missing_kinds
{
	my %kinds;

	$node->command_ok([ 'pg_dump', '--format=custom', '--schema-only', '--file', "$scratch/schema", 'every' ], 'pg_dump makes an archive');
	my $contents = qx(pg_restore --list '$scratch/schema');
	return grep { $contents !~ /^\d+; \d+ \d+ $_ /m } (
		'ACCESS METHOD', 'ACL', 'AGGREGATE', 'CAST', 'CHECK CONSTRAINT', 'COLLATION', 'COMMENT', 'CONSTRAINT', 'CONVERSION',
		'DEFAULT', 'DEFAULT ACL', 'DOMAIN', 'EVENT TRIGGER', 'EXTENSION', 'FK CONSTRAINT', 'FOREIGN DATA WRAPPER', 'FOREIGN TABLE',
		'FUNCTION', 'INDEX', 'INDEX ATTACH', 'MATERIALIZED VIEW', 'OPERATOR', 'OPERATOR CLASS', 'OPERATOR FAMILY', 'POLICY',
		'PROCEDURAL LANGUAGE', 'PROCEDURE', 'PUBLICATION', 'PUBLICATION TABLE', 'PUBLICATION TABLES IN SCHEMA', 'ROW SECURITY', 'RULE',
		'SCHEMA', 'SEQUENCE', 'SEQUENCE OWNED BY', 'SERVER', 'SHELL TYPE', 'STATISTICS', 'SUBSCRIPTION', 'TABLE', 'TABLE ATTACH',
		'TEXT SEARCH CONFIGURATION', 'TEXT SEARCH DICTIONARY', 'TEXT SEARCH PARSER', 'TEXT SEARCH TEMPLATE', 'TRANSFORM', 'TRIGGER', 'TYPE',
		'USER MAPPING', 'VIEW');
}
