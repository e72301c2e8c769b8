#
# 031_diff_table.pl
#	  pgbackup_diff_table where one session and small tables are not enough: memory,
#	  cancelling, changes of others, sorts and results that go to disk.
#	  sql/diff_table.sql has the rest.
#
# test/t/031_diff_table.pl
#
use strict;
use warnings;

use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => "autovacuum = off\nfsync = off\nwork_mem = 1MB\nshared_buffers = 8MB\nwal_level = replica\nmax_wal_senders = 5\n");

# 40 MB each
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA staged;
CREATE TABLE big (id integer PRIMARY KEY, n integer, filler text);
CREATE TABLE staged.big (LIKE big INCLUDING ALL);
INSERT INTO big SELECT i, i % 10, repeat(md5(i::text), 8) FROM generate_series(1, 150000) i;
INSERT INTO staged.big SELECT * FROM big;
DELETE FROM big WHERE id % 50000 = 0;
UPDATE big SET n = -1 WHERE id % 30000 = 1;
CREATE TABLE other (LIKE big INCLUDING ALL);
INSERT INTO other SELECT id, n, filler || 'x' FROM big;
CREATE VIEW wide AS SELECT id, n, repeat(filler, 16) AS filler FROM big;
ANALYZE;
SQL

# ---- memory ----

# The most that the process of a new session grows by, in kB, and what the statement gives.
sub growth_of
{
	my ($sql) = @_;
	my $session = $node->background_psql('postgres');
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	my $before = kilobytes($pid, 'VmRSS');
	my $result = $session->query_safe($sql);
	my $growth = kilobytes($pid, 'VmHWM') - $before;

	$session->quit;
	return ($growth, $result);
}

sub kilobytes
{
	my ($pid, $name) = @_;

	return read_file("/proc/$pid/status") =~ /^$name:\s+(\d+) kB/m ? $1 : die "no $name";
}

my ($growth, $result) = growth_of("SELECT * FROM pgbackup_diff_summary('staged.big', 'big')");
is($result, '150000|149997|149992|3|0|5', 'by the primary key');
cmp_ok($growth, '<', 25_000, 'takes little memory');

($growth, $result) = growth_of("SELECT * FROM pgbackup_diff_summary('staged.big', 'big', '{}')");
is($result, '150000|149997|149992|8|5|0', 'by whole rows');
cmp_ok($growth, '<', 25_000, 'takes little memory');

($growth, $result) = growth_of(
	"SELECT change, count(*) FROM pgbackup_diff_table('staged.big', 'other') GROUP BY 1 ORDER BY 1");
is($result, "changed|149997\nonly_staged|3", 'a result of all rows');
cmp_ok($growth, '<', 25_000, 'takes little memory');

# ---- cancel ----

# In the midst of the merge: the result has begun to spill.
my $compared = session($node, ["SELECT count(*) FROM pgbackup_diff_table('staged.big', 'wide')"]);
wait_for(sub { $node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()') > 0 }, 'temporary files');
is($node->safe_psql('postgres',
		"SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%pgbackup_diff_table%' AND pid <> pg_backend_pid()"),
	1, 'a comparison is cancelled');
my ($status, $output, $error) = finish_session($compared);
like($error, qr/canceling statement due to user request.*CONTEXT:  comparing table "staged.big" with "public.wide"/s,
	'and ends in the midst of the merge');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), 0, 'with no files left');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE relation IN ('staged.big'::regclass, 'big'::regclass)"),
	0, 'and no locks');

# ---- one snapshot ----

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE staged.pair (id integer PRIMARY KEY, v integer);
CREATE TABLE pair (id integer PRIMARY KEY, v integer);
INSERT INTO pair SELECT i, 0 FROM generate_series(1, 1000) i;
INSERT INTO staged.pair SELECT * FROM pair;
CREATE FUNCTION wait_here() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS
	$$BEGIN PERFORM pg_advisory_lock(1); PERFORM pg_advisory_unlock(1); RETURN true; END$$;
CREATE VIEW waiting AS SELECT * FROM pair WHERE wait_here();
SQL

# What others change in both tables is seen in both or in none, also if they do it while one is ready
# to be read and the other is not: the planner evaluates the function of the view.
my $holder = $node->background_psql('postgres');
my $value = 0;
foreach my $tables ("'staged.pair', 'waiting'", "'waiting', 'staged.pair'")
{
	$value++;
	$holder->query_safe('SELECT pg_advisory_lock(1)');
	$compared = session($node, ["SELECT * FROM pgbackup_diff_summary($tables)"]);
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
	  or die 'the comparison does not wait';
	$node->safe_psql('postgres', "BEGIN; UPDATE pair SET v = $value; UPDATE staged.pair SET v = $value; COMMIT");
	$holder->query_safe('SELECT pg_advisory_unlock(1)');
	($status, $output, $error) = finish_session($compared);
	is($output, '1000|1000|1000|0|0|0', "both tables are read under one snapshot: $tables") or diag($error);
}
$holder->quit;

# ---- a table that is being moved ----

$holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE pair');
$compared = session($node, ["SELECT * FROM pgbackup_diff_summary('staged.pair', 'pair')"]);
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE relation = 'pair'::regclass AND NOT granted")
  or die 'the comparison does not wait';
$holder->query_safe('ALTER TABLE pair RENAME TO old_pair; CREATE TABLE pair (id integer PRIMARY KEY, v integer); COMMIT');
($status, $output, $error) = finish_session($compared);
is($output, '1000|1000|1000|0|0|0', 'a table that was renamed in between is compared under its new name') or diag($error);
$holder->quit;

# ---- on a standby ----

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->append_conf('postgresql.conf', "pgbackup.repository = '" . repository($standby) . "'\n");
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', "SELECT * FROM pgbackup_diff_summary('staged.big', 'big')"),
	'150000|149997|149992|3|0|5', 'a standby compares, too');

done_testing();
