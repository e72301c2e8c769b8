#
# 069_no_filter.pl
#	  Recovery of a table where the redo filter cannot be loaded: everything is replayed, or, where that
#	  would lead into the directories of the live server, it is refused.
#
# Without checksums the pages of a file that is not there could not be replayed.
#
# test/t/069_no_filter.pl
#
use strict;
use warnings;

use Digest::SHA;
use File::Find;
use PgBackupTest;
use PgBackupWal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_archiving_node('main', start => 0);
my $major = $node->pg_version =~ s/\D.*//r;
my $scratch = $node->basedir . '/scratch';

$node->append_conf('postgresql.conf',
	"pgbackup.scratch_directory = '$scratch'\nmax_prepared_transactions = 5\nmax_worker_processes = 16\nwal_keep_size = 0\nfull_page_writes = on\nwal_log_hints = off\n");
system_or_bail('pg_checksums', '--disable', '-D', $node->data_dir) if $major >= 18;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup; CREATE DATABASE other');

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub hash { return table_hash($node, 'postgres', $_[0]); }

sub configure
{
	my ($name, $value) = @_;

	$node->append_conf('postgresql.conf', "$name = '$value'\n");
	$node->reload;
	wait_for(sub { sql("SHOW $name") eq $value }, "the setting of $name");
	return;
}

# Stages a table as of a moment: its hash, and what was said.
my $number = 0;

sub restore
{
	my ($table, $arguments) = @_;
	my $name = 'staged_' . ++$number;
	my ($status, $out, $said) = $node->psql('postgres', "SELECT row_count FROM pgbackup_restore_table('$table', $arguments, as_name => '$name')");

	return ($status == 0 ? hash("pgbackup_recovery.$name") : 'failed', $said);
}

my $place = PostgreSQL::Test::Utils::tempdir_short;
my $rows = 'SELECT n AS id, md5(n::text) AS t FROM generate_series(1, 2000) n';

sql("CREATE TABLESPACE early LOCATION '$place'");
sql(qq{
	CREATE TABLE orders AS $rows;
	CREATE TABLE others AS $rows;
	CREATE TABLE spaced TABLESPACE early AS $rows;
	VACUUM FREEZE orders, others, spaced});
$node->safe_psql('other', "CREATE TABLE elsewhere AS $rows");
my $backup = sql(q{SELECT pgbackup_run('full')});

# All of it touches visibility maps of pages that have no image in the WAL.
sql('CHECKPOINT');
sql(q{DELETE FROM others WHERE id % 3 = 0; DELETE FROM spaced WHERE id % 3 = 0; UPDATE orders SET t = 'changed' WHERE id % 5 = 0});
sql('VACUUM others, orders, spaced');
$node->safe_psql('other', q{UPDATE elsewhere SET t = 'x'});
sql(qq{CREATE TABLE young AS $rows});
sql(q{BEGIN; INSERT INTO orders VALUES (0, 'prepared'); PREPARE TRANSACTION 'p'});
make_wal($node, 8);
my %truth = map { $_ => hash($_) } 'orders', 'spaced', 'young';
my $at = sql('SELECT clock_timestamp()');
my $at_lsn = sql('SELECT pg_current_wal_insert_lsn()');
sql(q{ROLLBACK PREPARED 'p'; DROP TABLE young; TRUNCATE orders; DELETE FROM spaced});

# ---- switched off ----

my ($found, $said) = restore('orders', "at => '$at'");
is($found, $truth{orders}, 'with the filter');
unlike($said, qr/redo filter/, 'nothing is said of it');
configure('pgbackup.redo_filter', 'off');
foreach my $table (sort keys %truth)
{
	my $moment = $table eq 'young' ? "at_lsn => '$at_lsn'" : "at => '$at'";

	($found, $said) = restore($table, $moment);
	is($found, $truth{$table}, "without it: $table, $moment");
}
like($said, qr/NOTICE:  WAL was replayed without the redo filter.*whole base backup was laid down/s, 'which is said');
my $plan = sql("SELECT restore_bytes FROM pgbackup_plan_restore('orders', at => '$at')");
configure('pgbackup.redo_filter', 'auto');
cmp_ok($plan, '>', sql("SELECT restore_bytes * 2 FROM pgbackup_plan_restore('orders', at => '$at')"), 'a preview knows what it takes');

# ---- not there, and no library at all ----

my $lib = PostgreSQL::Test::Utils::tempdir;
symlink $node->config_data('--pkglibdir') . '/pgbackup.so', "$lib/pgbackup.so" or die "could not link the library: $!";
configure('dynamic_library_path', "$lib");
($found, $said) = restore('orders', "at => '$at'");
is($found, $truth{orders}, 'a library that is not there');
like($said, qr/without the redo filter/, 'is told of');

my $offset = -s $node->logfile;
write_file("$lib/pgbackup_sandbox.so", 'this is no library');
($found, $said) = restore('orders', "at => '$at'");
is($found, $truth{orders}, 'a library that cannot be loaded');
like($said, qr/without the redo filter/, 'is told of');
like(slurp_file($node->logfile, $offset), qr/LOG:  WAL is replayed without the redo filter\n.*DETAIL: .*could not load library/s, 'and the log says why');
is_deeply([ grep { !/^\.\.?$/ } slurp_dir($scratch) ], [], 'nothing is left of the attempt');

# ---- a tablespace in the data directory ----

configure('dynamic_library_path', '$libdir');
configure('pgbackup.redo_filter', 'off');
sql(qq{SET allow_in_place_tablespaces = on; CREATE TABLESPACE inside LOCATION ''});
sql(qq{CREATE TABLE indoors TABLESPACE inside AS $rows});
my ($indoors, $inside_at) = (hash('indoors'), sql('SELECT clock_timestamp()'));
sql('UPDATE indoors SET id = 0');
is((restore('indoors', "at => '$inside_at'"))[0], $indoors, 'a tablespace in the data directory is no danger');

# ---- a tablespace elsewhere ----

my $later = PostgreSQL::Test::Utils::tempdir_short;
my $last = sql("SELECT pg_walfile_name(pg_switch_wal())");
sql("SELECT pg_logical_emit_message(true, 'test', 'tick')");
my $before = sql('SELECT clock_timestamp()');
# a commit after that moment, in the same segment
sql("SELECT pg_logical_emit_message(true, 'test', 'tick')");
sql("SELECT pg_switch_wal()");
sql("CREATE TABLESPACE later LOCATION '$later'");
sql(qq{CREATE TABLE far TABLESPACE later AS $rows; CHECKPOINT});
my $after = sql('SELECT clock_timestamp()');

sub files
{
	my %files;

	find(sub { $files{$File::Find::name} = Digest::SHA->new(256)->addfile($_)->hexdigest if -f $_ }, $place, $later);
	return \%files;
}

my $files = files();
($found, $said) = restore('far', "at => '$after'");
is($found, 'failed', 'a tablespace elsewhere is');
like($said, qr/cannot be replayed without library "pgbackup_sandbox".*makes a tablespace in "\Q$later\E".*HINT:  Install/s, 'which is said, and what to do');
is_deeply(files(), $files, 'nothing was written there');
is_deeply([ grep { !/^\.\.?$/ } slurp_dir($scratch) ], [], 'and nothing is left');
is((restore('indoors', "at => '$before'"))[0], hash('indoors'), 'a moment before it can be had');
configure('pgbackup.redo_filter', 'auto');
is((restore('far', "at => '$after'"))[0], hash('far'), 'and with the filter any moment');

# ---- no WAL but that which was looked at ----

my $restored = $node->basedir . '/restored';
my @get = ('pgbackup', 'wal-get', '--ahead=0', '--repository=' . repository($node));
my ($next) = grep { $_ gt $last } archived_segments($node);
$node->command_ok([ @get, "--last=$last", $last, "$restored.1" ], 'wal-get delivers the last segment');
command_exit_is([ @get, "--last=$last", $next, "$restored.2" ], 1, 'and none after it');
ok(!-e "$restored.2", 'nothing of it');
command_exit_is([ @get, '--last=nonsense', $last, "$restored.3" ], 255, 'what is no segment is no end of the WAL');

$node->stop;
done_testing();
