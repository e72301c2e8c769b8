#
# 022_repository.pl
#	  A repository that cannot be used, is full, is somebody else's, or damaged.
#
# PGBACKUP_TEST_SMALL_FS names a folder on a file system of some 32 MB, which
# test/run makes where it may; with "-readonly" after it, the name of a view of
# the same file system that cannot be written.
#
# test/t/022_repository.pl
#
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::RecursiveCopy;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
my $from = -s $node->logfile;
my $home = repository($node);
my ($id, $status, $out, $error);

create_slow_table($node);
$node->safe_psql('postgres', 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS i');
my $small_run = "SELECT pgbackup_run(exclude_table_data => '{slow}')";

# What must be as it was, whatever is done to the rest.
my $first = $node->safe_psql('postgres', "SELECT pgbackup_run(label => 'first')");
my $content_of_first = content($first);

sub content
{
	my ($backup) = @_;

	return join "\n", map { "$_ " . sha256_hex(read_file($_)) } backup_files($node, $backup);
}

sub use_repository
{
	my ($path) = @_;

	$node->append_conf('postgresql.conf', "pgbackup.repository = '$path'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('pgbackup.repository') = '$path'");
	return;
}

sub list
{
	return $node->safe_psql('postgres', 'SELECT id, status FROM pgbackup_list()');
}

# The tables of the latest backup; two are the extension's own, with rows in every database.
sub latest_tables
{
	my ($server) = @_;

	return $server->safe_psql('postgres',
		q{SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM pgbackup_contents()});
}

# ---- places that cannot be a repository ----

my $place = $node->basedir . '/place';

use_repository("$place/that/is/not/there");
fails_like($node, $small_run,
	qr/ERROR:  could not create repository "\Q$place\E\/that\/is\/not\/there": No such file or directory.*HINT/s,
	'the parent folder is missing');
is(list(), '', 'then nothing is listed');

write_file($place, "a file\n");
use_repository($place);
fails_like($node, $_, qr/ERROR:.*HINT/s, "the repository is a file: $_")
  for $small_run, 'SELECT * FROM pgbackup_list()';
is(read_file($place), "a file\n", 'the file is as it was');
unlink $place;

mkdir $place or die;
write_file("$place/letter.txt", "not a backup\n");
fails_like($node, $small_run,
	qr/ERROR:  directory "\Q$place\E" is not a repository, and not empty.*HINT/s, 'the folder is not empty');
fails_like($node, 'SELECT * FROM pgbackup_list()',
	qr/ERROR:  directory "\Q$place\E" is not a repository.*HINT/s, 'nor is it listed');
is(join(' ', map { s{.*/}{}r } glob("$place/*")), 'letter.txt', 'nothing is put into it');
unlink "$place/letter.txt";

chmod 0500, $place;
fails_like($node, $small_run, qr/ERROR:.*Permission denied.*HINT:  The operating system user/s,
	'the folder is not ours to write');
chmod 0, $place;
fails_like($node, $_, qr/ERROR:.*Permission denied.*HINT:  The operating system user/s,
	"nor to read: $_")
  for $small_run, 'SELECT * FROM pgbackup_list()';
chmod 0700, $place;
ok(!glob("$place/*"), 'nothing was put into it');

$node->safe_psql('postgres', $small_run);
my ($backups) = glob("$place/*/backups");
chmod 0500, $backups;
fails_like($node, $small_run, qr/ERROR:.*Permission denied.*HINT/s, 'the folder of the backups is not ours to write');
like(list(), qr/^\S+\|complete$/, 'what it holds is listed');
chmod 0, $backups;
fails_like($node, 'SELECT * FROM pgbackup_list()', qr/ERROR:.*Permission denied.*HINT/s, 'nor to read');
chmod 0700, $backups;
leaves_nothing($node, undef, 'folders without permission');

# ---- no room ----

SKIP:
{
	my $small = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'there is no small file system: test/run makes it as root', 1 unless $small;

	use_repository("$small/repository");
	my $kept = $node->safe_psql('postgres', $small_run);

	$from = -s $node->logfile;
	write_file("$small/filler", 'x' x (20 * 1024 * 1024));
	fails_like($node, 'SELECT pgbackup_run()',
		qr/ERROR:  could not write .*No space left on device.*HINT:  Free space in the repository/s,
		'the file system is full in the middle of a table');
	is(list(), "$kept|complete", 'the other backup is there');
	is(join(' ', map { s{.*/}{}r } glob("$small/repository/*/backups/*")), $kept, 'and nothing else');
	unlink "$small/filler";

	$node->safe_psql('postgres', q{
		SELECT lo_from_bytea(1, decode(string_agg(md5(i::text), ''), 'hex')) FROM generate_series(1, 2500000) i
	});
	fails_like($node, $small_run,
		qr/ERROR:  pg_dump failed.*No space left on device.*HINT:  Free space in the repository/s,
		'pg_dump finds it full');
	is(join(' ', map { s{.*/}{}r } glob("$small/repository/*/backups/*")), $kept, 'nothing is left then either');
	$node->safe_psql('postgres', 'SELECT lo_unlink(1)');

	fill("$small/filler");
	fails_like($node, $small_run, qr/ERROR:.*No space left on device.*HINT:  Free space in the repository/s,
		'it is full from the beginning');
	is(join(' ', map { s{.*/}{}r } glob("$small/repository/*/backups/*")), $kept, 'not even a folder is left');
	is(list(), "$kept|complete", 'the other backup is there');
	unlink "$small/filler";
	$node->safe_psql('postgres', $small_run);

	use_repository("$small-readonly/repository");
	fails_like($node, $small_run, qr/ERROR:.*Read-only file system.*HINT:  The repository is on a read-only file system/s,
		'a read-only file system');
	like(list(), qr/^\Q$kept\E\|complete\n\S+\|complete$/, 'can be listed');

	use_repository("$small-readonly/another");
	fails_like($node, $small_run, qr/ERROR:.*Read-only file system.*HINT/s, 'and no repository can be made in it');
	no_crash($node, $from, 'full and read-only file systems');
	use_repository("$small/repository");
	leaves_nothing($node, undef, 'full and read-only file systems');
}

sub fill
{
	my ($path) = @_;

	open my $file, '>:raw', $path or die "could not open $path: $!";
	for my $size (1024 * 1024, 4096, 1)
	{
		1 while (syswrite($file, 'x' x $size) // 0) == $size;
	}
	close $file;
	return;
}

# ---- another cluster's ----

my $other = new_node('other');
$other->safe_psql('postgres', 'CREATE TABLE foreigner AS SELECT 1 AS i');
my $foreign = $other->safe_psql('postgres', 'SELECT pgbackup_run()');
my $others = repository($other);
my $foreign_folder = backup_folder($other, $foreign);
my ($other_system) = $foreign_folder =~ m{([0-9]+)/backups/};

use_repository($others);
is(list(), '', "another cluster's backups are not listed");
fails_like($node, 'SELECT * FROM pgbackup_contents()',
	qr/ERROR:  there is no .*DETAIL:  .*$other_system.*HINT/s, 'nor looked into: who they are of is said');
fails_like($node, "SELECT * FROM pgbackup_contents('$foreign')",
	qr/ERROR:  backup "$foreign" does not exist.*DETAIL:  .*$other_system/s, 'not even by their id');
$id = $node->safe_psql('postgres', $small_run);
is(list(), "$id|complete", 'clusters can share a repository');
is($other->safe_psql('postgres', 'SELECT id, status FROM pgbackup_list()'),
	"$foreign|complete", 'without seeing each other');
is(latest_tables($other), 'foreigner pgbackup_runs pgbackup_schedule_rules', 'or losing anything');
$other->stop;

use_repository($home);
my $copy = backup_folder($node, $first) =~ s{[^/]*$}{20200101-000000L}r;
PostgreSQL::Test::RecursiveCopy::copypath($foreign_folder, $copy);
(undef, $out, $error) = $node->psql('postgres', 'SELECT id, status FROM pgbackup_list()');
is($out, "20200101-000000L|damaged\n$first|complete", "a folder copied from another cluster's is not ours");
like($error, qr/WARNING:  backup "20200101-000000L" is damaged.*DETAIL:  .*another cluster/s, 'which is said');
fails_like($node, "SELECT * FROM pgbackup_contents('20200101-000000L')",
	qr/ERROR:.*belongs to another cluster/, 'also when asked for it');
remove($copy);

PostgreSQL::Test::RecursiveCopy::copypath(backup_folder($node, $first), $copy);
like(list(), qr/^20200101-000000L\|damaged$/m, 'a copy under another id is not that backup');
remove($copy);

sub remove
{
	my ($folder) = @_;

	unlink glob("$folder/*");
	rmdir $folder or die "could not remove $folder: $!";
	return;
}

# ---- a repository that vanishes ----

# What an empty mount point looks like: a backup there would hide that the others are away.
{
	my $mount = $node->basedir . '/mount';
	my $marker = $node->data_dir . '/pgbackup.repository';
	my $vanished = qr/ERROR:  the repository "\Q$mount\E" has vanished.*DETAIL:  Backups of this cluster.*HINT:  Mount its file system.*\Q$marker\E/s;

	mkdir $mount or die;
	use_repository($mount);
	$id = $node->safe_psql('postgres', $small_run);
	is(list(), "$id|complete", 'an empty directory that is new becomes a repository');

	rename $mount, "$mount-away" or die;
	for my $what ('no directory', 'an empty directory')
	{
		mkdir $mount or die if $what ne 'no directory';
		fails_like($node, $_, $vanished, "where backups have been is $what: $_")
		  for $small_run, 'SELECT * FROM pgbackup_list()';
	}
	is(join(' ', glob("$mount/*")), '', 'nothing is made there');

	rmdir $mount or die;
	rename "$mount-away", $mount or die;
	my $next = $node->safe_psql('postgres', $small_run);
	is(list(), "$id|complete\n$next|complete", 'once it is back, backups are made again');

	my $line = read_file($marker);
	my $unreadable = qr/ERROR:  could not read file "pgbackup.repository": .*HINT:  It tells where/s;
	unlink $marker;
	mkdir $marker or die;
	fails_like($node, $small_run, $unreadable, 'a note of where backups have been that cannot be read');
	rmdir $marker or die;
	write_file($marker, $line);
	chmod 0, $marker or die;
	fails_like($node, 'SELECT * FROM pgbackup_list()', $unreadable, 'or not be opened');
	chmod 0600, $marker or die;

	rename $mount, "$mount-away" or die;
	mkdir $mount or die;
	unlink $marker or die "there is no $marker";
	$id = $node->safe_psql('postgres', $small_run);
	is(list(), "$id|complete", 'a new one is made in its place when that is wanted');
	use_repository($home);
}

# ---- the format of the repository ----

my $format = read_file("$home/pgbackup.json");

for my $case (
	[ '{"pgbackup_repository": 2}', qr/ERROR:  repository .* has format 2, which this version.*HINT:  Use a newer version/s, 'a newer format' ],
	[ '{"pgbackup_repository": 99999999999999999999}', qr/ERROR:/, 'a number that is too large' ],
	[ '{"pgbackup_repository": "one"}', qr/ERROR:/, 'no number' ],
	[ '{}', qr/ERROR:/, 'no format' ],
	[ '[1]', qr/ERROR:/, 'another kind of JSON' ],
	[ "\0\xff\xfe garbage", qr/ERROR:/, 'garbage' ],
	[ '', qr/ERROR:/, 'an empty file' ],
	[ '[' x 60000, qr/ERROR:/, 'deep nesting' ],
	[ 'x' x 100000, qr/ERROR:/, 'a long file' ])
{
	my ($text, $pattern, $name) = @$case;

	write_file("$home/pgbackup.json", $text);
	fails_like($node, $_, $pattern, "pgbackup.json with $name: $_")
	  for $small_run, 'SELECT * FROM pgbackup_list()';
	is(read_file("$home/pgbackup.json"), $text, "pgbackup.json with $name is as it was");
}
unlink "$home/pgbackup.json";
fails_like($node, $small_run, qr/ERROR:  directory .* is not a repository, and not empty.*HINT/s,
	'without pgbackup.json');
write_file("$home/pgbackup.json", $format);
like(list(), qr/^$first\|complete$/m, 'with it again, all is well');

# ---- damaged manifests ----

my $second = $node->safe_psql('postgres', "SELECT pgbackup_run(label => 'second', exclude_table_data => '{slow}')");
my $name = backup_folder($node, $second) . '/manifest.json';
my $manifest = read_file($name);

for my $case (
	[ "not JSON at all\n", 'text' ],
	[ '', 'nothing' ],
	[ '{}', 'other JSON' ],
	[ substr($manifest, 0, length($manifest) / 2), 'half of it' ],
	[ substr($manifest, 0, -1), 'all but its last byte' ],
	[ "$manifest\n", 'one byte more' ],
	[ flipped($manifest, 100), 'one flipped bit' ],
	[ flipped($manifest, -10), 'one flipped bit in its checksum' ],
	[ with_checksum($manifest =~ s/"pgbackup_manifest": 1/"pgbackup_manifest": 2/r), 'a newer format', 'newer' ],
	[ with_checksum($manifest =~ s/("toc.dat", "stored_bytes": )[0-9]+/${1}18446744073709551616/r), 'a number that is too large' ],
	[ with_checksum($manifest =~ s/"toc.dat"/"..\/toc.dat"/r), 'a path out of its folder' ],
	[ with_checksum('{' . '"a": [' x 5000), 'deep nesting' ],
	[ $manifest x 2, 'itself twice' ])
{
	my ($text, $what, $status) = (@$case, 'damaged');

	write_file($name, $text);
	(undef, $out, $error) = $node->psql('postgres', 'SELECT id, status FROM pgbackup_list()');
	is($out, "$first|complete\n$second|$status", "a manifest with $what is listed as $status");
	like($error, qr/WARNING:  backup "$second" (is damaged|was made by a newer version of pgbackup)\n.*DETAIL/s, 'and why');
	fails_like($node, "SELECT * FROM pgbackup_contents('$second')", qr/ERROR:/, 'it has no contents');
	is(latest_tables($node), 'pgbackup_runs pgbackup_schedule_rules slow t', 'the latest is the one before');
}

# every byte counts: a sample of them
my $unseen = 0;
srand(42);
for (1 .. 50)
{
	write_file($name, flipped($manifest, int(rand(length $manifest))));
	$unseen++ unless list() eq "$first|complete\n$second|damaged";
}
is($unseen, 0, 'fifty other flipped bits are seen');

unlink $name;
is(list(), "$first|complete", 'without a manifest it does not exist');
fails_like($node, "SELECT * FROM pgbackup_contents('$second')", qr/ERROR:  backup "$second" does not exist.*HINT/s, 'nor has it contents');

mkdir $name or die;
unlike(list(), qr/$second\|complete/, 'a folder is no manifest');
rmdir $name;

write_file($name, $manifest);
chmod 0, $name;
($status, $out, $error) = $node->psql('postgres', 'SELECT id, status FROM pgbackup_list()');
like($error, qr/Permission denied/, 'a manifest that cannot be read');
chmod 0600, $name;
is(list(), "$first|complete\n$second|complete", 'whole again');

# ---- a damaged table of contents ----

my $toc = backup_folder($node, $second) . '/toc.dat';
my $toc_content = read_file($toc);

for my $case ([ 'x', 'garbage' ], [ '', 'nothing' ], [ substr($toc_content, 0, 1000), 'a part of it' ], [ undef, 'no file' ])
{
	my ($text, $what) = @$case;

	defined $text ? write_file($toc, $text) : unlink $toc;
	is(list(), "$first|complete\n$second|complete", "a list does not read toc.dat: $what");
	is(latest_tables($node), 'pgbackup_runs pgbackup_schedule_rules t', 'nor do contents');
}
write_file($toc, $toc_content);

# ---- all the rest is as it was ----

leaves_nothing($node, undef, 'all that');
is(content($first), $content_of_first, 'the first backup has not changed by a byte');
no_crash($node, 0, 'all that');

$node->stop;
done_testing();

sub flipped
{
	my ($text, $offset) = @_;

	$offset += length $text if $offset < 0;
	vec($text, $offset * 8, 1) ^= 1;
	return $text;
}

# A manifest's last member is the checksum of what is before its line.
sub with_checksum
{
	my ($text) = @_;

	$text =~ s/^  "sha256": .*//ms;
	return $text . '  "sha256": "' . sha256_hex($text) . "\"\n}\n";
}
