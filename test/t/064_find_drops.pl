#
# 064_find_drops.pl
#	  pgbackup_find_drops finds in the archived WAL what was dropped and truncated,
#	  and where a recovery must stop to bring it back.
#
# test/t/064_find_drops.pl
#
use strict;
use warnings;

use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--no-locale', '--wal-segsize=1' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgbackup'\n"
	  . "pgbackup.repository = '" . repository($node) . "'\n"
	  . "pgbackup.scratch_directory = '" . $node->basedir . "/scratch'\n"
	  . "wal_level = replica\narchive_mode = on\narchive_library = 'pgbackup'\nmax_worker_processes = 16\n"
	  . "max_prepared_transactions = 5\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup; CREATE DATABASE other');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# all that is written so far is in the archive
sub archive
{
	# a segment in which there is nothing yet is not switched
	sql("SELECT pg_logical_emit_message(true, 'test', 'tick')");
	my $segment = sql('SELECT pg_walfile_name(pg_current_wal_lsn())');

	sql('SELECT pg_switch_wal()');
	$node->poll_query_until('postgres', "SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver")
	  or die 'the archive does not follow';
}

my @tables = qw(dropped truncated vacuumed altered reindexed kept prepared in_sub first second moved_on
  renamed clustered with_cluster rewritten spaced);
sql("CREATE TABLE $_ (id int PRIMARY KEY, t text); INSERT INTO $_ SELECT n, md5(n::text) FROM generate_series(1, 300) n")
  foreach @tables;
$node->safe_psql('other', 'CREATE TABLE elsewhere AS SELECT generate_series(1, 100) AS n');
my $elsewhere = $node->safe_psql('other', "SELECT 'elsewhere'::regclass::oid");
my %oid = map { $_ => sql("SELECT '$_'::regclass::oid") } @tables;
my %hash = map { $_ => table_hash($node, 'postgres', $_) } @tables;
my $place = PostgreSQL::Test::Utils::tempdir_short;
sql("CREATE TABLESPACE space LOCATION '$place'");
sql(q{CREATE SCHEMA "Other"});
sql(q{SELECT pgbackup_run('full')});
my $since = sql('SELECT clock_timestamp()');

sql('VACUUM FULL vacuumed');
sql('ALTER TABLE altered ALTER id TYPE bigint');
sql('REINDEX TABLE reindexed');
sql('ALTER TABLE moved_on ADD COLUMN more int; ALTER TABLE moved_on DROP COLUMN more');
my $brief = sql(q{CREATE TABLE brief (i int); SELECT 'brief'::regclass::oid});
sql('CREATE TABLE momentary AS SELECT 1 AS n WHERE false');
sql('BEGIN; CREATE TABLE in_one (i int); DROP TABLE in_one; COMMIT');
# a lock, new files where old ones were, and the file that the backup knows has gone: no truncate for all that
sql('BEGIN; LOCK TABLE vacuumed; REINDEX TABLE vacuumed; COMMIT');
sql('VACUUM FULL pg_class; CHECKPOINT');
sql('ALTER TABLE renamed RENAME TO "re ""named"""; ALTER TABLE "re ""named""" SET SCHEMA "Other"; DROP TABLE "Other"."re ""named"""');
sql('ALTER TABLE spaced SET TABLESPACE space; BEGIN; REINDEX TABLE kept; ALTER TABLE spaced SET TABLESPACE pg_default; COMMIT');
sql('BEGIN; CLUSTER clustered USING clustered_pkey; TRUNCATE with_cluster; ALTER TABLE altered ALTER id TYPE int; COMMIT');
sql('VACUUM FULL rewritten; TRUNCATE rewritten; BEGIN; CREATE TABLE fresh (i int); INSERT INTO fresh VALUES (1); TRUNCATE fresh; COMMIT');
sql('VACUUM FULL rewritten; CLUSTER rewritten USING rewritten_pkey; REINDEX TABLE rewritten; ALTER TABLE rewritten ALTER t TYPE varchar(50); CREATE MATERIALIZED VIEW seen AS SELECT 1; REFRESH MATERIALIZED VIEW seen');
sql('BEGIN; DROP TABLE kept; TRUNCATE reindexed; ROLLBACK');
sql('BEGIN; SAVEPOINT s; DROP TABLE kept; ROLLBACK TO s; COMMIT');
sql('DROP TABLE brief');
sql('DROP TABLE dropped');
sql('TRUNCATE truncated');
sql("BEGIN; INSERT INTO kept VALUES (0, ''); DROP TABLE first; ALTER TABLE kept ADD more int; DROP TABLE second; COMMIT");
sql('BEGIN; SAVEPOINT s; DROP TABLE in_sub; RELEASE s; COMMIT');
sql("BEGIN; DROP TABLE prepared; PREPARE TRANSACTION 'p'");
sql('CHECKPOINT');
sql("COMMIT PREPARED 'p'");
$node->safe_psql('other', 'DROP TABLE elsewhere');
my $until = sql('SELECT clock_timestamp()');
sql('DROP TABLE altered');
archive();

is(sql("SELECT command, database, oid, relation, still_exists FROM pgbackup_find_drops('$since', '$until') WHERE relation IS NOT NULL ORDER BY committed_at, oid"),
	join("\n",
		qq{DROP TABLE|postgres|$oid{renamed}|"Other"."re ""named"""|f},
		"TRUNCATE TABLE|postgres|$oid{with_cluster}|public.with_cluster|t",
		"TRUNCATE TABLE|postgres|$oid{rewritten}|public.rewritten|t",
		"DROP TABLE|postgres|$brief|public.brief|f",
		"DROP TABLE|postgres|$oid{dropped}|public.dropped|f",
		"TRUNCATE TABLE|postgres|$oid{truncated}|public.truncated|t",
		"DROP TABLE|postgres|$oid{first}|public.first|f",
		"DROP TABLE|postgres|$oid{second}|public.second|f",
		"DROP TABLE|postgres|$oid{in_sub}|public.in_sub|f",
		"DROP TABLE|postgres|$oid{prepared}|public.prepared|f",
		"DROP TABLE|other|$elsewhere|public.elsewhere|"),
	'drops and truncates, and no rewrites or rollbacks');
is(sql("SELECT count(*) FROM pgbackup_find_drops('$since') WHERE relation = 'public.altered'"), 1,
	'a drop after a rewrite');
is(sql("SELECT count(*) FROM pgbackup_find_drops('$since', '$until') WHERE relation IS NULL"), '0',
	'what no backup knows has a name by its row in pg_class, and what is no table is not there');

my $recorded = sql("SELECT oid FROM pgbackup_drops WHERE relation = 'public.dropped'");
is($recorded, $oid{dropped}, 'the record of drops says the same');

foreach my $table (qw(dropped truncated second prepared))
{
	my $lsn = sql("SELECT lsn FROM pgbackup_find_drops('$since') WHERE relation = 'public.$table'");

	sql("SELECT * FROM pgbackup_restore_table('public.$table', at_lsn => '$lsn')");
	is(table_hash($node, 'postgres', "pgbackup_recovery.$table"), $hash{$table},
		"the LSN brings $table back");
}

# ---- a segment that is missing ----

my $lost = sql("SELECT pg_walfile_name(lsn) FROM pgbackup_find_drops('$since') WHERE relation = 'public.dropped'");
archive() foreach 1 .. 2;
sql('DROP TABLE vacuumed');
archive();
my ($object) = glob(repository($node) . "/*/wal/*/$lost.zst");
unlink($object // '') or die "no object of $lost";
my ($out, $err);
$node->psql('postgres', "SELECT relation FROM pgbackup_find_drops('$since') WHERE relation = 'public.vacuumed'",
	stdout => \$out, stderr => \$err);
is($out, 'public.vacuumed', 'what comes after a gap is found');
like($err, qr/WARNING:.*$lost/, 'and the gap has a name');

# ---- after a new timeline has begun ----

sql(q{CREATE TABLE of_old (i int); CREATE TABLE of_new (i int); INSERT INTO of_old VALUES (1); INSERT INTO of_new VALUES (1)});
my %forked = map { $_ => sql("SELECT '$_'::regclass::oid") } 'of_old', 'of_new';
sql(q{SELECT pgbackup_run('full')});
my $before_fork = sql('SELECT clock_timestamp()');
sql('DROP TABLE of_old');
archive();
$node->stop;
write_file($node->data_dir . '/recovery.signal', '');
$node->append_conf('postgresql.conf', "restore_command = 'false'\n");
$node->start;
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'the server does not come out of its recovery';
my $new_of_new = table_hash($node, 'postgres', 'of_new');
sql('TRUNCATE of_new');
archive();
is(sql('SELECT timeline_id FROM pg_control_checkpoint()'), '2', 'there is a new timeline');
is(sql("SELECT command, oid, relation FROM pgbackup_find_drops('$before_fork') ORDER BY committed_at"),
	"DROP TABLE|$forked{of_old}|public.of_old\nTRUNCATE TABLE|$forked{of_new}|public.of_new", 'drops before the fork and after it are found');
my $fork_lsn = sql("SELECT lsn FROM pgbackup_find_drops('$before_fork') WHERE relation = 'public.of_new'");
sql("SELECT * FROM pgbackup_restore_table('of_new', at_lsn => '$fork_lsn')");
is(table_hash($node, 'postgres', 'pgbackup_recovery.of_new'), $new_of_new, 'and the LSN leads there');

# ---- what is not archived yet ----

sql('CREATE TABLE just_now (); SELECT pg_switch_wal()');
sql('DROP TABLE just_now');
($out, $err) = ('', '');
$node->psql('postgres', q{SELECT relation FROM pgbackup_find_drops() WHERE relation LIKE '%just_now'}, stdout => \$out, stderr => \$err);
is($out, '', 'a drop that is not archived is not found');
like($err, qr/NOTICE:  the newest WAL is not archived yet: drops in it are not found\nDETAIL:  The last commit in the archive was at .*\nHINT:  SELECT pg_switch_wal\(\)/, 'which is said');
$node->psql('postgres', qq{SELECT FROM pgbackup_find_drops(until => '$before_fork')}, stderr => \$err);
unlike($err, qr/not archived yet/, 'and not of what is in the archive');

# ---- records that promise more than they have ----

my $crafted = PostgreSQL::Test::Utils::tempdir() . '/crafted_record';
my ($include) = `$ENV{PG_CONFIG} --includedir-server` =~ /(.*)/;
system_or_bail('cc', '-O', '-fPIC', '-shared', "-I$include", '-o', "$crafted.so", 'test/lib/crafted_record.c');
sql("CREATE FUNCTION crafted_record(int, int, int) RETURNS void LANGUAGE c STRICT AS '$crafted'");
# subtransactions, files and statistics; invalidations; an identifier that does not end; of commits and aborts
sql("SELECT crafted_record(kind, flags, count) FROM unnest('{0, 32}'::int[]) kind,
	unnest('{2, 4, 256, 262, 8, 144, 32}'::int[]) flags, unnest('{1, 536870911, 2147483647, -1, -2147483648}'::int[]) count");
sql('CREATE TABLE last_one (i int); DROP TABLE last_one');
archive();
($out, $err) = ('', '');
$node->psql('postgres', q{SELECT relation FROM pgbackup_find_drops() WHERE relation LIKE '%last_one'}, stdout => \$out, stderr => \$err);
is($out, 'public.last_one', 'what comes after records that promise more than they have is found');
unlike($err, qr/ERROR|server closed/, 'and nothing goes wrong over them');

# ---- rights ----

sql('CREATE ROLE stranger');
($out, $err) = ('', '');
$node->psql('postgres', 'SET ROLE stranger; SELECT * FROM pgbackup_find_drops()', stdout => \$out, stderr => \$err);
like($err, qr/permission denied for function pgbackup_find_drops/, 'nobody else may');

$node->stop;
done_testing();
