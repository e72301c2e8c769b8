#
# 023_pg_dump.pl
#	  A pg_dump that is missing, fails, hangs, is refused, or goes elsewhere.
#
# test/t/023_pg_dump.pl
#
use strict;
use warnings;

use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
my $bin = $node->config_data('--bindir');
my $fakes = $node->basedir . '/fakes';
my ($id, $holder, $seconds);

mkdir $fakes or die;
$node->safe_psql('postgres', q{
	CREATE TABLE t AS SELECT generate_series(1, 1000) AS i;
	CREATE ROLE plain LOGIN;
	CREATE ROLE admin LOGIN SUPERUSER;
});

sub set
{
	my ($name, $value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = '$value'",
		connstr => $node->connstr('postgres') . ' user=admin');
	$node->reload;
	return;
}

# A program that does what the shell script says; the other one is the real one.
sub fake
{
	my ($name, $script) = @_;

	for my $program (qw(pg_dump pg_dumpall))
	{
		my $path = "$fakes/$program";

		unlink $path;
		write_file($path, "#!/bin/sh\n" . ($program eq $name ? $script : "exec $bin/$program \"\$\@\"") . "\n");
		chmod 0755, $path;
	}
	return;
}

# ---- not there ----

mkdir "$fakes-none" or die;
set('pgbackup.bin_directory', "$fakes-none");
fails_like($node, 'SELECT pgbackup_run()',
	qr/ERROR:  pg_dump failed.*DETAIL:  could not execute .*No such file or directory.*HINT:  .*pgbackup.bin_directory/s,
	'a missing pg_dump');
set('pgbackup.bin_directory', $fakes);
fake('pg_dump', '');
chmod 0644, "$fakes/pg_dump";
fails_like($node, 'SELECT pgbackup_run()',
	qr/ERROR:  pg_dump failed.*DETAIL:  could not execute .*Permission denied.*HINT/s, 'one that is no program');
fake('pg_dumpall', '');
unlink "$fakes/pg_dumpall";
fails_like($node, 'SELECT pgbackup_run()',
	qr/ERROR:  pg_dumpall failed.*DETAIL:  could not execute .*No such file or directory.*HINT/s, 'a missing pg_dumpall');
leaves_nothing_now('missing programs');

# The next backup of leaves_nothing() needs the real programs.
sub leaves_nothing_now
{
	my ($name, $backup) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	set('pgbackup.bin_directory', '');
	leaves_nothing($node, $backup, $name);
	set('pgbackup.bin_directory', $fakes);
	return;
}

# ---- failing ----

fake('pg_dump', 'echo "the moon is in the wrong house" >&2; exit 3');
fails_like($node, 'SELECT pgbackup_run()',
	qr/ERROR:  pg_dump failed: child process exited with exit code 3.*DETAIL:  the moon is in the wrong house/s,
	'its own words are the detail');
fake('pg_dumpall', 'echo "no globals today" >&2; exit 1');
fails_like($node, 'SELECT pgbackup_run()',
	qr/ERROR:  pg_dumpall failed: child process exited with exit code 1.*DETAIL:  no globals today/s,
	"so are pg_dumpall's");
fake('pg_dump', 'exit 1');
fails_like($node, 'SELECT pgbackup_run()', qr/ERROR:  pg_dump failed: child process exited with exit code 1\s*\z/,
	'one that has no words');
fake('pg_dump', 'kill -9 $$');
like(($node->psql('postgres', 'SELECT pgbackup_run()'))[2],
	qr/ERROR:  pg_dump failed: child process was terminated by signal 9/, 'one that is killed');
fake('pg_dump', 'exit 0');
fails_like($node, 'SELECT pgbackup_run()', qr/ERROR:  pg_dump .*HINT/s, 'one that does nothing');
fake('pg_dump', "printf '\\303\\244\\303 \\377\\n\\001\\t%%s%%n\\n' >&2; exit 1");
for my $encoding (qw(UTF8 LATIN1 SQL_ASCII))
{
	fails_like($node, "SET client_encoding = $encoding; SELECT pgbackup_run()",
		qr/ERROR:  pg_dump failed.*DETAIL:  .*%s%n/s, "words that are no text, in $encoding");
}
fake('pg_dump', 'i=0; while [ $i -lt 20000 ]; do echo "äöü complaint $i" >&2; i=$((i+1)); done; exit 1');
fails_like($node, 'SELECT pgbackup_run()', qr/ERROR:  pg_dump failed.*DETAIL:  äöü complaint 0\n/s, 'very many words');
fake('pg_dump', "echo 'a remark' >&2; exec $bin/pg_dump \"\$\@\"");
$node->safe_psql('postgres', 'SELECT pgbackup_run()');
like(slurp_file($node->logfile), qr/LOG:  pg_dump succeeded with remarks\n.*DETAIL:  a remark/, 'remarks are in the log');
leaves_nothing_now('failing programs');

# ---- an archive that is not what it should be ----

my $schema_run = "SELECT pgbackup_run(content => 'schema')";
my $find_toc = 'for a; do case $a in --file=*) toc=${a#--file=}/toc.dat;; esac; done';
my $major = $node->pg_version =~ s/\D.*//sr;

fake('pg_dump', "$bin/pg_dump \"\$\@\"; $find_toc; sed -i 's/$major\\.\\([0-9]\\)/14.\\1/g' \$toc");
fails_like($node, $schema_run,
	qr/ERROR:  pg_dump is of version 14\.\S* .*and the server of version $major.*HINT:  Set pgbackup.bin_directory/s,
	'a pg_dump of another version');
fake('pg_dump', "$bin/pg_dump \"\$\@\"; $find_toc; rm \$toc");
fails_like($node, $schema_run, qr/ERROR:  could not open .*toc.dat/, 'an archive without toc.dat');
fake('pg_dump', "$bin/pg_dump \"\$\@\"; $find_toc; echo garbage > \$toc");
fails_like($node, $schema_run, qr/ERROR:.*toc.dat/, 'an archive with garbage in toc.dat');
fake('pg_dump', "$bin/pg_dump \"\$\@\"; $find_toc; head -c 500 \$toc > \$toc.2; mv \$toc.2 \$toc");
fails_like($node, $schema_run, qr/ERROR:.*toc.dat/, 'an archive with half of its toc.dat');
leaves_nothing_now('damaged archives');

# ---- hanging ----

fake('pg_dump', 'exec sleep 1000');
for my $how ('SET statement_timeout = 1000', 'SET statement_timeout = 500')
{
	$seconds = seconds_of(
		sub {
			fails_like($node, "$how; SELECT pgbackup_run()", qr/canceling statement/, "a pg_dump that hangs: $how");
			wait_for_no_backup($node);
		});
	cmp_ok($seconds, '<', 4, 'is ended soon');
}
$id = $node->safe_psql('postgres', 'SELECT pgbackup_run(wait => false)');
$seconds = seconds_of(sub { $node->stop('fast') });
cmp_ok($seconds, '<', 5, 'a server with a pg_dump that hangs stops soon');
$node->start;
leaves_nothing_now('a pg_dump that hangs', $id);

# one that does not listen
fake('pg_dump', 'trap "" TERM INT; while :; do sleep 1; done');
$id = $node->safe_psql('postgres', 'SELECT pgbackup_run(wait => false)');
$node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')");
$seconds = seconds_of(sub { wait_for_no_backup($node) });
cmp_ok($seconds, '<', 10, 'a pg_dump that ignores signals is ended too');
leaves_nothing_now('a pg_dump that ignores signals', $id);

fake('pg_dumpall', 'exec sleep 1000');
$id = $node->safe_psql('postgres', 'SELECT pgbackup_run(wait => false)');
wait_for_phase($node, $id, 'exporting tables');
$node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')");
$seconds = seconds_of(sub { wait_for_no_backup($node) });
cmp_ok($seconds, '<', 4, 'so is a pg_dumpall that hangs');
leaves_nothing_now('a pg_dumpall that hangs', $id);
set('pgbackup.bin_directory', '');

# ---- where it connects ----

sub conninfo_fails
{
	my ($conninfo, $pattern, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	set('pgbackup.conninfo', $conninfo);
	fails_like($node, 'SELECT pgbackup_run()', $pattern, $name);
	return;
}

conninfo_fails('user=plain',
	qr/ERROR:  pg_dump failed.*DETAIL:.*permission denied.*HINT:  .*pgbackup.conninfo.*superuser/s,
	'a role that is no superuser');
conninfo_fails('user=nobody',
	qr/ERROR:  pg_dump failed.*DETAIL:.*role "nobody" does not exist.*HINT:  .*pgbackup.conninfo/s,
	'a role that does not exist');
conninfo_fails('port=1', qr/ERROR:  pg_dump failed.*DETAIL:.*connection to server.*HINT:  .*pgbackup.conninfo/s,
	'a port where nobody listens');
conninfo_fails('nonsense=1', qr/ERROR:  pg_dump failed.*DETAIL:.*nonsense.*HINT:  .*pgbackup.conninfo/s,
	'a word that libpq does not know');
conninfo_fails('user=plain host', qr/ERROR:  pg_dump failed.*DETAIL:.*HINT:  .*pgbackup.conninfo/s, 'half a sentence');

for my $conf ('', "shared_preload_libraries = ''")
{
	my $other = new_node($conf eq '' ? 'other' : 'stranger', conf => "$conf\n");

	conninfo_fails('host=' . $other->host . ' port=' . $other->port,
		qr/ERROR:  pg_dump.*HINT:  .*pgbackup.conninfo/s,
		'another server, ' . ($conf eq '' ? 'with' : 'without') . ' pgbackup');
	$other->stop;
}
leaves_nothing_after_conninfo('a connection to somewhere else');

sub leaves_nothing_after_conninfo
{
	my ($name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	set('pgbackup.conninfo', '');
	leaves_nothing($node, undef, $name);
	return;
}

set('pgbackup.conninfo', 'dbname=somewhere_else user=admin');
ok($node->safe_psql('postgres', 'SELECT pgbackup_run()'), 'the name of a database does not matter, and another superuser will do');

# ---- refused ----

set('pgbackup.conninfo', '');
for my $case ([ 'reject', qr/pg_hba.conf rejects connection/ ],
	[ 'scram-sha-256', qr/no password supplied/ ],
	[ 'peer map=nobody', qr/Peer authentication failed/ ])
{
	my ($method, $words) = @$case;

	unlink $node->data_dir . '/pg_hba.conf';
	$node->append_conf('pg_hba.conf', "local all admin trust\nlocal all all $method");
	$node->reload;

	my (undef, undef, $error) = $node->psql('postgres', 'SELECT pgbackup_run()',
		connstr => $node->connstr('postgres') . ' user=admin');
	like($error, qr/ERROR:  pg_dump failed.*DETAIL:.*$words.*HINT:  .*pg_hba.conf.*pgbackup.conninfo/s,
		"refused by $method");
}
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', 'local all all trust');
$node->reload;
leaves_nothing($node, undef, 'a refused connection');

# ---- no connection left ----

$node->append_conf('postgresql.conf',
	"max_connections = 4\nsuperuser_reserved_connections = 0\nmax_wal_senders = 0");
$node->restart;
my @sessions = map { $node->background_psql('postgres') } 1 .. 3;
fails_like($node, 'SELECT pgbackup_run()',
	qr/ERROR:  pg_dump failed.*DETAIL:.*too many clients.*HINT:  .*max_connections/s, 'no connection is left for it');
$_->quit for @sessions;

# ---- settings of the database and of the role ----

$node->safe_psql('postgres', q{
	CREATE DATABASE odd ENCODING 'UTF8' TEMPLATE template0;
	ALTER DATABASE odd SET client_encoding = 'LATIN1';
	ALTER DATABASE odd SET statement_timeout = '1s';
	ALTER DATABASE odd SET lock_timeout = '1s';
	ALTER DATABASE odd SET default_transaction_read_only = on;
	ALTER DATABASE odd SET default_transaction_isolation = 'serializable';
	ALTER DATABASE odd SET default_transaction_deferrable = on;
	ALTER DATABASE odd SET search_path = nowhere;
	ALTER DATABASE odd SET bytea_output = 'escape';
	ALTER DATABASE odd SET datestyle = 'German';
	ALTER DATABASE odd SET extra_float_digits = 0;
	ALTER DATABASE odd SET max_parallel_workers_per_gather = 8;
});
my $plain = "SET statement_timeout = 0; SET default_transaction_read_only = off; SET search_path = public; SET client_encoding = 'UTF8';";
$node->safe_psql('odd', "$plain CREATE EXTENSION pgbackup; CREATE TABLE \"b\xc3\xa4r\" AS SELECT 'gr\xc3\xbcn \xe2\x82\xac' AS c, date '2026-02-19' AS d, 0.1::float8 + 0.2 AS f");
$id = $node->safe_psql('odd', "$plain SELECT pgbackup_run()");
is( $node->safe_psql('odd', "$plain SELECT table_name, row_count FROM pgbackup_contents('$id')
		WHERE table_name NOT IN ('pgbackup_runs', 'pgbackup_schedule_rules')"),
	"b\xc3\xa4r|1", 'settings of the database do not disturb a backup');
my @data = backup_files($node, $id, qr{/[0-9]+\.dat\.zst$});
like(scalar run_output('zstd', '-dc', @data), qr/^gr\xc3\xbcn \xe2\x82\xac\t2026-02-19\t0.30000000000000004$/m, 'nor what it holds');
like(read_file(backup_folder($node, $id) . '/toc.dat'), qr/SET client_encoding = 'UTF8'/, 'and table of contents and data have one encoding');

$node->stop;
done_testing();

sub run_output
{
	open my $pipe, '-|', @_ or die "could not run $_[0]: $!";
	local $/;
	my $output = <$pipe>;
	close $pipe;
	return $output;
}
