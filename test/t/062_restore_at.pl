#
# 062_restore_at.pl
#	  pgbackup_restore_table with a moment: the rows of a table must be those that
#	  were written down at that moment, whatever has become of it since.
#
# test/t/062_restore_at.pl
#
use strict;
use warnings;

use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--no-locale', '--wal-segsize=1', '--data-checksums' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgbackup'\n"
	  . "pgbackup.repository = '" . repository($node) . "'\n"
	  . "pgbackup.scratch_directory = '" . $node->basedir . "/scratch'\n"
	  . "wal_level = replica\narchive_mode = on\narchive_library = 'pgbackup'\nmax_worker_processes = 16\n"
	  . "autovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# a moment, by the server's clock, at which nothing is under way
sub now { return sql('SELECT clock_timestamp()'); }
sub lsn { return sql('SELECT pg_current_wal_insert_lsn()'); }
sub hash { return table_hash($node, 'postgres', $_[0]); }

my $number = 0;

# Stages a table as of a moment, and gives the hash of what came.
sub hash_at
{
	my ($relation, $moment) = @_;
	my $argument = $moment =~ m{^[0-9A-F]+/} ? 'at_lsn' : 'at';
	my $name = 'staged_' . ++$number;

	sql("SELECT * FROM pgbackup_restore_table(\$\$$relation\$\$, $argument => '$moment', as_name => '$name')");
	return hash("pgbackup_recovery.$name");
}

my $before = now();
sql(q{
	CREATE TABLE orders (id int PRIMARY KEY, item text);
	INSERT INTO orders SELECT n, md5(n::text) FROM generate_series(1, 1000) n;
	CREATE TABLE other AS SELECT n, repeat(md5(n::text), 10) AS t FROM generate_series(1, 3000) n;
});
my $backup = sql(q{SELECT pgbackup_run('full')});

sql(q{INSERT INTO orders SELECT n, md5(n::text) FROM generate_series(1001, 1500) n; UPDATE other SET t = t || 'x'});
my ($at, $at_lsn, $truth) = (now(), lsn(), hash('orders'));
sql(q{DELETE FROM orders WHERE id % 2 = 0});

is(hash_at('orders', $at), $truth, 'a table of the database, at a time');
is(hash_at('public.orders', $at_lsn), $truth, 'at an LSN');
is(hash_at('public.orders', now()), hash('orders'), 'now');
is(sql(q{SELECT count(*) FROM pg_ls_dir(current_setting('pgbackup.scratch_directory'))}), '0',
	'nothing is left in the scratch directory');

$node->stop;
done_testing();
