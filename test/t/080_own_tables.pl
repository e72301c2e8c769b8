#
# 080_own_tables.pl
#	  Who owns the schema of the extension may rename it: what is written with the rights
#	  of the superuser must still go to the extension's tables, and nowhere else.
#
# test/t/080_own_tables.pl
#
use strict;
use warnings;

use PgBackupArchive;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', extension => 0);
my ($old, $new);

sub boss { return $node->safe_psql('shop', "SET ROLE boss; $_[0]"); }

# A session of the schema's owner, with a snapshot of its own.
sub old_session
{
	my ($mode) = @_;
	my $session = $node->background_psql('shop', on_error_stop => 0);

	$session->query("SET ROLE boss; BEGIN ISOLATION LEVEL REPEATABLE READ $mode; SELECT 1");
	return $session;
}

# The other schema takes the name of the extension's, and the extension's gets another.
sub swap { return "ALTER SCHEMA public RENAME TO away; ALTER SCHEMA trap RENAME TO public"; }
sub swap_back { return "ALTER SCHEMA public RENAME TO trap; ALTER SCHEMA away RENAME TO public"; }

sub is_trapped
{
	my ($trapped, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('shop', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'boss'}),
		$trapped, $name);
	return;
}

sub recorded
{
	my ($schema) = @_;

	return $node->safe_psql('shop', "SELECT string_agg(object_name, ' ' ORDER BY drop_id) FROM $schema.pgbackup_dropped_objects");
}

$node->safe_psql('postgres', 'CREATE ROLE boss LOGIN; CREATE DATABASE shop OWNER boss');
$node->safe_psql('shop', q{
	ALTER SCHEMA public OWNER TO pg_database_owner;
	CREATE EXTENSION pgbackup;
	CREATE SCHEMA trap AUTHORIZATION boss;
	DO $$
	DECLARE
		name text;
	BEGIN
		FOREACH name IN ARRAY '{pgbackup_drop_events, pgbackup_dropped_objects, pgbackup_schedule_rules, pgbackup_runs}'::text[] LOOP
			EXECUTE format('CREATE TABLE trap.%1$I (LIKE public.%1$I INCLUDING ALL)', name);
			EXECUTE format('ALTER TABLE trap.%I OWNER TO boss', name);
		END LOOP;
	END $$;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO boss});
boss(q{
	CREATE SCHEMA own;
	CREATE TABLE own.a (); CREATE TABLE own.b (); CREATE TABLE own.c (); CREATE TABLE own.d ();
	CREATE FUNCTION trap.spring() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN ALTER ROLE boss SUPERUSER; RETURN NEW; END $$;
	CREATE FUNCTION trap.spring_read() RETURNS integer LANGUAGE plpgsql AS
		$$ BEGIN RAISE LOG 'trap: % reads', current_user; RETURN 1; END $$;
	CREATE TRIGGER spring BEFORE INSERT OR UPDATE ON trap.pgbackup_drop_events FOR EACH ROW EXECUTE FUNCTION trap.spring();
	CREATE TRIGGER spring BEFORE INSERT OR UPDATE ON trap.pgbackup_schedule_rules FOR EACH ROW EXECUTE FUNCTION trap.spring();
	ALTER TABLE trap.pgbackup_runs RENAME TO runs;
	CREATE VIEW trap.pgbackup_runs AS SELECT * FROM trap.runs WHERE trap.spring_read() = 1;
	INSERT INTO trap.runs (run_id, kind, status) VALUES (1, 'logical', 'succeeded')});
is_trapped('f', 'the owner of the schema is no superuser');

# ---- with a snapshot of before ----

$old = old_session('');
boss(swap());
$old->query('DROP TABLE own.a; COMMIT');
$old->quit;
is_trapped('f', 'a drop, with an old snapshot');
is(recorded('away'), 'a', 'which is recorded where it belongs');

boss(swap_back());
$old = old_session('');
boss(swap());
$old->query(q{SELECT away.pgbackup_schedule('mine', '@yearly'); COMMIT});
$old->quit;
is_trapped('f', 'a schedule');
is($node->safe_psql('shop', 'SELECT name FROM away.pgbackup_schedule_rules'), 'mine', 'which is where it belongs');

boss(swap_back());
$old = old_session('READ ONLY');
boss(swap());
like($old->query(q{SELECT string_agg(detail, ' ') FROM away.pgbackup_check() WHERE name = 'schedules'}),
	qr/Schedule "mine"/, 'a read-only transaction reads the schedules');
$old->query('COMMIT');
$old->quit;
unlike(slurp_file($node->logfile), qr/trap: \w+ reads/, 'and nothing else');
boss(swap_back());

# ---- while it is being renamed ----

$new = $node->background_psql('shop', on_error_stop => 0);
$new->query("SET ROLE boss; BEGIN; " . swap());
$old = $node->background_psql('shop', on_error_stop => 0);
$old->query_until(qr/started/, "SET application_name = 'dropper';\nSET ROLE boss;\n\\echo started\nDROP TABLE own.b;\n");
wait_for(sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dropper' AND wait_event_type = 'Lock'}) }, 'the drop to wait');
$new->query('COMMIT');
$old->query_until(qr/ended/, "\\echo ended\n");
$old->quit;
is_trapped('f', 'a drop during the swap');
is(recorded('away'), 'a b', 'is recorded where it belongs');

$old = $node->background_psql('shop', on_error_stop => 0);
$old->query('SET ROLE boss; BEGIN; DROP TABLE own.c');
my ($rc, $out, $err) = $node->psql('shop', 'SET ROLE boss; SET lock_timeout = 300; ALTER SCHEMA away RENAME TO elsewhere');
like($err, qr/lock timeout/, 'who renames waits for who has written');
$old->query('DROP TABLE own.d; COMMIT');
$old->quit;
boss(swap_back());
is(recorded('public'), 'a b c d', 'and then may');
is_trapped('f', 'in the end');
$new->quit;

# ---- it works ----

boss(swap());
is($node->safe_psql('shop', q{INSERT INTO public.pgbackup_schedule_rules SELECT * FROM away.pgbackup_schedule_rules; SELECT rolsuper FROM pg_roles WHERE rolname = 'boss'}),
	't', 'the trap works');

$node->stop;
done_testing();
