#
# 052_base_backup.pl
#	  Base backups hold what pg_basebackup copies, and what they hold starts as a server.
#
# They are read with zstd and a JSON parser, by nothing of pgbackup's.
#
# test/t/052_base_backup.pl
#
use strict;
use warnings;

use IPC::Run;
use PgBackupBase;
use PgBackupRestore qw(restore);
use PgBackupSchedule;
use PgBackupTest;
use PgBackupTrouble;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = base_node('main', conf => "allow_in_place_tablespaces = on\nlogging_collector = off\n");
my $data = $node->data_dir;
my $tablespace = $node->basedir . '/tablespace';
my $id;

# ---- a cluster with all that there can be ----

mkdir $tablespace or die;
$node->safe_psql('postgres', $_)
  for (
	"CREATE TABLESPACE linked LOCATION '$tablespace'",
	"CREATE TABLESPACE placed LOCATION ''",
	q{CREATE DATABASE "größe" TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'},
	'CREATE DATABASE shop TABLESPACE linked');
$node->safe_psql('postgres', q{
	CREATE TABLE plain AS SELECT i, md5(i::text) AS t FROM generate_series(1, 20000) i;
	CREATE INDEX ON plain (t);
	CREATE TABLE large (id int, filler text);
	ALTER TABLE large ALTER filler SET STORAGE PLAIN;
	INSERT INTO large SELECT i, repeat(md5(i::text), 60) FROM generate_series(1, 20000) i;
	CREATE TABLE linked_table TABLESPACE linked AS SELECT generate_series(1, 1000) AS i;
	CREATE TABLE placed_table TABLESPACE placed AS SELECT generate_series(1, 1000) AS i;
	CREATE UNLOGGED TABLE unlogged AS SELECT generate_series(1, 1000) AS i;
	CREATE TABLE serials (id serial PRIMARY KEY, big text);
	CREATE TABLE parent (i int) PARTITION BY RANGE (i);
	CREATE TABLE child PARTITION OF parent FOR VALUES FROM (0) TO (10);
});
$node->safe_psql('shop', 'CREATE TABLE goods AS SELECT generate_series(1, 5000) AS i');
cmp_ok($node->safe_psql('postgres', q{SELECT pg_relation_size('large')}), '>', 33 * 1024 * 1024,
	'a table is cut into pieces');

# as initdb --waldir makes it
$node->stop;
rename "$data/pg_wal", $node->basedir . '/wal' or die;
symlink $node->basedir . '/wal', "$data/pg_wal" or die;
$node->start;

# what only odd people have in a data directory
my $odd = "odd \xFF\"name\"\n%41\\";
mkdir "$data/empty" or die;
mkdir "$data/base/pgsql_tmp";
write_file("$data/base/pgsql_tmp/pgsql_tmp1.0", 'x');
write_file("$data/$odd", 'odd content');
write_file("$data/zeros", "\0" x 3_000_000);
write_file("$data/nothing", '');
write_file("$data/postgresql.auto.conf.tmp", 'x');
write_file("$data/pg_stat_tmp/x", 'x');
write_file("$data/global/pg_internal.init.4711", 'x');
symlink "$data/zeros", "$data/link" or die;
symlink $node->basedir, "$data/link to a directory" or die;
mkfifo("$data/fifo", 0600) or die;
chmod 0640, "$data/nothing";

my $holder = $node->background_psql('postgres');
$holder->query_safe('CREATE TEMP TABLE temporary AS SELECT generate_series(1, 1000) AS i');
$node->safe_psql('shop', 'CREATE EXTENSION pgbackup');

# whoever reads a page from now on has no hint to leave on it
$node->command_ok([ 'vacuumdb', '--all', '--freeze', '--quiet' ], 'nothing changes any more');
$node->safe_psql('postgres', 'CHECKPOINT');

# ---- the same files as pg_basebackup ----

my $log_from = -s $node->logfile;
$id = $node->safe_psql('shop', "SELECT pgbackup_run('full', label => 'first')");
like($id, qr/^\d{8}-\d{6}F$/, 'a base backup is made from any database');
like(slurp_file($node->logfile, $log_from), qr/LOG:  "fifo" is not part of the backup.*LOG:  "link" is not part of the backup/s,
	'the log tells what is left out');

my $peer = $node->basedir . '/peer';
command_ok(
	[
		'pg_basebackup', '-D', $peer, '-d', $node->connstr('postgres'), '-X', 'none', '-c', 'fast',
		'--no-sync', '--tablespace-mapping', "$tablespace=$peer-tablespace"
	],
	'pg_basebackup copies the same cluster');
my $ours = $node->basedir . '/ours';
unpack_backup($node, $id, $ours);
my $expected = tree($peer);
my $got = tree($ours);

# each backup has its own of these; our first one has made the last
delete @{$_}{qw(backup_label backup_manifest tablespace_map global/pg_control pgbackup.repository)}
  for $expected, $got;
is_deeply([ sort keys %$got ], [ sort keys %$expected ], 'it holds the same files and directories');
my @different = grep { ($got->{$_} // '') ne $expected->{$_} } sort keys %$expected;

# what the two backups themselves have changed; who writes a row of a run locks the schema's
@different = grep { !m{^pg_(xact|stat|multixact|subtrans|logical)/} && !/_(vm|fsm)$/ } @different;
my $changed = $node->safe_psql('postgres',
	"SELECT string_agg(pg_relation_filepath(c.oid), ' ') FROM pg_class c WHERE relname LIKE 'pgbackup_runs%' OR relname = 'pg_database'");
my $changed_shop = $node->safe_psql('shop',
	"SELECT string_agg(pg_relation_filepath(c.oid), ' ') FROM pg_class c WHERE relname LIKE 'pgbackup_runs%' OR relname = 'pg_namespace'");
@different = grep { my $path = $_; !grep { $path eq $_ } split / /, "$changed $changed_shop" } @different;
is(join(' ', @different), '', 'with the same content');
is(sprintf('%o', (stat "$ours/nothing")[2] & 07777), '640', 'and the same mode');
is($got->{$odd}, 'file odd content', 'odd names are no trouble');
ok(-d "$ours/pg_wal" && !-l "$ours/pg_wal", 'a pg_wal that is a link becomes a directory');
cmp_ok(-s (glob(backup_folder($node, $id) . '/pack-0001.zst'))[0], '<', 30_000_000, 'packs are compressed');

# ---- the program restores it ----

{
	my $directory = $node->basedir . '/by program';
	my ($status, $out, $err) = restore($node, $directory, '--backup', $id, '--target-immediate',
		'--tablespace-mapping', "$tablespace=$directory-tablespace");

	is($status, 0, 'a data directory with odd names and links is restored') or diag($err);
	command_ok([ 'pg_verifybackup', $directory ], 'pg_verifybackup accepts it');
	is(read_file("$directory/$odd"), 'odd content', 'odd names are what they were');
	is(-s "$directory/zeros", 3_000_000, 'holes are as long as they were');
	ok(-d "$directory/pg_wal" && !-l "$directory/pg_wal" && !-e "$directory/link" && !-l "$directory/link",
		'nothing is a link');
	is((stat "$directory-tablespace")[2] & 07777, 0700, 'but a tablespace, which is where it is mapped to');
	ok(-l (glob "'$directory/pg_tblspc/'*")[0] // '', 'by a link');
}

# ---- what is told of it ----

is($node->safe_psql('postgres',
		"SELECT kind, database IS NULL, label, status, start_lsn < stop_lsn, timeline, damaged_pages FROM pgbackup_list() WHERE id = '$id'"),
	'full|t|first|complete|t|1|0', 'the list shows it');
is($node->safe_psql('postgres', "SELECT count(*) FROM pgbackup_contents('$id')"),
	(grep { /^file/ } values %$got) + 1, 'its contents are its files');
is($node->safe_psql('postgres',
		"SELECT raw_bytes FROM pgbackup_contents('$id') WHERE path = pg_relation_filepath('large')"),
	$node->safe_psql('postgres', "SELECT pg_relation_size('large')"), 'with their lengths');

my $base = backup_manifest($node, $id)->{base};
is($base->{checksums} ? 1 : 0, 1, 'pages were checked');
is(join(' ', map { $_->{path} // 'in place' } @{ $base->{tablespaces} }), "$tablespace in place",
	'its tablespaces are known');

# ---- the map of relations ----

my (undef, @map) = json_lines($node, $id, 'relations.zst');
my ($database, %relations, %databases);
for (@map)
{
	$database = $databases{ $_->{name} } = $_, next if $_->{database};
	$relations{"$database->{name}.$_->{schema}.$_->{name}"} = $_;
}
is(join(' ', map { $_ . ($databases{$_}{complete} ? '' : ' (unknown)') } sort keys %databases),
	"gr\x{F6}\x{DF}e postgres shop template0 (unknown) template1", 'the map has all databases');
my $oids = $node->safe_psql('postgres',
	"SELECT 'large'::regclass::oid, pg_relation_filenode('large'), (SELECT reltoastrelid FROM pg_class WHERE relname = 'serials'), 'serials'::regclass::oid, 'parent'::regclass::oid");
is(join('|', $relations{'postgres.public.large'}{oid}, $relations{'postgres.public.large'}{file},
		$relations{'postgres.public.serials'}{toast}, $relations{'postgres.public.serials_id_seq'}{table},
		$relations{'postgres.public.child'}{parent}),
	$oids, 'and their relations');
is($relations{'postgres.public.serials_pkey'}{table}, (split /\|/, $oids)[3], 'an index has its table');
ok(!exists $relations{'postgres.public.parent'}{file}, 'a partitioned table has no file');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relkind IN ('r','i','S','t','m','p','I') AND relpersistence <> 't'"),
	scalar(grep { /^postgres\./ } keys %relations), 'nothing is missing');
$holder->quit;

# ---- it starts, and has what was committed ----

my $bindir = $node->config_data('--bindir');
$node->command_ok([ 'pgbench', '-i', '-q', '-s', '2', 'shop' ], 'pgbench is set up');
my $load = IPC::Run::start(
	[ "$bindir/pgbench", '-n', '-c', '2', '-T', '600', '-h', $node->host, '-p', $node->port, 'shop' ],
	'>', \my $pgbench_out, '2>', \my $pgbench_err);
wait_for(sub { $node->safe_psql('shop', 'SELECT count(*) > 10 FROM pgbench_history') eq 't' }, 'transactions');
$id = $node->safe_psql('postgres', "SELECT pgbackup_run('full', jobs => 3)");
my $committed = $node->safe_psql('shop', 'SELECT count(*) FROM pgbench_history');
$load->kill_kill;

my $restored = start_unpacked($node, $id, 'restored');
is($restored->safe_psql('shop', q{
		SELECT (SELECT sum(abalance) FROM pgbench_accounts) = s AND (SELECT sum(bbalance) FROM pgbench_branches) = s
			AND (SELECT sum(tbalance) FROM pgbench_tellers) = s
		FROM (SELECT sum(delta) AS s FROM pgbench_history) h}),
	't', 'transactions are there as a whole or not at all');
cmp_ok($restored->safe_psql('shop', 'SELECT count(*) FROM pgbench_history'), '>', 10, 'and they are there');
for my $table (qw(plain large linked_table placed_table serials))
{
	is(table_hash($restored, 'postgres', $table), table_hash($node, 'postgres', $table), "table $table is the same");
}
is($restored->safe_psql('postgres', 'SELECT count(*) FROM unlogged'), '0', 'an unlogged table is empty');
is($restored->safe_psql('shop', 'SELECT count(*) FROM goods'), '5000', 'another database is there');
$restored->safe_psql('postgres', 'CREATE EXTENSION amcheck');
$restored->command_ok([ 'pg_amcheck', '--all', '--heapallindexed' ], 'pg_amcheck finds nothing');
$restored->stop;
command_ok([ 'pg_checksums', '--check', '-D', $restored->data_dir ], 'all checksums are right');

# ---- while it runs ----

$id = start_slow_base($node, 'jobs => 2');
wait_for(sub { copy_worker_pids($node) >= 2 }, 'both workers');
is(scalar(my @workers = copy_worker_pids($node)), 2, 'as many workers as were asked for');
is($node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pgbackup%' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)"),
	'0', 'nobody holds back VACUUM');
is($node->safe_psql('postgres', q{
		SELECT kind, objects_total > 1000, bytes_done BETWEEN 1 AND bytes_total, bytes_total > 100000000,
			percent BETWEEN 0 AND 99, eta > interval '10 s', current_object ~ '^(base|global|pg_tblspc)'
		FROM pgbackup_progress}),
	'full|t|t|t|t|t|t', 'progress is shown');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots WHERE temporary AND restart_lsn IS NOT NULL'),
	'1', 'a slot holds the WAL back');
is($node->safe_psql('postgres', "SELECT pgbackup_cancel('$id')"), 't', 'it can be cancelled');
leaves_no_base($node, $id, 'cancelled');
is($node->safe_psql('postgres', "SELECT status FROM pgbackup_runs WHERE backup = '$id'"), 'cancelled',
	'its row says so');

# ---- the checkpoint ----

# What the server's log says of the checkpoint with which a backup begins that is made with this setting.
sub checkpoint_of
{
	my ($setting) = @_;

	# what is to be written then is little: a spread one takes 0.1 s for each block
	$node->safe_psql('postgres', "ALTER SYSTEM SET pgbackup.checkpoint = '$setting'");
	$node->reload;
	$node->poll_query_until('postgres', 'SHOW pgbackup.checkpoint', $setting) or die;
	$node->safe_psql('postgres', 'CHECKPOINT');

	my $from = -s $node->logfile;
	my $backup = $node->safe_psql('postgres', "SELECT pgbackup_run('full')");
	my @starts = slurp_file($node->logfile, $from) =~ /LOG:  checkpoint starting: (.*)/g;
	my $lsn = $node->safe_psql('postgres', "SELECT start_lsn FROM pgbackup_list() WHERE id = '$backup'");

	is($node->safe_psql('postgres', "SELECT redo_lsn >= '$lsn' FROM pg_control_checkpoint()"), 't',
		"$setting: the backup begins with a checkpoint");
	# not one that only was due
	return (grep { /force/ } @starts)[0] // '';
}

unlike(checkpoint_of('spread'), qr/immediate|fast|^$/, 'spread: it takes its time');
like(checkpoint_of('fast'), qr/^(immediate|fast)\b/, 'fast: it is done at once');

# ---- schedules ----

schedule($node, 'postgres', "'rare', '30 2 1 $far_month *', kind => 'full', label => 'by schedule'");
make_due($node, 'postgres', 'rare');
is(wait_for_runs($node, 'postgres', 'rare', 1), 'succeeded 1 0', 'the scheduler makes a base backup');
$id = run_column($node, 'postgres', 'rare', 'backup');
is(run_column($node, 'postgres', 'rare', 'kind, due_at <= started_at, finished_at >= started_at'), 'full|t|t',
	'its row says so');
is($node->safe_psql('postgres', "SELECT kind, status, label FROM pgbackup_list() WHERE id = '$id'"),
	'full|complete|by schedule', 'and it is listed');

is($node->safe_psql('postgres', q{SELECT pgbackup_schedule('weekly', '@weekly', kind => 'full') IS NOT NULL}), 't',
	'a schedule can make base backups');
fails_like($node, q{SELECT pgbackup_schedule('parts', '@weekly', kind => 'full', tables => '{t}')},
	qr/ERROR:  argument "tables" cannot be used with a backup of kind "full".*HINT/s, 'but not of parts');

$node->stop;
done_testing();
