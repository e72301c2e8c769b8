#
# 081_own_timeline.pl
#	  A table as of a moment is that of the server's own past, whatever other timelines the repository has.
#
# test/t/081_own_timeline.pl
#
use strict;
use warnings;

use PgBackupRestore;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_node('main', conf => archive_conf());

sub lsn_of
{
	my ($node) = @_;
	return $node->safe_psql('postgres', "SELECT pg_logical_emit_message(true, 'test', 'x'); SELECT pg_current_wal_insert_lsn()") =~ s/.*\n//r;
}

# The rows of a table as of an LSN.
sub rows_at
{
	my ($node, $lsn) = @_;
	my $staged = $node->safe_psql('postgres', "SELECT staged FROM pgbackup_restore_table('t', at_lsn => '$lsn')");
	my $rows = $node->safe_psql('postgres', "SELECT string_agg(who, ' ' ORDER BY i) FROM $staged");

	$node->safe_psql('postgres', "DROP TABLE $staged");
	return $rows;
}

# ---- two servers that have the same past ----

$main->safe_psql('postgres', q{CREATE TABLE t (i int, who text); INSERT INTO t VALUES (1, 'both')});
full_backup($main);
my $fork = lsn_of($main);
archive_all($main);
$main->safe_psql('postgres', q{INSERT INTO t VALUES (2, 'main')});
archive_all($main) for 1 .. 4;
my $on_main = lsn_of($main);
archive_all($main);
$main->stop;

my $back = restored_node($main, 'back', "--target-lsn=$fork", '--target-action=promote');
start_restored($back);
$back->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
$back->safe_psql('postgres', q{INSERT INTO t VALUES (2, 'back')});
my $on_back = lsn_of($back);

# ---- the archive has another future of it ----

ok($back->safe_psql('postgres', "SELECT '$on_back'::pg_lsn < '$on_main'") eq 't', 'the archive has WAL of that LSN, of another timeline');
is(rows_at($back, $fork), 'both', 'what was before the fork comes back');
fails_like($back, "SELECT * FROM pgbackup_restore_table('t', at_lsn => '$on_back')",
	qr/the WAL of that moment is not in the repository\nDETAIL:  No WAL is archived/, 'and what was after it does not');
fails_like($back, "SELECT * FROM pgbackup_restore_table('t', at => clock_timestamp())",
	qr/the WAL of that moment is not in the repository/, 'nor by its time');
like($back->safe_psql('postgres', "SELECT backup FROM pgbackup_plan_restore('t', at_lsn => '$fork')"), qr/F$/, 'a plan');
$back->safe_psql('postgres', 'DROP TABLE t');
fails_like($back, "SELECT pgbackup_undrop('t')", qr/the WAL of that moment is not in the repository/, 'nor is it undropped');
is($back->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_find_drops()'), '0', 'what was dropped there is not looked for elsewhere');

$back->append_conf('postgresql.conf', "archive_mode = on\n");
$back->restart;
$back->safe_psql('postgres', q{CREATE TABLE t (i int, who text); INSERT INTO t VALUES (3, 'anew')});
full_backup($back);
$back->safe_psql('postgres', 'DROP TABLE t');
is($back->safe_psql('postgres', "SELECT pgbackup_undrop('t'); SELECT string_agg(who, ' ' ORDER BY i) FROM t"), "t\nanew",
	'with its own timeline archived it is');
archive_all($back) for 1 .. 6;
$back->stop;

# ---- a copy has archived a newer timeline, and the server has stayed where it was ----

$main->start;
is(rows_at($main, $on_main), 'both main', 'a server on the older timeline has its own rows');
$main->safe_psql('postgres', q{INSERT INTO t VALUES (3, 'later'); DROP TABLE t});
is($main->safe_psql('postgres', "SELECT pgbackup_undrop('t'); SELECT string_agg(who, ' ' ORDER BY i) FROM t"), "t\nboth main later",
	'also what is not archived yet');
archive_all($main);
is($main->safe_psql('postgres', "SELECT string_agg(DISTINCT relation, ' ') FROM pgbackup_find_drops() WHERE command = 'DROP TABLE' AND relation LIKE 'public.%'"), 'public.t',
	'its drops are found');
$main->stop;

done_testing();
