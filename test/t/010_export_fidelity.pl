#
# A backup of a database that has one of everything: each table is what COPY
# writes, the archive is what pg_dump would have made, and every file is as the
# manifest says.
#
# test/t/010_export_fidelity.pl
#
use strict;
use warnings;

use File::Basename;
use JSON::PP ();
use List::Util qw(sum0);
use PgBackupArchive;
use PgBackupEverything;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# pg_dump numbers what it finds in the order of its queries, which new statistics change.
my $node = new_node('main', conf => "wal_level = logical\nautovacuum = off\n");
my $scratch = PostgreSQL::Test::Utils::tempdir_short();

make_everything($node, 'everything');

my $id = $node->safe_psql('everything', 'SELECT pgbackup_run(jobs => 2)');

# How it ended is written down after the backup has looked; all the rest is as it saw it.
$node->safe_psql('everything', "DELETE FROM pgbackup_runs WHERE backup = '$id'");

my $folder = backup_folder($node, $id);
my $manifest = read_manifest($folder);

# ---- the rows ----

my %copied = copy_tables();
my %exported = map { $_->{oid} => $_ } @{ $manifest->{tables} };

is_deeply(
	[ sort map { "$_->{schema}.$_->{name}" } values %exported ],
	[ sort map { $_->{name} } values %copied ],
	'the tables of the manifest are those that have data');
is_deeply(
	{ map { $copied{$_}{name} => $exported{$_}{rows} } keys %exported },
	{ map { $_->{name} => $_->{rows} } values %copied },
	'the manifest has the number of rows of each table');
is_deeply([ map { $_->{name} } grep { differs($_) } values %copied ],
	[], 'the rows of each table are those that COPY writes, byte for byte');
is_deeply([ grep { rows_of_frames($_) != $_->{rows} } @{ $manifest->{tables} } ],
	[], 'the frames have the rows of their tables');
is( $node->safe_psql('everything', 'SELECT count(*), sum(row_count) FROM pgbackup_contents()'),
	join('|', scalar keys %copied, sum0(map { $_->{rows} } values %copied)),
	'pgbackup_contents shows them');

# ---- the files ----

is_deeply([ damage_of($folder, $manifest) ], [], 'every file is as the manifest says');
is(globals_of_backup(), globals_of_server(), 'the globals are those of pg_dumpall');

# ---- the archive, against the database and against one of pg_dump ----

my $archive = archive_for_stock_pg_restore($folder);
my $original = plain_dump($node, 'everything', '--create');

$node->command_ok([ 'pg_dump', '--format=directory', '--file', "$scratch/reference", 'everything' ],
	'pg_dump makes an archive to compare with');
is(table_of_contents($archive), table_of_contents("$scratch/reference"),
	'the archive has the table of contents that pg_dump makes');

restore_under_own_name("$scratch/reference");
is_same_text(plain_dump($node, 'everything', '--create'),
	$original, 'what pg_restore makes of the archive of pg_dump is the original');
restore_under_own_name($archive);
is_same_text(plain_dump($node, 'everything', '--create'),
	$original, 'what pg_restore makes of the backup is the original');

$node->safe_psql('postgres', 'CREATE DATABASE parallel TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--jobs=2', '--exit-on-error', '--dbname=parallel', $archive ],
	'pg_restore takes the backup with two jobs');
is_same_text(plain_dump($node, 'parallel'), plain_dump($node, 'everything'), 'and that is the same');

# ---- rows that go elsewhere ----

# A hash of an enum is another one in another database: pg_dump has the rows of
# such partitions restored through their parent.
$node->safe_psql('postgres', <<'SQL');
CREATE TYPE mood AS ENUM ('sad', 'ok', 'fine', 'happy', 'very happy');
CREATE TABLE by_mood (n integer, m mood) PARTITION BY HASH (m);
CREATE TABLE by_mood_0 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE by_mood_1 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE by_mood_2 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO by_mood SELECT n, (enum_range(NULL::mood))[1 + n % 5] FROM generate_series(1, 1000) n;
SQL
my $moods = $node->safe_psql('postgres', 'SELECT pgbackup_run()');
$node->safe_psql('postgres', 'CREATE DATABASE moods TEMPLATE template0');
$node->command_ok(
	[ 'pg_restore', '--exit-on-error', '--dbname=moods', archive_for_stock_pg_restore(backup_folder($node, $moods)) ],
	'pg_restore takes partitions by the hash of an enum');
is(table_hash($node, 'moods', 'by_mood'), table_hash($node, 'postgres', 'by_mood'), 'and each row finds its place');

# ---- the program, without the server ----

my $known = $node->safe_psql('postgres', "SELECT id, tables, raw_bytes, stored_bytes FROM pgbackup_list() WHERE id = '$id'");
my $repository = '--repository=' . repository($node);
my @facts = qw(schema name rows raw_bytes stored_bytes file);

$node->stop;
command_like([ 'pgbackup', 'list', $repository ],
	qr/^\Q$id\E +logical +everything .* complete/m, 'the program lists the backup');
my $shown = shown_by_program($id);
is(join('|', @$shown{qw(id table_count raw_bytes stored_bytes)}),
	$known, 'the program knows the backup as the server does');
is_deeply(
	[ map { [ @$_{@facts} ] } @{ $shown->{tables} } ],
	[ map { [ @$_{@facts} ] } @{ $manifest->{tables} } ],
	'the program shows the tables of the backup');
command_like([ 'pgbackup', 'show', $id, $repository ],
	qr/^data +long_values +318 .*^kinds +no_columns +1001 /ms, 'the program shows them to people, too');

done_testing();

# ---- rows ----

# By oid: name, rows, and the file into which COPY has written it.
sub copy_tables
{
	my $tables = <<'SQL';
		SELECT c.oid, format('%s.%s', nspname, relname) AS name,
			format('ONLY %I.%I %s', nspname, relname, condition) AS rows,
			CASE WHEN condition <> '' THEN format('(SELECT * FROM ONLY %I.%I %s)', nspname, relname, condition)
				ELSE format('%I.%I', nspname, relname) END AS source
		FROM pg_class c
			JOIN pg_namespace n ON n.oid = relnamespace
			LEFT JOIN (SELECT unnest(extconfig) AS relid, unnest(extcondition) AS condition FROM pg_extension) e ON relid = c.oid
		WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
			AND (condition IS NOT NULL OR NOT EXISTS
				(SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'))
SQL
	my $list = $node->safe_psql('everything', <<"SQL");
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';
SET extra_float_digits = 3;
SET timezone = 'UTC';
SET bytea_output = 'hex';
SET search_path = '';
SELECT format('COPY %s TO %L', source, '$scratch/' || oid) FROM ($tables) t \\gexec
SELECT json_agg(json_build_object('oid', oid, 'name', name, 'file', '$scratch/' || oid, 'rows',
	(xpath('//c/text()', query_to_xml('SELECT count(*) AS c FROM ' || rows, false, true, '')))[1]::text::bigint))
FROM ($tables) t;
SQL
	return map { $_->{oid} => $_ } @{ JSON::PP->new->utf8->decode($list) };
}

sub differs
{
	my ($table) = @_;
	my $copied = read_file($table->{file});
	my $exported = table_rows($folder, $exported{ $table->{oid} });

	unlink $table->{file};
	return 0 if sorted_lines($copied) eq sorted_lines($exported);
	diag("$table->{name}: " . length($copied) . ' bytes copied, ' . length($exported) . ' exported');
	return 1;
}

sub rows_of_frames
{
	my ($table) = @_;
	my ($file) = grep { $_->{name} eq $table->{file} } @{ $manifest->{files} };

	return sum0(map { $_->[2] } @{ $file->{frames} });
}

# ---- the archive ----

sub globals_of_server
{
	$node->command_ok([ 'pg_dumpall', '--globals-only', '--file', "$scratch/globals.sql" ],
		'pg_dumpall gives the globals');
	return without_key(read_file("$scratch/globals.sql"));
}

sub globals_of_backup
{
	return without_key(decompressed(read_file("$folder/globals.sql.zst")));
}

# Newer versions begin and end a dump with a key that they make up.
sub without_key
{
	return shift =~ s/^\\(un)?restrict .*\n//mgr;
}

# Since 16 it reads zstd.
sub archive_for_stock_pg_restore
{
	my ($folder) = @_;

	return $folder if $node->pg_version >= 16;
	return decompress_for_restore($folder, "$scratch/" . basename($folder));
}

# Without its head, which has the time, and how files are compressed.
sub table_of_contents
{
	my ($archive) = @_;

	return join "\n", grep { !/^;/ } split /\n/, qx(pg_restore --list '$archive');
}

sub restore_under_own_name
{
	my ($archive) = @_;

	# which would keep the database
	$node->safe_psql('everything', 'DROP SUBSCRIPTION subscribed');
	$node->safe_psql('postgres', 'DROP DATABASE everything');
	$node->command_ok([ 'pg_restore', '--create', '--exit-on-error', '--dbname=postgres', $archive ],
		'pg_restore brings the database back');
	return;
}

# ---- the program ----

sub shown_by_program
{
	my ($backup) = @_;
	my ($stdout, $stderr) = run_command([ 'pgbackup', 'show', $backup, $repository, '--output=json' ]);

	return JSON::PP->new->utf8->decode($stdout);
}
