#
# 002_upgrade.pl
#	  The extension of each earlier version works with this library, and ALTER EXTENSION ... UPDATE makes of it
#	  what CREATE EXTENSION makes, with the rows that its tables had.
#
# test/t/002_upgrade.pl
#
use strict;
use warnings;

use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', extension => 0);

my @versions = sort split /\n/, $node->safe_psql('postgres',
	q{SELECT DISTINCT source FROM pg_extension_update_paths('pgbackup') WHERE path IS NOT NULL});
my $latest = $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'pgbackup'});
@versions = grep { $_ ne $latest } @versions;
cmp_ok(scalar @versions, '>=', 5, 'there are earlier versions');

# All members, with what can be known of them.
sub surface
{
	my ($database) = @_;
	return $node->safe_psql($database, <<'SQL');
WITH members AS (
	SELECT classid, objid FROM pg_depend
	WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgbackup'))
SELECT pg_describe_object(classid, objid, 0), obj_description(objid, classid::regclass::name),
	(SELECT concat_ws(' ', pg_get_functiondef(oid), proacl) FROM pg_proc WHERE classid = 'pg_proc'::regclass AND oid = objid),
	(SELECT concat_ws(' ', relkind, relacl, CASE WHEN relkind = 'v' THEN pg_get_viewdef(oid) END)
	 FROM pg_class WHERE classid = 'pg_class'::regclass AND oid = objid),
	(SELECT string_agg(concat_ws(' ', attname, atttypid::regtype, attnotnull, attidentity, pg_get_expr(adbin, adrelid), col_description(objid, attnum)), ', ' ORDER BY attnum)
	 FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
	 WHERE classid = 'pg_class'::regclass AND attrelid = objid AND attnum > 0 AND NOT attisdropped),
	(SELECT string_agg(pg_get_indexdef(indexrelid), ', ' ORDER BY 1) FROM pg_index WHERE classid = 'pg_class'::regclass AND indrelid = objid),
	(SELECT string_agg(pg_get_constraintdef(oid), ', ' ORDER BY conname) FROM pg_constraint WHERE classid = 'pg_class'::regclass AND conrelid = objid),
	(SELECT string_agg(concat(pg_get_triggerdef(oid), tgenabled), ', ' ORDER BY tgname) FROM pg_trigger WHERE classid = 'pg_class'::regclass AND tgrelid = objid AND NOT tgisinternal)
FROM members
UNION ALL
SELECT 'dumped', c.config::regclass::text, c.condition, NULL, NULL, NULL, NULL, NULL
FROM pg_extension, unnest(extconfig, extcondition) c (config, condition) WHERE extname = 'pgbackup'
ORDER BY 1, 2
SQL
}

$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION pgbackup');
my $fresh = surface('fresh');
is($node->safe_psql('fresh', q{SELECT string_agg(proname, ' ') FROM pg_proc WHERE proname LIKE 'pgbackup%' AND pronargs > 0 AND ('' = ANY (proargnames) OR proargnames IS NULL)}),
	'', 'all arguments have names');

for my $version (@versions)
{
	my $database = "from_$version" =~ tr/./_/r;
	my ($minor) = $version =~ /^0\.(\d+)\./;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION pgbackup VERSION '$version'");
	like($node->safe_psql($database, 'CREATE TABLE t AS SELECT 1 AS i; SELECT pgbackup_run()'), qr/^\d{8}-\d{6}L$/, "$version: a backup");
	is($node->safe_psql($database, q{SELECT staged FROM pgbackup_restore_table('public.t')}), 'pgbackup_recovery.t', "$version: a table of it");
	$node->safe_psql($database, q{SELECT pgbackup_schedule('yearly', '@yearly', tables => '{t}')}) if $minor >= 2;
	$node->safe_psql($database, 'TRUNCATE t; DROP TABLE t');

	$node->safe_psql($database, 'ALTER EXTENSION pgbackup UPDATE');
	ok(surface($database) eq $fresh, "$version: updated, it is as a new one");
	is($node->safe_psql($database, 'SELECT count(*) FROM pgbackup_runs'), $minor >= 2 ? 1 : 0, "$version: with its runs");
	is($node->safe_psql($database, 'SELECT name, last_status, next_run > now() FROM pgbackup_schedules'), $minor >= 2 ? 'yearly||t' : '', "$version: its schedules");
	is($node->safe_psql($database, 'SELECT command FROM pgbackup_drops ORDER BY drop_id'), $minor >= 5 ? "TRUNCATE TABLE\nDROP TABLE" : '', "$version: its drops");
	is($node->safe_psql($database, $minor >= 3 ? q{SELECT pgbackup_promote_table('pgbackup_recovery.t')} : q{SELECT to_regclass('pgbackup_recovery.t')}),
		$minor >= 3 ? 't' : 'pgbackup_recovery.t', "$version: its staged tables");
	$node->safe_psql($database, 'CREATE TABLE u (i int); DROP TABLE u');
	is($node->safe_psql($database, q{SELECT command, relation FROM pgbackup_drops WHERE relation = 'public.u'}), 'DROP TABLE|public.u', "$version: and records drops");
}

$node->stop;
done_testing();
