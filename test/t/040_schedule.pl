#
# 040_schedule.pl
#	  Schedules in several databases: they run, and what is changed counts at once.
#
# test/t/040_schedule.pl
#
use strict;
use warnings;

use PgBackupSchedule;
use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => $schedule_conf);
my %zones = (
	east => 'Asia/Kathmandu',
	west => 'America/New_York',
	south => 'Australia/Lord_Howe');
my @databases = sort keys %zones;

for my $database (@databases)
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION pgbackup; CREATE TABLE t AS SELECT 1 AS i');
}

# ---- three databases in three zones ----

# Every minute, and this is the test that waits for one.
my $next = schedule($node, 'postgres', q{'minutely', '* * * * *', label => 'each minute'});

for my $database (@databases)
{
	schedule($node, $database, "'one', '30 2 1 $far_month *', time_zone => '$zones{$database}', label => '$database'");
	schedule($node, $database, "'two', '0 12 L $far_month *', time_zone => '$zones{$database}', content => 'schema'");
	make_due($node, $database, $_) for 'one', 'two';
}
for my $database (@databases)
{
	is(wait_for_runs($node, $database, $_, 1), 'succeeded 1 0', "$database: $_ runs") for 'one', 'two';
	is( $node->safe_psql($database, q{
			SELECT string_agg(to_char(next_run_local, 'HH24:MI'), ' ' ORDER BY name),
				bool_and(next_run > now()), bool_and(last_status = 'succeeded')
			FROM pgbackup_schedules}),
		'02:30 12:00|t|t',
		"$database: the next moments are those of its zone");
	is( $node->safe_psql($database, q{
			SELECT count(*) FROM pgbackup_runs r JOIN pgbackup_list() b ON b.id = r.backup
			WHERE b.database = current_database() AND b.status = 'complete'
				AND r.started_at >= r.due_at AND r.finished_at >= r.started_at AND r.role_name = current_user}),
		'2', "$database: its rows and its backups");
}
is( $node->safe_psql('postgres', q{SELECT label FROM pgbackup_list() WHERE label <> 'each minute' ORDER BY label}),
	"east\nsouth\nwest", 'each with its arguments');

# ---- NOTIFY ----

schedule($node, 'east', q{'say "hello"', '@yearly'});
my $listener = $node->background_psql('east');
$listener->query_safe('LISTEN pgbackup');
make_due($node, 'east', 'say "hello"');
wait_for_runs($node, 'east', 'say "hello"', 1);
my $heard;
wait_for(sub { ($heard) = $listener->query('SELECT 1') =~ /with payload "(.*)" received/; $heard },
	'a notification');
$listener->quit;
is( $node->safe_psql('east',
		"SELECT (p->>'status'), (p->>'schedule'), p->'message', (p->>'backup') = r.backup
		FROM (SELECT '$heard'::json AS p) n JOIN pgbackup_runs r ON r.run_id = (p->>'run_id')::bigint"),
	'succeeded|say "hello"|null|t', 'the end of a run is notified');

my $id = $node->safe_psql('east', 'SELECT pgbackup_run()');
is( $node->safe_psql('east', 'SELECT schedule IS NULL, status, due_at IS NULL, backup FROM pgbackup_runs ORDER BY run_id DESC LIMIT 1'),
	"t|succeeded|t|$id", 'pgbackup_run() has a row too, when it returns');

# ---- changes take effect at once ----

schedule($node, 'west', q{'changed', '@yearly'});
schedule($node, 'west', q{'changed', '@monthly', replace => true, enabled => false});
make_due($node, 'west', 'changed');
schedule($node, 'west', q{'removed', '@yearly'});
$node->safe_psql('west', q{
	BEGIN;
	UPDATE pgbackup_schedule_rules SET next_run = now() - interval '1 second' WHERE name = 'removed';
	SELECT pgbackup_unschedule('removed');
	COMMIT});
$node->safe_psql('west', q{
	BEGIN;
	UPDATE pgbackup_schedule_rules SET next_run = now() - interval '1 second' WHERE name = 'one';
	ROLLBACK});
schedule($node, 'west', q{'after that', '@yearly'});
make_due($node, 'west', 'after that');
is(wait_for_runs($node, 'west', 'after that', 1), 'succeeded 1 0', 'a schedule made later runs');
is(runs($node, 'west', $_), '', "$_: it does not run") for 'changed', 'removed';
is(runs($node, 'west', 'one'), 'succeeded 1 0', 'nor one whose change was rolled back');
schedule($node, 'west', q{'changed', '@monthly', replace => true});
is( $node->safe_psql('west', q{SELECT next_run > now() FROM pgbackup_schedules WHERE name = 'changed'}),
	't', 'enabled again it begins anew');

# ---- databases come and go ----

$node->safe_psql('south', q{UPDATE pgbackup_schedule_rules SET enabled = false});
$node->safe_psql('south', q{
	ALTER TABLE pgbackup_schedule_rules DISABLE TRIGGER ALL;
	UPDATE pgbackup_schedule_rules SET enabled = true, next_run = now() WHERE name = 'two'});
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE south');
is( wait_for_runs($node, 'copy', 'two', 2),
	"succeeded 1 0\nsucceeded 1 0", 'a new database brings schedules with it');
is(runs($node, 'south', 'two'), 'succeeded 1 0', 'those of the template are another matter');

$node->safe_psql('postgres', 'ALTER DATABASE copy RENAME TO renamed');
make_due($node, 'renamed', 'two');
$node->safe_psql('renamed', 'ALTER TABLE pgbackup_schedule_rules ENABLE ALWAYS TRIGGER pgbackup_schedule_changed');
nudge($node, 'renamed');
like(wait_for_runs($node, 'renamed', 'two', 3), qr/(succeeded 1 0\n?){3}/, 'a renamed database');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pgbackup_list() WHERE database = 'renamed'}),
	'1', 'has its new name in the backup');

my $from = -s $node->logfile;
schedule($node, 'renamed', q{'doomed', '@yearly'});
$node->safe_psql('renamed', q{UPDATE pgbackup_schedule_rules SET next_run = now() + interval '2 seconds' WHERE name = 'doomed'});
$node->safe_psql('postgres', 'DROP DATABASE renamed');
schedule($node, 'east', q{'doomed', '@yearly'});
$node->safe_psql('east', q{UPDATE pgbackup_schedule_rules SET next_run = now() + interval '2 seconds' WHERE name = 'doomed'});
$node->safe_psql('east', 'DROP EXTENSION pgbackup');
schedule($node, 'west', q{'control', '@yearly'});
$node->safe_psql('west', q{UPDATE pgbackup_schedule_rules SET next_run = now() + interval '3 seconds' WHERE name = 'control'});
is(wait_for_runs($node, 'west', 'control', 1), 'succeeded 1 0', 'a moment to come');
unlike(slurp_file($node->logfile, $from),
	qr/FATAL|ERROR|does not exist/, 'a dropped database or extension is no trouble');
$node->safe_psql('east', 'CREATE EXTENSION pgbackup');
schedule($node, 'east', q{'again', '@yearly'});
make_due($node, 'east', 'again');
is(wait_for_runs($node, 'east', 'again', 1), 'succeeded 1 0', 'made again, it works again');

$node->safe_psql('postgres', 'ALTER DATABASE south ALLOW_CONNECTIONS false');
$node->safe_psql('postgres', 'ALTER DATABASE south ALLOW_CONNECTIONS true');
like(wait_for_runs($node, 'south', 'two', 2), qr/(succeeded 1 .\n?){2}/, 'a database that is opened is looked at');

# ---- an extension without schedules ----

# Who may create something in its schema makes tables that look like ours.
$node->safe_psql('postgres', q{CREATE DATABASE early; CREATE ROLE hostile});
$node->safe_psql('early', q{
	CREATE EXTENSION pgbackup VERSION '0.1.0';
	GRANT CREATE ON SCHEMA public TO hostile;
	SET ROLE hostile;
	CREATE TABLE pgbackup_schedule_rules (LIKE pg_settings);
	CREATE TABLE pgbackup_runs (run_id bigserial, kind text, status text, started_at timestamptz, role_name name,
		backup text, message text, detail text, hint text, finished_at timestamptz, schedule text);
	CREATE FUNCTION seize() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN ALTER ROLE hostile SUPERUSER; RETURN NEW; END$$;
	CREATE TRIGGER seize BEFORE INSERT ON pgbackup_runs FOR EACH ROW EXECUTE FUNCTION seize()});
my $early = -s $node->logfile;
ok($node->safe_psql('early', 'SELECT pgbackup_run()'), 'version 0.1.0 makes backups');
is( $node->safe_psql('early', q{SELECT count(*), (SELECT rolsuper FROM pg_roles WHERE rolname = 'hostile') FROM pgbackup_runs}),
	'0|f', 'and no row in tables that are not its own');
unlike(slurp_file($node->logfile, $early), qr/ERROR:|recording the/, 'without a word');

# ---- settings of a database ----

$node->safe_psql('postgres', q{
	CREATE ROLE nobody;
	CREATE DATABASE odd ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;
	ALTER DATABASE odd SET role = 'nobody';
	ALTER DATABASE odd SET search_path = 'nowhere';
	ALTER DATABASE odd SET default_transaction_read_only = on;
	ALTER DATABASE odd SET default_transaction_isolation = 'serializable'});
{
	local $ENV{PGOPTIONS} = '-c role=none -c search_path=public -c default_transaction_read_only=off';

	$node->safe_psql('odd', q{CREATE EXTENSION pgbackup});
	schedule($node, 'odd', q{U&'caf\00E9', '@yearly', label => U&'\00FCber', schemas => '{public}'});
	$node->safe_psql('odd', q{UPDATE pgbackup_schedule_rules SET next_run = now()});
	wait_for_row($node, 'odd', q{status = 'succeeded'});
	is( $node->safe_psql('odd', q{
			SELECT r.schedule = U&'caf\00E9', b.label = U&'\00FCber'
			FROM pgbackup_runs r JOIN pgbackup_list() b ON b.id = r.backup}),
		't|t', 'another encoding, and settings that would be in the way');
}

# ---- the history is part of a backup, but for the run that makes it ----

$id = $node->safe_psql('west', q{SELECT backup FROM pgbackup_runs WHERE schedule = 'control'});
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'zstd', '-q', '-d', '-k', backup_files($node, $id, qr/\.zst$/) ], 'unpacked for any pg_restore');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), backup_folder($node, $id) ], 'restored');
is( $node->safe_psql('restored', q{SELECT count(*), count(*) FILTER (WHERE status = 'succeeded') FROM pgbackup_runs}),
	$node->safe_psql('west', q{SELECT count(*), count(*) FILTER (WHERE status = 'succeeded') FROM pgbackup_runs WHERE schedule <> 'control'}),
	'the history is there, and nothing in it has crashed');
is( $node->safe_psql('restored', q{SELECT string_agg(name, ',' ORDER BY name) FROM pgbackup_schedules}),
	'after that,changed,control,one,two', 'so are the schedules');
make_due($node, 'restored', 'two');
is(wait_for_runs($node, 'restored', 'two', 2), "succeeded 1 0\nsucceeded 1 0", 'which go on there');

# ---- the history is pruned ----

$node->append_conf('postgresql.conf', "pgbackup.history_days = 30\n");
$node->reload;
$node->safe_psql('west', q{
	UPDATE pgbackup_runs SET finished_at = finished_at - interval '31 days' WHERE schedule IN ('one', 'two');
	INSERT INTO pgbackup_runs (schedule, kind, status, due_at, started_at, finished_at)
	SELECT s, 'logical', 'failed', t, t, t
	FROM (VALUES ('one'), (NULL), ('long gone')) v (s), (SELECT now() - interval '40 days' AS t) o;
	UPDATE pgbackup_runs SET run_id = -run_id WHERE schedule = 'one' AND status = 'failed'});
nudge($node, 'west');
wait_for(sub { $node->safe_psql('west', q{SELECT count(*) FROM pgbackup_runs WHERE status = 'failed'}) == 0 },
	'the old rows to go');
is( $node->safe_psql('west', q{SELECT string_agg(schedule, ',' ORDER BY schedule) FROM pgbackup_runs}),
	'after that,control,one,two', 'what is old is pruned, but for the last run of each schedule');

# ---- the minute ----

is((split /\n/, wait_for_runs($node, 'postgres', 'minutely', 1))[0], 'succeeded 1 0', 'every minute');
is( $node->safe_psql('postgres', qq{
		SELECT due_at = '$next', started_at - due_at < interval '10 seconds'
		FROM pgbackup_runs WHERE schedule = 'minutely' ORDER BY run_id LIMIT 1}),
	't|t', 'in its minute');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated/, 'nothing crashes');
$node->stop;
done_testing();
