#
# 075_format.pl
#	  doc/repository.md is enough to read a repository: a reader that was made from that page
#	  alone, with zstd and a JSON parser, gets the rows of a table, the files of a base backup and
#	  the segments of the WAL.  And the page has all members that are written.
#
# test/t/075_format.pl
#
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use FindBin;
use JSON::PP;
use PgBackupArchive qw(crc32c decompressed);
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $page = read_file("$FindBin::Bin/../../doc/repository.md");
my $json = JSON::PP->new->utf8->allow_nonref;

# ---- the page: members, by the headings under which they are ----

sub section
{
	my ($heading) = @_;
	my ($text) = $page =~ /^## \Q$heading\E\n(.*?)(?=^## |\z)/ms or die "the page has no \"$heading\"";
	return $text;
}

# The words in the first column of its tables, or all that are marked.
sub words_of
{
	my ($heading, $everywhere) = @_;
	my $text = section($heading);
	my @cells = $everywhere ? $text : $text =~ /^\| (`.*?) \|/mg;

	return map { $_ => 1 } map { /`([^`]+)`/g } @cells;
}

sub all_documented
{
	my ($what, $object, %words) = @_;

	is(join(' ', grep { !$words{$_} } sort keys %$object), '', "the page has all members of $what");
	return;
}

# ---- the reader ----

# "The SHA-256 of all bytes of the file before that line."
sub sealed_json
{
	my ($path) = @_;
	my $text = read_file($path);
	my ($body, $sum) = $text =~ /^(.*?)  "sha256": "([0-9a-f]{64})"\n\}\n\z/s or die "$path is not sealed";

	die "$path is damaged" if sha256_hex($body) ne $sum;
	return $json->decode($text);
}

sub bytes_of
{
	my ($text) = @_;
	return $text =~ s/%([0-9A-F]{2})/chr hex $1/ger;
}

# One file of a folder: its frames, as [where the content begins, content, rows].
sub read_frames
{
	my ($folder, $file) = @_;
	my $stored = read_file("$folder/$file->{name}");
	my ($offset, $position, @frames) = (0, 0);

	die "$file->{name}: length" if length $stored != $file->{stored_bytes};
	for my $frame (@{ $file->{frames} })
	{
		my ($stored_bytes, $raw_bytes, $rows, $crc) = @$frame;
		my $bytes = substr $stored, $offset, $stored_bytes;
		my $content = decompressed($bytes);

		die "$file->{name}: CRC at $offset" if crc32c($bytes) ne $crc;
		die "$file->{name}: content at $offset" if length $content != $raw_bytes;
		push @frames, [ $position, $content, $rows ];
		$offset += $stored_bytes;
		$position += $raw_bytes;
	}
	die "$file->{name}: content" if $position != $file->{raw_bytes};

	# the seek table
	my $table = pack('VV', 0x184D2A5E, 8 * @frames + 9)
	  . join('', map { pack 'VV', @$_[ 0, 1 ] } @{ $file->{frames} })
	  . pack('VCV', scalar @frames, 0, 0x8F92EAB1);
	die "$file->{name}: seek table" if substr($stored, $offset) ne $table;
	return @frames;
}

sub file_of
{
	my ($manifest, $name) = @_;
	my ($file) = grep { $_->{name} eq $name } @{ $manifest->{files} };
	return $file // die "no file $name";
}

sub content_of
{
	my ($folder, $file) = @_;
	return join '', map { $_->[1] } read_frames($folder, $file);
}

# The rows of a table: without the terminator, which is the last frame.
sub rows_of
{
	my ($folder, $manifest, $table) = @_;
	my @frames = read_frames($folder, file_of($manifest, $table->{file}));
	my $terminator = pop @frames;
	my $count = 0;

	die 'no terminator' if $terminator->[1] ne "\\.\n\n\n" || $terminator->[2] != 0;
	for my $frame (@frames)
	{
		die 'a frame does not hold whole rows' if $frame->[1] !~ /\n\z/ || $frame->[2] != ($frame->[1] =~ tr/\n//);
		$count += $frame->[2];
	}
	die 'rows' if $count != $table->{rows};
	return map { split /^/m, $_->[1] } @frames;
}

# A file of a base backup, from its extents.
my %packs;

sub base_file
{
	my ($folder, $manifest, $file) = @_;
	my $content = '';

	for my $extent (@{ $file->{extents} })
	{
		my ($number, $offset, $length) = @$extent;
		my $name = sprintf 'pack-%04d.zst', $number;
		my $frames = $packs{"$folder/$name"} //= [ read_frames($folder, file_of($manifest, $name)) ];

		for my $frame (@$frames)
		{
			my ($begin, $bytes) = @$frame;
			my $from = $offset > $begin ? $offset - $begin : 0;
			my $to = $offset + $length - $begin;

			$to = length $bytes if $to > length $bytes;
			$content .= substr $bytes, $from, $to - $from if $from < $to;
		}
	}
	die "$file->{path}: length" if length $content != $file->{size};
	die "$file->{path}: CRC" if crc32c($content) ne $file->{crc32c};
	return $content;
}

# A segment, or another file of the WAL archive, and what its trailer says.
sub segment_of
{
	my ($path) = @_;
	my $stored = read_file($path);
	my ($length, $crc, $magic) = unpack 'VVa8', substr $stored, -16;
	my $text = substr $stored, -16 - $length, $length;
	my $body = substr $stored, 0, -(8 + $length + 16);
	my ($skippable, $rest) = unpack 'VV', substr $stored, length $body, 8;
	my $trailer = $json->decode($text);
	my ($offset, $content) = (0, '');

	die "$path: trailer" if $magic ne 'pgbwal01' || sprintf('%08x', $crc) ne crc32c($text) || $skippable != 0x184D2A5B || $rest != $length + 16;
	die "$path: CRC" if crc32c($body) ne $trailer->{crc};
	for my $frame (@{ $trailer->{frames} })
	{
		my ($stored_bytes, $raw_bytes, $frame_crc) = @$frame;
		my $bytes = substr $body, $offset, $stored_bytes;

		die "$path: frame" if crc32c($bytes) ne $frame_crc;
		$content .= decompressed($bytes);
		$offset += $stored_bytes;
	}
	die "$path: length" if $offset != length $body || length $content != ($trailer->{segment_size} // $trailer->{size});
	die "$path: raw CRC" if crc32c($content) ne $trailer->{raw_crc};
	return ($content, $trailer);
}

# ---- what is read ----

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--no-locale', '--data-checksums', '--wal-segsize=1' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgbackup'\npgbackup.repository = '" . repository($node) . "'\n" . <<'CONF');
wal_level = replica
archive_mode = on
archive_library = 'pgbackup'
wal_keep_size = 1GB
max_worker_processes = 20
autovacuum = off
CONF
$node->start;
my $space = $node->basedir . '/space';
mkdir $space or die;
$node->safe_psql('postgres', "CREATE TABLESPACE space LOCATION '$space'");
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pgbackup;
CREATE TABLE odd (i int, t text, b bytea) TABLESPACE space;
INSERT INTO odd VALUES (1, E'a\tb\nc\\d', '\x00ff'), (2, NULL, ''), (3, 'Grüße, 東京', NULL);
CREATE TABLE large AS SELECT i, md5(i::text) AS m, repeat('x', i % 150) AS pad FROM generate_series(1, 160000) i;
SELECT lo_from_bytea(4711, 'a large object');
VACUUM FREEZE odd, large;
CHECKPOINT;
SQL
my $logical = $node->safe_psql('postgres', 'SELECT pgbackup_run(jobs => 2)');
my $base = $node->safe_psql('postgres', q{SELECT pgbackup_run('full')});
my $point = $node->safe_psql('postgres', q{SELECT pg_create_restore_point('here')});
my $segment = $node->safe_psql('postgres', "SELECT pg_walfile_name('$point')");
$node->safe_psql('postgres', 'SELECT pg_switch_wal()');

# ---- places ----

my $system = $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');
my $cluster = repository($node) . "/$system";
is_deeply($json->decode(read_file(repository($node) . '/pgbackup.json')), { pgbackup_repository => 1 }, 'the format');
is(join(' ', sort map { s{.*/}{}r } glob repository($node) . '/*'), "$system pgbackup.json", 'a repository has what the page says');
is(join(' ', sort map { s{.*/}{}r } glob "$cluster/*"), 'backups lock wal', 'and so has a cluster');

# ---- the logical backup ----

my $folder = "$cluster/backups/$logical";
my $manifest = sealed_json("$folder/manifest.json");
my %members = words_of('The manifest');
all_documented('a manifest', $manifest, %members, sha256 => 1);
all_documented('a file', $manifest->{files}[0], %members);
all_documented('a table', $manifest->{tables}[0], words_of('A logical backup'));
is("$manifest->{id} $manifest->{kind} $manifest->{database} $manifest->{encoding} $manifest->{system_identifier}",
	"$logical logical postgres UTF8 $system", 'whose backup it is');
is(join(' ', map { $_->{name} } @{ $manifest->{files} }),
	join(' ', sort grep { $_ ne 'manifest.json' } map { s{.*/}{}r } glob "$folder/*"), 'all files are listed, in order');
is(join(' ', grep { !/^(toc\.dat|\d+\.dat\.zst|blobs.*\.toc\.zst|blob_4711\.dat\.zst|globals\.sql\.zst)$/ } map { $_->{name} } @{ $manifest->{files} }),
	'', 'with names as the page has them');
is(join(' ', grep { crc32c(read_file("$folder/$_->{name}")) ne $_->{crc32c} } grep { $_->{stored_bytes} < 500_000 } @{ $manifest->{files} }), '', 'with their CRCs');
like(content_of($folder, file_of($manifest, 'globals.sql.zst')), qr/^CREATE TABLESPACE space /m, 'globals');
is(content_of($folder, file_of($manifest, 'blob_4711.dat.zst')), 'a large object', 'a large object');
for my $name ('odd', 'large')
{
	my ($table) = grep { $_->{name} eq $name } @{ $manifest->{tables} };
	my @rows = sort(rows_of($folder, $manifest, $table));
	my @expected = sort(split /^/m, $node->safe_psql('postgres', "COPY $name TO stdout") . "\n");

	is(scalar @rows, scalar @expected, "$name: as many rows");
	ok(join('', @rows) eq join('', @expected), "$name: the rows that COPY writes");
	cmp_ok(scalar @{ file_of($manifest, $table->{file})->{frames} }, '>', 3, 'in several frames') if $name eq 'large';
}

# ---- the base backup ----

$folder = "$cluster/backups/$base";
$manifest = sealed_json("$folder/manifest.json");
all_documented('the manifest of a base backup', $manifest, %members, sha256 => 1);
all_documented('what only it has', $manifest->{base}, words_of('A base backup'));
my ($header, @files) = map { $json->decode($_) } split /\n/, content_of($folder, file_of($manifest, 'files.zst'));
my @regular = grep { !exists $_->{type} } @files;
my ($bytes, $pieces) = (0, 0);
for my $file (@regular)
{
	$bytes += $file->{size};
	$pieces += $_->[2] for @{ $file->{extents} };
}
is("$header->{pgbackup_files} $header->{count}", '1 ' . @files, 'the header of the list');
is("$manifest->{base}{file_count} $manifest->{base}{file_bytes} $pieces", @regular . " $bytes $bytes", 'files and bytes are as many as the manifest says');
is(join("\n", map { $_->{path} } @files), join("\n", sort map { $_->{path} } @files), 'in order');
my %keys;
for my $file (@files)
{
	$keys{$_} = 1 for keys %$file;
}
is(join(' ', sort keys %keys), 'crc32c extents mode modified_at path size target type', 'lines have these members');

my ($map_header, @map) = map { $json->decode($_) } split /\n/, content_of($folder, file_of($manifest, 'relations.zst'));
is_deeply($map_header, { pgbackup_relations => 1 }, 'the header of the map');
my %map_keys;
my ($database, %place_of, %tablespace_of);
for my $line (@map)
{
	$map_keys{$_} = 1 for keys %$line;
	$database = $line if exists $line->{database};
	next if exists $line->{database} || $database->{name} ne 'postgres';
	$place_of{ $line->{name} } = $line->{file};
	$tablespace_of{ $line->{name} } = $line->{tablespace};
}
is(join(' ', grep { my $key = $_; section('A base backup') !~ /[`"]$key[`"]/ } sort keys %map_keys), '', 'the page has all members of the map');

my $oid = $node->safe_psql('postgres', q{SELECT oid FROM pg_database WHERE datname = 'postgres'});
my %by_path = map { bytes_of($_->{path}) => $_ } @files;
my ($in_space) = grep { m{^pg_tblspc/$tablespace_of{odd}/.*/$oid/$place_of{odd}$} } keys %by_path;
is($by_path{"pg_tblspc/$tablespace_of{odd}"}{target}, $space, 'the tablespace');
for my $path ('PG_VERSION', "base/$oid/$place_of{large}", $in_space)
{
	ok(base_file($folder, $manifest, $by_path{$path}) eq read_file($node->data_dir . "/$path"), "$path is as it is in the data directory");
	is($by_path{$path}{mode}, sprintf('%04o', (stat $node->data_dir . "/$path")[2] & 07777), 'with its mode');
}
like(bytes_of($manifest->{base}{backup_label}), qr/^START WAL LOCATION: \Q$manifest->{start_lsn}\E \(file /, 'the label');
like(bytes_of($manifest->{base}{tablespace_map}), qr/^$tablespace_of{odd} \Q$space\E$/m, 'the map of tablespaces');

# ---- the WAL ----

my $object = "$cluster/wal/00000001/$segment.zst";
wait_for(sub { -e $object }, 'the segment');
my ($content, $trailer) = segment_of($object);
ok($content eq read_file($node->data_dir . "/pg_wal/$segment"), 'a segment is as it is in pg_wal');
all_documented('a trailer', $trailer, words_of('WAL'));
all_documented('a scan', $trailer->{scan}, words_of('WAL', 1));
all_documented('a restore point', $trailer->{restore_points}[0], words_of('WAL', 1));
is("$trailer->{name} $trailer->{system_identifier} $trailer->{timeline} $trailer->{segment_size}", "$segment $system 1 1048576", 'and knows what it is');
is("$trailer->{restore_points}[0]{name} $trailer->{restore_points}[0]{lsn}", "here $point", 'with the restore point');
my ($label) = glob "$cluster/wal/00000001/*.backup.zst";
($content, $trailer) = segment_of($label);
is($content, read_file($node->data_dir . '/pg_wal/' . $label =~ s{.*/(.*)\.zst}{$1}r), 'a backup label is as it is');
all_documented('its trailer', $trailer, words_of('WAL'));

# ---- pins and proofs ----

$node->safe_psql('postgres', "SELECT pgbackup_pin('$base'), pgbackup_pin('$logical', '2096-02-29 12:00:00+00')");
is($json->decode(read_file("$folder/pin.json"))->{pinned_until}, 'forever', 'a pin');
is($json->decode(read_file("$cluster/backups/$logical/pin.json"))->{pinned_until}, '2096-02-29T12:00:00.000000Z', 'and one that ends');

$node->safe_psql('postgres', "SELECT pgbackup_verify('$logical', 'restore')");
my $proof = sealed_json("$cluster/backups/$logical/proof.json");
my %proof_words = words_of('Pins and proofs');
all_documented('a proof', $proof, %proof_words, sha256 => 1);
is(join(' ', grep { !exists $proof->{$_} } sort keys %proof_words), '', 'and the proof has all that are on the page');
all_documented('a proven table', $proof->{tables}[0], words_of('Pins and proofs', 1));
is("$proof->{pgbackup_proof} $proof->{backup} $proof->{system_identifier} $proof->{timeline}", "1 $logical $system 0", 'of which backup it is');
is(join(' ', map { "$_->{database} $_->{name} $_->{rows}" } grep { $_->{name} =~ /^(odd|large)$/ } @{ $proof->{tables} }),
	'postgres large 160000 postgres odd 3', 'and of which tables');

# ---- a second timeline ----

$node->stop;
$node->append_conf('standby.signal', '');
$node->start;
$node->promote;
$object = "$cluster/wal/00000002/00000002.history.zst";
wait_for(sub { -e $object }, 'the history');
($content, $trailer) = segment_of($object);
is($content, read_file($node->data_dir . '/pg_wal/00000002.history'), 'the history of a timeline is as it is in pg_wal');
is("$trailer->{name} $trailer->{timeline}", '00000002.history 2', 'and knows what it is');

$node->stop;
done_testing();
