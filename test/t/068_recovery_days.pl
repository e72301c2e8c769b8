#
# 068_recovery_days.pl
#	  Moments of tables on days when things were not as usual: names that were used twice, transactions that
#	  hold locks, databases that were made of others or moved, and a scratch directory that becomes full.
#
# The truth is the hash of a query at the moment.
#
# test/t/068_recovery_days.pl
#
use strict;
use warnings;

use PgBackupTest;
use PgBackupTrouble;
use PgBackupWal;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_archiving_node('main',
	conf => "max_worker_processes = 16\nmax_prepared_transactions = 5\nwal_keep_size = 0\nfsync = off\n");
my $rows = 'SELECT n AS id, md5(n::text) AS t FROM generate_series(1, 1000) n';
my %place = map { $_ => PostgreSQL::Test::Utils::tempdir_short } 'late', 'home';
my $number = 0;

sub sql { return $node->safe_psql($_[1] // 'postgres', $_[0]); }
sub hash { return table_hash($node, $_[1] // 'postgres', $_[0]); }
sub now { return sql('SELECT clock_timestamp()'); }

# Stages a table as of a moment, and gives the hash of what came, or what was said.
sub hash_at
{
	my ($table, $at, $database) = @_;
	my $name = 'staged_' . ++$number;
	my ($status, undef, $error) =
	  $node->psql($database // 'postgres', "SELECT pgbackup_restore_table('$table', at => '$at', as_name => '$name')");

	return $status == 0 ? hash("pgbackup_recovery.$name", $database) : $error;
}

sql('CREATE DATABASE model');
sql("CREATE EXTENSION pgbackup; CREATE TABLE kept AS $rows; CREATE TABLE moved AS $rows", 'model');
sql("CREATE TABLE orders AS $rows; CREATE TABLE twice AS $rows; CREATE TABLE bystander AS $rows");
sql(q{SELECT pgbackup_run('full')});

# ---- a name that two have borne ----

my %first = (truth => hash('twice'), at => now());
sql('DROP TABLE twice; CREATE TABLE twice (id int, more text, even int)');
sql(q{INSERT INTO twice VALUES (1, 'second', 2)});
my %second = (truth => hash('twice'), at => now());
sql('ALTER TABLE twice RENAME TO thrice; ALTER TABLE bystander RENAME TO twice');
my %third = (truth => hash('twice'), at => now());
sql('DROP TABLE twice, thrice');
is(hash_at('twice', $_->{at}), $_->{truth}, 'a name that several have borne') foreach \%first, \%second, \%third;

# ---- transactions that hold the table at the moment ----

my $truth = hash('orders');
my $session = $node->background_psql('postgres');
$session->query_safe(q{BEGIN; LOCK TABLE orders; DELETE FROM orders WHERE id % 2 = 0; ALTER TABLE orders ADD COLUMN more float DEFAULT random()});
my $in_transaction = now();
sql('CREATE TABLE tick AS SELECT 1');
$session->query_safe('COMMIT');
$session->quit;
is(hash_at('orders', $in_transaction), $truth, 'a moment within a transaction that holds the table, and is committed later');
$truth = hash('orders');
sql(q{BEGIN; TRUNCATE orders; INSERT INTO orders VALUES (0, 'prepared'); PREPARE TRANSACTION 'p'});
my $in_prepared = now();
sql('DROP TABLE tick');
is(hash_at('orders', $in_prepared), $truth, 'one within a prepared transaction that has truncated it');
sql(q{COMMIT PREPARED 'p'});
is(hash_at('orders', now()), hash('orders'), 'and after that is committed');

# ---- a tablespace that was made, and dropped, after the backup ----

sql("CREATE TABLESPACE late LOCATION '$place{late}'");
sql("CREATE TABLE far TABLESPACE late AS $rows; ALTER TABLE orders SET TABLESPACE late");
my %far = map { $_ => hash($_) } 'far', 'orders';
my $far_at = now();
sql('DROP TABLE far; ALTER TABLE orders SET TABLESPACE pg_default');
sql('DROP TABLESPACE late');
is(hash_at($_, $far_at), $far{$_}, "$_, in a tablespace that has come and gone since the backup") foreach sort keys %far;

# ---- databases made by copying the files of others, and one that was moved ----

sql('CREATE DATABASE copy TEMPLATE model STRATEGY file_copy');
sql('DELETE FROM kept WHERE id % 3 = 0', 'copy');
sql('CREATE DATABASE copy_of_copy TEMPLATE copy STRATEGY file_copy');
sql('UPDATE kept SET t = t || id WHERE id % 7 = 0', 'copy_of_copy');
my $kept = hash('kept', 'copy_of_copy');
my $copied_at = now();
sql('TRUNCATE kept', 'copy_of_copy');
is(hash_at('kept', $copied_at, 'copy_of_copy'), $kept, 'a table of a database that was made of one that was made of one');

sql("CREATE TABLESPACE home LOCATION '$place{home}'");
sql("UPDATE moved SET t = 'x' || t WHERE id % 2 = 0", 'model');
sql('ALTER DATABASE model SET TABLESPACE home');
sql("UPDATE moved SET t = 'y' || t WHERE id % 5 = 0", 'model');
my $moved = hash('moved', 'model');
my $moved_at = now();
sql('VACUUM FULL pg_class; VACUUM FULL pg_attribute; DROP TABLE moved', 'model');
is(hash_at('moved', $moved_at, 'model'), $moved, 'one of a database that was moved to another tablespace');
is(hash_at('moved', now(), 'model') =~ /did not exist at/, 1, 'and that is gone');

# ---- the scratch directory becomes full, while pg_dump writes there ----

SKIP:
{
	my $small = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'there is no small file system', 3 unless defined $small && -d $small;
	system_or_bail('rm', '-rf', glob "$small/*");

	my $bin = PostgreSQL::Test::Utils::tempdir;
	my $real = (grep { -x "$_/pgbackup" } split /:/, $ENV{PATH})[0];
	symlink "$real/$_", "$bin/$_" for 'psql', 'pgbackup', 'pg_dumpall';
	write_file("$bin/pg_dump", "#!/bin/sh\n: > '$bin/met'\nwhile [ ! -e '$bin/go' ]; do sleep 0.05; done\nexec '$real/pg_dump' \"\$@\"\n");
	chmod 0755, "$bin/pg_dump";
	mkdir "$small/scratch", 0700;
	$node->append_conf('postgresql.conf', "pgbackup.bin_directory = '$bin'\npgbackup.scratch_directory = '$small/scratch'\n");
	$node->reload;
	wait_for(sub { sql('SHOW pgbackup.scratch_directory') eq "$small/scratch" }, 'the setting');

	my $run = session($node, [ "SELECT pgbackup_restore_table('orders', at => '$far_at', as_name => 'full')" ]);
	wait_for(sub { -e "$bin/met" || has_ended($run) }, 'pg_dump');
	my ($free) = `df -k --output=avail $small` =~ /(\d+)\s*\z/;
	write_file("$small/filler", 'x' x (1024 * $free));
	write_file("$bin/go", '');
	my ($status, undef, $error) = finish_session($run);
	like($error, qr/not enough room for a sandbox.*Free space there, or point pgbackup\.scratch_directory/s, 'a scratch directory that becomes full while pg_dump writes is told of');
	is_deeply([ grep { !/^\.\.?$/ } slurp_dir("$small/scratch") ], [], 'and nothing is left there');
	unlink "$small/filler";
	is(hash_at('orders', $far_at), $far{orders}, 'with room it works');
}

$node->stop;
done_testing();
