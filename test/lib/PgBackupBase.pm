
=pod

=head1 NAME

PgBackupBase - what the tests of base backups have in common

=head1 SYNOPSIS

  use PgBackupBase;

  my $node = base_node('main', conf => "archive_mode = off\n");
  my $id = $node->safe_psql('postgres', "SELECT pgbackup_run('full')");
  unpack_backup($node, $id, $directory);

=head1 DESCRIPTION

Reads base backups with zstd and a JSON parser, and nothing of pgbackup's.

=cut

package PgBackupBase;

use strict;
use warnings;

use Exporter 'import';
use File::Find;
use JSON::PP;
use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(
  base_node unpack_backup unpack_wal start_unpacked
  backup_manifest zstd_content json_lines tree
  start_slow_base copy_worker_pids leaves_no_base
);

=pod

=over

=item base_node(name, [conf => text])

A started server with checksums that can make base backups.

=cut

sub base_node
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--encoding=UTF8', '--no-locale', '--data-checksums' ]);
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'pgbackup'\n"
		  . "pgbackup.repository = '"
		  . repository($node) . "'\n"
		  . "wal_level = replica\nmax_wal_senders = 4\nmax_replication_slots = 4\n"
		  . "max_worker_processes = 20\nautovacuum = off\n"
		  . ($options{conf} // ''));
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup');
	return $node;
}

=pod

=item zstd_content(path)

What stock zstd makes of a file.

=item backup_manifest(node, id), json_lines(node, id, name)

The manifest; the lines of a list of the backup.

=cut

sub zstd_content
{
	my ($path) = @_;

	open my $pipe, '-|', 'zstd', '-dcq', $path or die "could not run zstd: $!";
	binmode $pipe;
	local $/;
	my $content = <$pipe>;
	close $pipe or die "zstd cannot read $path";
	return $content // '';
}

sub backup_manifest
{
	my ($node, $id) = @_;

	return JSON::PP->new->utf8->decode(read_file(backup_folder($node, $id) . '/manifest.json'));
}

sub json_lines
{
	my ($node, $id, $name) = @_;
	my $json = JSON::PP->new->utf8;

	return map { $json->decode($_) } split /\n/,
	  zstd_content(backup_folder($node, $id) . "/$name");
}

# Bytes are written with %XX.
sub bytes_of
{
	my ($text) = @_;

	return $text =~ s/%([0-9A-F]{2})/chr hex $1/ger;
}

=pod

=item unpack_backup(node, id, directory)

Lays a base backup down as a data directory; a linked tablespace goes to "directory-oid".

=item unpack_wal(node, directory)

Puts the archived WAL into its pg_wal.

=cut

sub unpack_backup
{
	my ($node, $id, $directory) = @_;
	my $folder = backup_folder($node, $id);
	my $base = backup_manifest($node, $id)->{base};
	my ($header, @files) = json_lines($node, $id, 'files.zst');
	my %packs;

	die 'the list is not complete' if $header->{count} != @files;
	mkdir $directory, 0700 or die "could not make $directory: $!";
	for my $file (@files)
	{
		my $path = "$directory/" . bytes_of($file->{path});
		my $type = $file->{type} // 'file';
		my $content = '';

		if ($type eq 'directory')
		{
			mkdir $path or die "could not make $path: $!";
			chmod oct $file->{mode}, $path;
			next;
		}
		if ($type eq 'tablespace')
		{
			my ($oid) = $path =~ m{/([0-9]+)$};

			mkdir "$directory-$oid" or die;
			symlink "$directory-$oid", $path or die;
			next;
		}
		for my $extent (@{ $file->{extents} })
		{
			my ($pack, $offset, $length) = @$extent;

			$packs{$pack} //= zstd_content(sprintf '%s/pack-%04d.zst', $folder, $pack);
			$content .= substr $packs{$pack}, $offset, $length;
		}
		die "$path is not whole" if length $content != $file->{size};
		write_file($path, $content);
		chmod oct $file->{mode}, $path;
	}
	write_file("$directory/backup_label", bytes_of($base->{backup_label}));
	return;
}

sub unpack_wal
{
	my ($node, $directory) = @_;

	for my $path (glob(repository($node) . '/*/wal/*/*'))
	{
		my ($name) = $path =~ m{([^/]+?)(\.zst)?$};

		write_file("$directory/pg_wal/$name",
			$path =~ /\.zst$/ ? zstd_content($path) : read_file($path));
	}
	return;
}

=pod

=item start_unpacked(node, id, name)

Starts a server from the backup and the archived WAL; returns it.

=cut

sub start_unpacked
{
	my ($node, $id, $name) = @_;
	my $restored = PostgreSQL::Test::Cluster->new($name);

	mkdir $restored->backup_dir;
	mkdir $restored->basedir;
	unpack_backup($node, $id, $restored->data_dir);
	unpack_wal($node, $restored->data_dir);
	$restored->append_conf('postgresql.conf',
		"port = " . $restored->port . "\n"
		  . "unix_socket_directories = '" . $restored->host . "'\n"
		  . "archive_mode = off\nlisten_addresses = ''\n"
		  . "pgbackup.repository = '" . repository($restored) . "'\n");
	$restored->start;
	$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()')
	  or die 'recovery does not end';
	return $restored;
}

=pod

=item tree(directory)

A hash of all below it: path to content, "directory", or "-> target".  Links of tablespaces are followed.

=cut

sub tree
{
	my ($directory) = @_;
	my %found;

	find(
		{
			no_chdir => 1,
			follow_fast => 1,
			follow_skip => 2,
			wanted => sub {
				my $path = substr $_, length($directory);

				$path =~ s{^/}{};
				return if $path eq '';
				$found{$path} = -d $_ ? 'directory' : -f $_ ? 'file ' . read_file($_) : 'special';
			}
		},
		$directory);
	return \%found;
}

=pod

=item start_slow_base(node, [arguments])

Starts a base backup that copies files, slowly, when the function returns; gives its id.

=item copy_worker_pids(node)

=item leaves_no_base(node, id, name)

Assertions: of this backup nothing is left, neither in the repository nor in the server, and the next one
succeeds.

=back

=cut

sub start_slow_base
{
	my ($node, $arguments) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET pgbackup.max_rate = '300kB'");
	$node->reload;
	$node->poll_query_until('postgres', 'SHOW pgbackup.max_rate', '300kB') or die;
	my $id = $node->safe_psql('postgres',
		"SELECT pgbackup_run('full', wait => false" . (defined $arguments ? ", $arguments" : '') . ')');

	wait_for(
		sub {
			$node->safe_psql('postgres',
				"SELECT bytes_done > 0 FROM pgbackup_progress WHERE backup = '$id' AND phase = 'copying files'")
			  eq 't';
		},
		'files being copied');
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET pgbackup.max_rate');
	$node->reload;
	$node->poll_query_until('postgres', 'SHOW pgbackup.max_rate', '0') or die;
	return $id;
}

sub copy_worker_pids
{
	my ($node) = @_;

	my @pids = split /\n/,
	  $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'pgbackup data worker' ORDER BY pid");

	return @pids;
}

sub leaves_no_base
{
	my ($node, $id, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	wait_for(
		sub {
			$node->safe_psql('postgres',
				"SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pgbackup %' AND backend_type <> 'pgbackup launcher'")
			  == 0;
		},
		'the end of all workers');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), 0, "$name: no slot is left");
	is((grep { $_ eq $id } complete_folders($node)), 0, "$name: there is no manifest");

	my $next = $node->safe_psql('postgres', "SELECT pgbackup_run('full')");
	is(join(' ', grep { my $f = $_; !grep { $_ eq $f } complete_folders($node) } folders($node)),
		'', "$name: the next backup succeeds, and no half of one is left");
	return $next;
}

1;
