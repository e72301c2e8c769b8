
=pod

=head1 NAME

PgBackupArchive - the files of a logical backup, read without pgbackup

=head1 SYNOPSIS

  use PgBackupArchive;

  my $manifest = read_manifest($folder);
  my @damage = damage_of($folder, $manifest);
  my $rows = table_rows($folder, $table);		# of @{ $manifest->{tables} }

=head1 DESCRIPTION

What pgbackup writes is judged by other code than its own: zstd's program,
JSON::PP, sha256sum, and a CRC-32C and a reader of zstd's seekable format that
are written down here once more.

=cut

package PgBackupArchive;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use PgBackupTest;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(
  read_manifest damage_of table_rows decompressed crc32c seek_table
  plain_dump decompress_for_restore sorted_lines
);

# What pg_dump writes after the rows of a table.
my $terminator = "\\.\n\n\n";

=pod

=head1 THE ARCHIVE

=over

=item read_manifest(folder)

The manifest as a Perl structure.

=item damage_of(folder, manifest)

What is wrong with the backup, a line for each finding: files that are missing
or too many, lengths, checksums, zstd's own test, frames, the seek table.

=item table_rows(folder, table)

The COPY text of one of the manifest's tables, without the terminator.

=cut

sub read_manifest
{
	my ($folder) = @_;

	return JSON::PP->new->utf8->decode(read_file("$folder/manifest.json"));
}

sub damage_of
{
	my ($folder, $manifest) = @_;

	return (
		damage_of_manifest($folder),
		damage_of_list($folder, $manifest),
		map { damage_of_file($folder, $_) } @{ $manifest->{files} });
}

# The checksum is that of all lines but the last two, of which it is the first.
sub damage_of_manifest
{
	my ($folder) = @_;
	my ($sum) = split ' ', qx(head -n -2 '$folder/manifest.json' | sha256sum);
	my $tail = qx(tail -n 2 '$folder/manifest.json');

	return $tail eq qq(  "sha256": "$sum"\n}\n) ? () : "the manifest's SHA-256 is not $sum";
}

sub damage_of_list
{
	my ($folder, $manifest) = @_;
	my %listed = map { $_->{name} => 1 } @{ $manifest->{files} }, { name => 'manifest.json' };
	my %there = map { $_ => 1 } slurp_dir($folder);

	delete @there{ '.', '..' };
	return (
		(map { "$_ is not there" } grep { !$there{$_} } sort keys %listed),
		(map { "$_ is not in the manifest" } grep { !$listed{$_} } sort keys %there),
		(map { "$_->{name} has a file that is not there" }
			grep { !$listed{ $_->{file} } } @{ $manifest->{tables} }));
}

sub damage_of_file
{
	my ($folder, $file) = @_;
	my $path = "$folder/$file->{name}";
	my $content = read_file($path);
	my @damage;

	push @damage, "is of " . length($content) . " bytes"
	  if length $content != $file->{stored_bytes};
	push @damage, "has the CRC-32C " . crc32c($content) if crc32c($content) ne $file->{crc32c};
	if ($file->{name} =~ /\.zst$/)
	{
		push @damage, "does not pass zstd -t" if system('zstd', '-tq', $path) != 0;
		push @damage, damage_of_frames($path, $content, $file);
	}
	return map { "$file->{name} $_" } @damage;
}

# Each frame by itself; the last of a table has the terminator, and no rows.
sub damage_of_frames
{
	my ($path, $content, $file) = @_;
	my $offset = 0;
	my ($raw_bytes, @damage, @sizes) = (0);

	foreach my $frame (@{ $file->{frames} })
	{
		my ($stored, $raw, $rows, $crc) = @$frame;
		my $bytes = substr $content, $offset, $stored;
		my $text = decompressed($bytes);

		push @damage, "has a frame at $offset whose CRC-32C is not $crc" if crc32c($bytes) ne $crc;
		push @damage, "has a frame at $offset whose content is not of $raw bytes"
		  if length $text != $raw;
		push @damage, "has a frame at $offset that is not of $rows rows"
		  if $rows != 0 && $rows != ($text =~ tr/\n//);
		push @sizes, [ $stored, $raw ];
		$raw_bytes += $raw;
		$offset += $stored;
	}
	push @damage, "has $raw_bytes bytes of content" if $raw_bytes != $file->{raw_bytes};

	my $found = JSON::PP->new->encode(seek_table(substr $content, $offset));
	my $wanted = JSON::PP->new->encode(\@sizes);
	push @damage, "has the seek table $found after $wanted" if $found ne $wanted;
	return @damage;
}

sub table_rows
{
	my ($folder, $table) = @_;
	my $text = decompressed_file("$folder/$table->{file}");

	$text =~ s/\Q$terminator\E\z// or die "$table->{file} has no terminator";
	return $text;
}

=pod

=item decompressed(bytes)

What zstd makes of them.

=item crc32c(bytes)

In hexadecimal.

=item seek_table(bytes)

Compressed and decompressed size of each frame, from the table in zstd's
seekable format (0.1.0), which is all that there must be.

=cut

sub decompressed
{
	my ($bytes) = @_;
	my $path = PostgreSQL::Test::Utils::tempdir_short() . '/frame.zst';

	write_file($path, $bytes);
	return decompressed_file($path);
}

sub decompressed_file
{
	my ($path) = @_;

	open my $zstd, '-|', 'zstd', '-dcq', $path or die "could not run zstd: $!";
	binmode $zstd;
	local $/;
	my $text = <$zstd>;
	close $zstd or die "could not decompress $path";
	return $text // '';
}

# For each value of two bytes, what they do to the sum.
my @crc_table;

sub make_crc_table
{
	foreach my $value (0 .. 65535)
	{
		my $crc = $value;

		$crc = $crc & 1 ? ($crc >> 1) ^ 0x82f63b78 : $crc >> 1 foreach 1 .. 16;
		$crc_table[$value] = $crc;
	}
	return;
}

sub crc32c
{
	my ($bytes) = @_;
	my $crc = 0xffffffff;

	make_crc_table() unless @crc_table;
	$crc = ($crc >> 16) ^ $crc_table[ ($crc ^ $_) & 0xffff ] foreach unpack 'v*', $bytes;
	if (length($bytes) % 2)
	{
		# one byte: as the upper half of two, of which the lower is passed over
		$crc ^= ord substr $bytes, -1;
		$crc = $crc & 1 ? ($crc >> 1) ^ 0x82f63b78 : $crc >> 1 foreach 1 .. 8;
	}
	return sprintf '%08x', $crc ^ 0xffffffff;
}

sub seek_table
{
	my ($bytes) = @_;
	my ($frame_magic, $size) = unpack 'V V', $bytes;
	my ($count, $flags, $magic) = unpack 'V C V', substr $bytes, -9;

	return "no table"
	  if length $bytes < 17
	  || $frame_magic != 0x184d2a5e
	  || $magic != 0x8f92eab1
	  || $flags != 0
	  || $size != length($bytes) - 8
	  || $size != 8 * $count + 9;
	my @sizes = unpack 'V*', substr $bytes, 8, 8 * $count;
	return [ map { [ @sizes[ 2 * $_, 2 * $_ + 1 ] ] } 0 .. $count - 1 ];
}

=pod

=back

=head1 PG_DUMP AND PG_RESTORE

=over

=item plain_dump(node, database, [option...])

What pg_dump says of a database, in an order of its own: the rows of each table
sorted, and then the entries.

=item sorted_lines(text)

Its lines in the order of their bytes.

=item decompress_for_restore(folder, copy)

A copy of the backup as pg_restore before version 16 wants it.

=cut

sub plain_dump
{
	my ($node, $database, @options) = @_;
	my $path = PostgreSQL::Test::Utils::tempdir_short() . '/dump.sql';

	$node->command_ok([ 'pg_dump', @options, '--file', $path, $database ], 'pg_dump gives the database as SQL');
	my $text = read_file($path);
	unlink $path;

	# a key of this very dump
	$text =~ s/^\\(un)?restrict .*\n//mg;
	my @entries = split /^--\n-- (?=Name: |Data for Name: )/m, $text;
	foreach my $entry (@entries)
	{
		$entry =~ s/^(COPY .* FROM stdin;\n)(.*?)(^\\\.\n)/$1 . sorted_lines($2) . $3/mse;
	}
	return join '', map { "$_\n" } sort @entries;
}

sub sorted_lines
{
	my ($lines) = @_;

	return join '', sort split /(?<=\n)/, $lines;
}

sub decompress_for_restore
{
	my ($folder, $copy) = @_;

	system('cp', '-R', $folder, $copy) == 0 or die "could not copy $folder";
	system("zstd -dq --rm '$copy'/*.zst") == 0 or die "could not decompress $copy";
	return $copy;
}

=pod

=back

=cut

1;
