#
# One large table, of several frames, shared by workers: the same rows whatever
# their number, and one moment in time while other sessions write.
#
# test/t/013_export_large.pl
#
use strict;
use warnings;

use IPC::Run;
use List::Util qw(sum0);
use PgBackupArchive;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => "shared_buffers = 64MB\nmax_wal_size = 2GB\n");
my $scratch = PostgreSQL::Test::Utils::tempdir_short();

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE large AS
	SELECT n AS id, n * 7.25 AS amount, '2001-02-03 04:05:06+00'::timestamptz + n * interval '1 second' AS at,
		md5((n / 8)::text) AS key, CASE WHEN n % 10 = 0 THEN E'a\tb\\' END AS rare,
		repeat('some words that come again and again ', 1 + n % 4) AS words
	FROM generate_series(1, 650000) n;
DELETE FROM large WHERE id % 11 = 0;
SQL

# ---- one, two, four workers ----

my $expected = fingerprint("psql --no-psqlrc --dbname='@{[ $node->connstr('postgres') ]}' "
	  . q(--command="SET timezone = 'UTC'" --command='COPY large TO STDOUT' --quiet));
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM large');

foreach my $jobs (1, 2, 4)
{
	my $id = $node->safe_psql('postgres', "SELECT pgbackup_run(jobs => $jobs, tables => '{large}')");
	my $folder = backup_folder($node, $id);
	my $manifest = read_manifest($folder);
	my ($table) = @{ $manifest->{tables} };
	my ($file) = grep { $_->{name} eq $table->{file} } @{ $manifest->{files} };
	my @frames = @{ $file->{frames} };

	is(fingerprint("zstd -dcq '$folder/$file->{name}' | head -n -3"),
		$expected, "$jobs jobs: the rows are those of COPY");
	is($table->{rows}, $rows, "$jobs jobs: the manifest has their number");
	is(sum0(map { $_->[2] } @frames), $rows, "$jobs jobs: so have the frames together");
	cmp_ok(scalar @frames, '>', 8, "$jobs jobs: there are several frames");
	cmp_ok((sort { $b <=> $a } map { $_->[1] } @frames)[0],
		'<', 9 * 1024 * 1024, "$jobs jobs: each has some megabytes");
	is_deeply([ damage_of($folder, $manifest) ], [], "$jobs jobs: every file is as the manifest says")
	  if $jobs == 4;
}

# ---- while others write ----

# Each transaction moves one unit from one table to another, renews rows, and adds one that
# the next removes: whoever sees one moment sees the same sum and the same count.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE one AS SELECT n AS id, 1000 AS units, repeat('x', 500) AS filler FROM generate_series(1, 20000) n;
CREATE TABLE other AS SELECT * FROM one;
CREATE TABLE extra (id integer);
INSERT INTO extra VALUES (0);
CREATE TABLE stop (id integer);
CREATE PROCEDURE write() LANGUAGE plpgsql AS $$
DECLARE
	n integer := 1;
BEGIN
	WHILE NOT EXISTS (SELECT FROM stop) LOOP
		UPDATE one SET units = units - 1 WHERE id = 1 + n * 7919 % 20000;
		UPDATE other SET units = units + 1 WHERE id = 1 + n * 104729 % 20000;
		INSERT INTO extra VALUES (n);
		DELETE FROM extra WHERE id < n;
		n := n + 1;
		COMMIT;
	END LOOP;
END $$;
SQL

my $writer = IPC::Run::start([ 'psql', '--no-psqlrc', '--quiet', '--dbname=' . $node->connstr('postgres'), '--command=CALL write()' ]);

wait_for(sub { $node->safe_psql('postgres', 'SELECT min(id) > 100 FROM extra') eq 't' }, 'the writer');
foreach my $try (1 .. 3)
{
	my $before = $node->safe_psql('postgres', 'SELECT max(id) FROM extra');
	my $id = $node->safe_psql('postgres', q(SELECT pgbackup_run(jobs => 2, tables => '{one,other,extra}', level => 5)));
	my $after = $node->safe_psql('postgres', 'SELECT max(id) FROM extra');
	my $folder = backup_folder($node, $id);
	my %tables = map { $_->{name} => $_ } @{ read_manifest($folder)->{tables} };
	my @units = map { units_of(table_rows($folder, $tables{$_})) } qw(one other);

	is_deeply([ map { $tables{$_}{rows} } qw(one other extra) ], [ 20000, 20000, 1 ], "each row is there once, $try");
	is(sum0(@units), 2 * 20000 * 1000, "the tables are of one moment, $try");

	chomp(my $moment = table_rows($folder, $tables{extra}));
	is(20000 * 1000 - $units[0], $moment, "so is a small one, $try");
	ok($before <= $moment && $moment <= $after, "it lies between begin and end, $try");
}
$node->safe_psql('postgres', 'INSERT INTO stop VALUES (1)');
ok($writer->finish, 'the writer was not disturbed');

done_testing();

# Of the lines of a command's output, in any order.
sub fingerprint
{
	my ($command) = @_;

	return scalar qx($command | LC_ALL=C sort --temporary-directory='$scratch' | sha256sum);
}

sub units_of
{
	my ($rows) = @_;

	return sum0(map { (split /\t/)[1] } split /\n/, $rows);
}
