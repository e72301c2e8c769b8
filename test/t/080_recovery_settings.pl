#
# 080_recovery_settings.pl
#	  What a server is set to, and a sandbox must follow: the locale of money, the number of
#	  replication origins, a scratch directory with a comma in its name.
#
# test/t/080_recovery_settings.pl
#
use strict;
use warnings;

use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
my $has_origin_setting = $node->pg_version =~ s/\D.*//r >= 18;

# short, for another way leads to a socket whose path is too long
my $scratch = PostgreSQL::Test::Utils::tempdir_short . '/a,b';

# a locale whose amounts those of C would misread; it is made here, for few machines have it
my $locale = 'de_DE.UTF-8';
my $locales = PostgreSQL::Test::Utils::tempdir;
my $has_locale = system("localedef -i de_DE -f UTF-8 '$locales/$locale' >/dev/null 2>&1") == 0;
$ENV{LOCPATH} = $locales if $has_locale;

$node->init(extra => [ '--encoding=UTF8', '--no-locale', '--wal-segsize=1' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgbackup'\n"
	  . "pgbackup.repository = '" . repository($node) . "'\n"
	  . "pgbackup.scratch_directory = '$scratch'\n"
	  . "wal_level = logical\narchive_mode = on\narchive_library = 'pgbackup'\nmax_worker_processes = 16\nautovacuum = off\n"
	  . "max_replication_slots = 30\n" . ($has_origin_setting ? "max_active_replication_origins = 30\n" : '')
	  . ($has_locale ? "lc_monetary = '$locale'\n" : ''));
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup');

sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(q{
	CREATE TABLE prices (id int, price money);
	INSERT INTO prices SELECT n, (n * 1234.56)::numeric::money FROM generate_series(1, 1000) n;
	SELECT pg_replication_origin_create('origin ' || n) FROM generate_series(1, 30) n;
	SELECT pg_replication_origin_advance('origin ' || n, pg_current_wal_lsn()) FROM generate_series(1, 20) n});
is(sql('SELECT count(*) FROM pg_replication_origin_status'), '20', 'more origins than a server has room for if it is not told');
sql(q{SELECT pgbackup_run('full')});

# some are in its checkpoint, and some in its WAL
sql(q{SELECT pg_replication_origin_advance('origin ' || n, pg_current_wal_lsn()) FROM generate_series(21, 30) n});
my $truth = sql('SELECT sum(price::numeric), count(*) FROM prices');
my $at = sql('SELECT clock_timestamp()');
sql('DELETE FROM prices');
my ($result, $out, $err) = $node->psql('postgres', "SELECT row_count FROM pgbackup_restore_table('prices', at => '$at')");
is($err, '', 'a table of a subscriber is recovered');
is($out, '1000', 'all of it');
is(sql('SELECT sum(price::numeric), count(*) FROM pgbackup_recovery.prices'), $truth, 'amounts of money are what they were')
  unless $result;

SKIP:
{
	skip "there is no locale $locale, and none can be made", 1 unless $has_locale;
	is(sql('SELECT (1234.56)::numeric::money'), "1.234,56 \xe2\x82\xac", 'in a locale of its own');
}

$node->stop;
done_testing();
