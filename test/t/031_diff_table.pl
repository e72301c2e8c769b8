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
use PgBackupTrap;
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
CREATE ROLE reader;
GRANT EXECUTE ON FUNCTION pgbackup_diff_summary TO reader;
GRANT USAGE ON SCHEMA staged TO reader;
GRANT SELECT ON staged.pair, waiting TO reader;
SQL

# What others change in both tables is seen in both or in none, also if they do it while one is ready
# to be read and the other is not: the planner evaluates the function of the view.  What a superuser
# compares must not lock anything there.
my $holder = $node->background_psql('postgres');
my $value = 0;
foreach my $tables ("'staged.pair', 'waiting'", "'waiting', 'staged.pair'")
{
	$value++;
	$holder->query_safe('SELECT pg_advisory_lock(1)');
	$compared = session($node, [ 'SET ROLE reader', "SELECT * FROM pgbackup_diff_summary($tables)" ]);
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

# ---- nobody's code runs as a superuser ----

$node->safe_psql('postgres', <<'SQL'
CREATE ROLE mallory;
CREATE SCHEMA trap AUTHORIZATION mallory;
GRANT EXECUTE ON FUNCTION pgbackup_diff_table TO mallory;
SET ROLE mallory;
SQL
	. trap_rights('trap', 'mallory') . <<'SQL');
CREATE TYPE trap.mood AS ENUM ('sad', 'happy');
CREATE FUNCTION trap.to_json(trap.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM trap.spring(); RETURN '"sprung"'; END$$;
CREATE CAST (trap.mood AS json) WITH FUNCTION trap.to_json(trap.mood);
CREATE DOMAIN trap.deep AS trap.mood;
CREATE TYPE trap.pair AS (n integer, moods trap.deep[]);
CREATE TABLE trap.casts (id integer PRIMARY KEY, mood trap.mood, moods trap.mood[], pair trap.pair, pairs trap.pair[]);
CREATE TABLE trap.casts_now (LIKE trap.casts INCLUDING ALL);
INSERT INTO trap.casts VALUES (1, 'sad', '{sad}', '(1,{sad})', '{"(1,{sad})"}');
INSERT INTO trap.casts_now VALUES (1, 'happy', '{happy}', '(1,{happy})', '{"(1,{happy})"}');
CREATE TABLE trap.keys (mood trap.mood PRIMARY KEY);
CREATE TABLE trap.keys_now (LIKE trap.keys INCLUDING ALL);
INSERT INTO trap.keys VALUES ('sad');
INSERT INTO trap.keys_now VALUES ('happy');
CREATE TABLE trap.plain (id integer);
CREATE TABLE trap.expression (id integer);
CREATE INDEX ON trap.expression ((id + trap.spring()));
CREATE TABLE trap.predicate (id integer NOT NULL);
CREATE UNIQUE INDEX ON trap.predicate (id) WHERE trap.spring() = 1;
CREATE VIEW trap.view AS SELECT id FROM trap.plain WHERE trap.spring() = 1;
CREATE VIEW trap.volatile AS SELECT id FROM trap.plain WHERE set_config('search_path', 'trap', false) IS NOT NULL;
SQL

my $sad = '"id": 1, "mood": "sad", "pair": "(1,{sad})", "moods": "{sad}", "pairs": "{\\"(1,{sad})\\"}"';
foreach my $who ('postgres', 'mallory')
{
	my $as_who = $who eq 'mallory' ? 'SET ROLE mallory;' : '';

	is($node->safe_psql('postgres', "$as_who SELECT staged, changed_columns FROM pgbackup_diff_table('trap.casts', 'trap.casts_now')"),
		"{$sad}|{mood,moods,pair,pairs}", "values that have a cast of a user to json are shown as text: $who");
	is($node->safe_psql('postgres', "$as_who SELECT key FROM pgbackup_diff_table('trap.keys', 'trap.keys_now')"),
		"{\"mood\": \"sad\"}\n{\"mood\": \"happy\"}", "so are those of the key: $who");
}
foreach my $case ([ 'expression', 'spring' ], [ 'predicate', 'spring' ], [ 'view', 'spring' ], [ 'volatile', 'set_config' ])
{
	my ($live, $function) = @$case;
	my $compare = "SELECT count(*) FROM pgbackup_diff_table('trap.plain', 'trap.$live', '{id}')";

	fails_like($node, $compare,
		qr/function "$function" must not run with the rights of a superuser.*let the owner of the tables compare them/s, "a user's code is refused: $live");
	($status, $output, $error) = $node->psql('postgres', "SET ROLE mallory; $compare");
	is($status, 0, 'its owner compares them') or diag($error);
}
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', 'no code of a user has run as a superuser');
$node->safe_psql('postgres', 'SELECT trap.spring()');
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 't', 'which it would tell');

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
