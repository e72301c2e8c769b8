#
# 042_schedule_standby.pl
#	  On a standby nothing runs and nothing fails; after promotion the schedules go on.
#
# test/t/042_schedule_standby.pl
#
use strict;
use warnings;

use PgBackupSchedule;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--no-locale' ]);
$primary->append_conf('postgresql.conf',
	$schedule_conf
	  . "shared_preload_libraries = 'pgbackup'\npgbackup.repository = '"
	  . repository($primary) . "'\n");
$primary->start;
$primary->safe_psql('postgres', qq{
	CREATE EXTENSION pgbackup;
	CREATE TABLE t AS SELECT 1 AS i;
	SELECT pgbackup_schedule('nightly', '30 2 1 $far_month *');
	SELECT pgbackup_schedule('skipping', '0 2 1 $far_month *', on_missed => 'skip')});
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "pgbackup.repository = '" . repository($standby) . "'\n");
$standby->start;

is($standby->safe_psql('postgres', q{SELECT string_agg(name || ' ' || status, ' ' ORDER BY name) FROM pgbackup_check() WHERE name IN ('schedules', 'runs', 'preload', 'connection', 'archive')}),
	'archive ok connection ok preload ok runs ok schedules ok schedules ok', 'all is well on a standby');

# Due on both, by what the primary writes; and the primary's run is the only one.
make_due($primary, 'postgres', 'nightly');
is(wait_for_runs($primary, 'postgres', 'nightly', 1), 'succeeded 1 0', 'the primary runs it');
$primary->safe_psql('postgres', q{
	ALTER TABLE pgbackup_schedule_rules DISABLE TRIGGER ALL;
	UPDATE pgbackup_schedule_rules SET next_run = now() - interval '90 seconds';
	INSERT INTO pgbackup_runs (schedule, kind, status, due_at) VALUES ('nightly', 'logical', 'running', now())});
$primary->wait_for_catchup($standby);
sleep 6;
is($standby->safe_psql('postgres', q{SELECT count(*), bool_and(next_run < now()) FROM pgbackup_schedules}),
	'2|t', 'the standby shows what is due');
is(runs($standby, 'postgres', 'nightly'), "succeeded 1 0\nrunning 1 0", 'and it has run nothing');
fails_like($standby, q{SELECT pgbackup_schedule('new', '@daily')}, qr/cannot execute pgbackup_schedule\(\) during recovery/, 'nor can it be given schedules');
fails_like($standby, q{SELECT pgbackup_unschedule('nightly')}, qr/cannot execute pgbackup_unschedule\(\) during recovery/, 'nor be deprived of them');
unlike(slurp_file($standby->logfile), qr/pgbackup.*(ERROR|LOG|FATAL)|no background worker/, 'nothing fails');

$primary->stop('immediate');
$standby->promote;
like(wait_for_runs($standby, 'postgres', 'skipping', 1), qr/^missed 1 1$/, 'after promotion: what was missed is told');
like(wait_for_runs($standby, 'postgres', 'nightly', 3), qr/^succeeded 1 0\ncrashed 1 0\nsucceeded 1 1$/, 'what ran on the primary has crashed; what is due runs');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pgbackup_schedules WHERE next_run > now()}), '2', 'and they go on');
make_due($standby, 'postgres', 'skipping');
$standby->safe_psql('postgres', 'ALTER TABLE pgbackup_schedule_rules ENABLE ALWAYS TRIGGER pgbackup_schedule_changed');
nudge($standby, 'postgres');
is(wait_for_runs($standby, 'postgres', 'skipping', 2), "missed 1 1\nsucceeded 1 0", 'by themselves');

$standby->stop;
done_testing();
