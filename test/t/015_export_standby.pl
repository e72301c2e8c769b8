#
# A backup of a hot standby: the same rows, at the place up to which it has replayed.
#
# test/t/015_export_standby.pl
#
use strict;
use warnings;

use PgBackupArchive;
use PgBackupTest;
use POSIX qw(strftime);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', conf => "wal_level = replica\nmax_wal_senders = 5\nhot_standby = on\n");

$primary->safe_psql('postgres', <<'SQL');
CREATE TABLE t AS SELECT n AS id, 'row ' || n AS t FROM generate_series(1, 20000) n;
CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS id;
CREATE SEQUENCE s;
SELECT nextval('s') FROM generate_series(1, 5);
SELECT lo_from_bytea(5000, 'a large object');
SQL
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# As a rule no transaction has been replayed yet; still the time is none of long ago.
my $first = $standby->safe_psql('postgres', q{SELECT pgbackup_run(content => 'schema')});
my $today = join '|', map { strftime('%Y-%m-%d', gmtime(time - $_)) } 0, 86400;
like(read_manifest(folder_of($first))->{as_of}, qr/^($today)/, 'what a standby has that has replayed nothing is of today');

$primary->safe_psql('postgres', 'INSERT INTO t VALUES (0, E\'replayed\\t\')');
$primary->wait_for_catchup($standby);

my $from_primary = $primary->safe_psql('postgres', 'SELECT pgbackup_run()');
my $from_standby = $standby->safe_psql('postgres', 'SELECT pgbackup_run(jobs => 2)');
my %rows = map { $_ => rows_of($_, 't') } $from_primary, $from_standby;

is($rows{$from_standby}, $rows{$from_primary}, 'the rows are the same');
is_deeply([ damage_of(folder_of($from_standby), read_manifest(folder_of($from_standby))) ],
	[], 'every file is as the manifest says');
is( $standby->safe_psql('postgres', <<"SQL"),
SELECT string_agg(table_name, ',' ORDER BY table_name)
FROM pgbackup_contents('$from_standby') WHERE table_name NOT IN ('pgbackup_runs', 'pgbackup_schedule_rules')
SQL
	't', 'an unlogged table has no rows there');

# Both see both: it is one cluster, with one repository.
is( $standby->safe_psql('postgres', <<"SQL"),
SELECT count(*), bool_and(start_lsn <= pg_last_wal_replay_lsn()), min(timeline), max(timeline), bool_and(status = 'complete')
FROM pgbackup_list() WHERE id IN ('$from_primary', '$from_standby')
SQL
	'2|t|1|1|t', 'both are listed, with the place up to which they reach');

# A standby that becomes a primary goes on in another timeline.
$standby->promote;
my $promoted = $standby->safe_psql('postgres', 'INSERT INTO t VALUES (-1); SELECT pgbackup_run()');
is($standby->safe_psql('postgres', "SELECT timeline FROM pgbackup_list() WHERE id = '$promoted'"),
	2, 'after a promotion the timeline is the new one');
is($standby->safe_psql('postgres', "SELECT row_count FROM pgbackup_contents('$promoted') WHERE table_name = 't'"),
	20002, 'and the rows are those of the new primary');

done_testing();

sub folder_of
{
	return backup_folder($primary, shift);
}

sub rows_of
{
	my ($id, $name) = @_;
	my ($table) = grep { $_->{name} eq $name } @{ read_manifest(folder_of($id))->{tables} };

	return sorted_lines(table_rows(folder_of($id), $table));
}
