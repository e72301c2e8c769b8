#
# A backup runs with the rights of a superuser: it must run nobody else's code, and
# nobody else must take part in it.
#
# test/t/014_export_security.pl
#
use strict;
use warnings;

use PgBackupArchive;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');

# ---- code of those who own tables ----

# Each function tells the server's log that it was run, and with which rights.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE owner LOGIN;
GRANT CREATE ON SCHEMA public TO owner;
SET ROLE owner;
CREATE FUNCTION tell(what text) RETURNS integer LANGUAGE plpgsql AS
	$$ BEGIN RAISE LOG 'trap: % runs %', current_user, what; RETURN 1; END $$;
CREATE FUNCTION tell_immutable(what text) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN RAISE LOG 'trap: % runs %', current_user, what; RETURN 1; END $$;
CREATE FUNCTION tell_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM tell('trigger'); RETURN NULL; END $$;
CREATE DOMAIN checked AS integer CHECK (VALUE >= tell_immutable('domain') - 1);
CREATE TABLE trap (
	id integer DEFAULT tell('default'),
	generated integer GENERATED ALWAYS AS (tell_immutable('generated') + id) STORED,
	of_domain checked,
	CHECK (tell_immutable('check') = 1));
CREATE INDEX ON trap ((tell_immutable('index') + id)) WHERE tell_immutable('predicate') = 1;
CREATE STATISTICS trap_statistics ON (tell_immutable('statistics') + id) FROM trap;
CREATE POLICY trapped ON trap USING (tell('policy') = 1);
CREATE TRIGGER trapped AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON trap EXECUTE FUNCTION tell_trigger();
CREATE RULE trapped AS ON INSERT TO trap DO ALSO SELECT tell('rule');
ALTER TABLE trap ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE VIEW trap_view AS SELECT tell('view');
CREATE MATERIALIZED VIEW trap_materialized AS SELECT tell_immutable('materialized view');
CREATE TABLE trap_parts (id integer) PARTITION BY RANGE ((tell_immutable('partition key') + id));
CREATE TABLE trap_part PARTITION OF trap_parts FOR VALUES FROM (0) TO (100);
INSERT INTO trap_parts VALUES (1);

-- names of the catalog, where a search_path would find them first
CREATE FUNCTION format_type(oid, integer) RETURNS text LANGUAGE sql AS $$ SELECT 'trap' || tell('format_type') $$;
CREATE FUNCTION set_config(text, text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT 'trap' || tell('set_config') $$;
CREATE FUNCTION pg_get_expr(pg_node_tree, oid) RETURNS text LANGUAGE sql AS $$ SELECT 'trap' || tell('pg_get_expr') $$;
CREATE FUNCTION equal(oid, oid) RETURNS boolean LANGUAGE sql AS $$ SELECT tell('equal') = 1 AND $1::bigint OPERATOR(pg_catalog.=) $2::bigint $$;
CREATE OPERATOR = (FUNCTION = equal, LEFTARG = oid, RIGHTARG = oid);
RESET ROLE;
ALTER DATABASE postgres SET search_path = public, pg_catalog;
SQL
my $log_before = -s $node->logfile;

$node->safe_psql('postgres', 'SET ROLE owner; INSERT INTO trap (id, of_domain) VALUES (5, 6)');
is_deeply([ traps() ], [ map { "owner runs $_" } 'check', 'domain', 'generated', 'index', 'policy', 'predicate', 'rule', 'trigger' ],
	'the traps work');

my $id = $node->safe_psql('postgres', 'SELECT pgbackup_run(jobs => 2)');
my $folder = backup_folder($node, $id);
my %tables = map { $_->{name} => $_ } @{ read_manifest($folder)->{tables} };

is(table_rows($folder, $tables{trap}), "5\t6\n", 'the rows are there, in spite of the policy');
is(table_rows($folder, $tables{trap_part}), "1\n", 'so are those of the partition');
is_deeply([ traps() ], [], 'and no code of the owner was run');

# ---- who is granted the function backs up all of the database ----

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE runner LOGIN;
GRANT EXECUTE ON FUNCTION pgbackup_run TO runner;
CREATE TABLE secret AS SELECT 'nobody may read this' AS text;
SQL
$id = $node->safe_psql('postgres', 'SELECT pgbackup_run()', extra_params => [ '--username=runner' ]);
%tables = map { $_->{name} => $_ } @{ read_manifest(backup_folder($node, $id))->{tables} };
is(table_rows(backup_folder($node, $id), $tables{secret}), "nobody may read this\n", 'a backup has what its runner may not read');
is_deeply([ traps() ], [], 'nor is code run then');

# ---- sessions that would pass for that of pg_dump ----

my $copy = 'COPY secret TO STDOUT';

$ENV{PGOPTIONS} = '-c pgbackup.export_job=0:1';
isnt(scalar $node->psql('postgres', $copy, extra_params => [ '--username=runner' ], stderr => \my $stderr), 0,
	'only a superuser can serve a backup');
like($stderr, qr/permission denied to set parameter "pgbackup.export_job"/, 'and is told so');

# Some are well formed, and some are not; none is that of a running job.
foreach my $job ('0:1', '0:0', '0', 'x', '-1:5', '99999999999:1', '15:18446744073709551615', '16:1', ':', '0:1:2')
{
	local $ENV{PGOPTIONS} = "-c pgbackup.export_job=$job";
	fails_like($node, $copy, qr/backup job of this pg_dump is gone|invalid value for parameter/, "there is no job $job");
}
delete $ENV{PGOPTIONS};
is($node->safe_psql('postgres', $copy), 'nobody may read this', 'other sessions read what there is');

done_testing();

# What the log tells since the last time.
sub traps
{
	my $log = slurp_file($node->logfile, $log_before);
	my %traps = map { $_ => 1 } $log =~ /LOG:  trap: (.*)/g;

	$log_before = -s $node->logfile;
	return sort keys %traps;
}
