#
# 033_restore_database.pl
#	  A whole backup restored into a new database: it is the same as the old one.
#
# test/t/033_restore_database.pl
#
use strict;
use warnings;

use JSON::PP ();
use PgBackupArchive;
use PgBackupEverything;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => "wal_level = logical\nmax_worker_processes = 20\n");
my ($id, $remarks);

# The remarks of a restore, asked for in database postgres.
sub restore
{
	my ($arguments) = @_;
	my ($status, $stdout, $stderr) =
	  $node->psql('postgres', "SELECT pgbackup_restore_database($arguments)");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($status, 0, "restored: $arguments") or diag($stderr);
	return $stderr;
}

# What is the same in two databases but for their names; how the run ended is written down
# after a backup has looked.
sub dump_of
{
	my ($database, $name) = @_;
	my $text = plain_dump($node, $database, '--create');

	$text =~ s/\b$database\b/$name/g;
	return $text;
}

# ---- one of everything ----

make_everything($node, 'everything');
$node->safe_psql('everything', <<'SQL');
SELECT pgbackup_schedule('nightly', '0 3 * * *'), pgbackup_schedule('off', '0 4 * * *', enabled => false);
ALTER DATABASE everything CONNECTION LIMIT 11;
ALTER DATABASE everything SET default_transaction_read_only = on;
SELECT lo_create(n), lo_put(n, 0, convert_to('object ' || n, 'UTF8')) FROM generate_series(100001, 100250) n;
SELECT lo_create(99999), lo_put(99999, 0, (SELECT string_agg(sha256(i::text::bytea), '') FROM generate_series(1, 100000) i));
ALTER LARGE OBJECT 100001 OWNER TO keeper;
COMMENT ON LARGE OBJECT 100002 IS 'a large object''s comment';
SQL
$id = $node->safe_psql('everything', 'SELECT pgbackup_run()');
$node->safe_psql('everything', "SET default_transaction_read_only = off; DELETE FROM pgbackup_runs WHERE backup = '$id'");

$remarks = restore("'everything_again', '$id', jobs => 3");
like($remarks, qr/NOTICE:  database "everything_again" is restored from backup "$id".*DETAIL:  Schedules of backups that were enabled: 1\. /s,
	'who asked is told of the schedules');
is( $node->safe_psql('everything_again', 'SELECT name, enabled, next_run FROM pgbackup_schedules ORDER BY name'),
	"nightly|f|\noff|f|", 'which are disabled in the copy');
$node->safe_psql('everything_again', <<'SQL');
SET default_transaction_read_only = off;
UPDATE pgbackup_schedule_rules SET enabled = true WHERE name = 'nightly';
SQL
is_same_text(dump_of('everything_again', 'everything'), dump_of('everything', 'everything'),
	'apart from that the copy is the original');
is( $node->safe_psql('postgres', "SELECT datconnlimit, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'everything_again'"),
	"11|a database's comment", 'with the properties of the database');
is( $node->safe_psql('everything_again', q{
		SELECT count(*) FROM pg_class c
		WHERE relkind IN ('r', 'm') AND oid >= 16384 AND reltuples < 0}),
	'0', 'every table has been analyzed');
is( $node->safe_psql('postgres', "SELECT kind, status, backup, message, detail ~ '^Schedules' FROM pgbackup_runs ORDER BY run_id DESC LIMIT 1")
	  =~ s/with \d+ tables of \d+ rows/with rows/r,
	qq(restore|succeeded|$id|database "everything_again" is restored from backup "$id", with rows|t),
	'the run has its row');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp') d"), '0',
	'no file of pg_restore is left');

# ---- roles ----

# What pg_dumpall says of roles whose names begin so.
sub roles_like
{
	my ($prefix) = @_;
	my $path = PostgreSQL::Test::Utils::tempdir_short() . '/roles.sql';

	$node->command_ok([ 'pg_dumpall', '--roles-only', '--file', $path ], 'pg_dumpall gives the roles');
	return join '', grep { /\Q$prefix\E/ } split /^/, read_file($path);
}

$node->safe_psql('postgres', <<'SQL');
CREATE DATABASE people;
CREATE ROLE staying LOGIN PASSWORD 'old' CONNECTION LIMIT 1;
CREATE ROLE "gone owner";
CREATE ROLE "gone user" LOGIN PASSWORD 'secret' CONNECTION LIMIT 7 VALID UNTIL '2040-01-01 00:00:00+00' CREATEDB;
GRANT "gone owner", staying TO "gone user";
GRANT "gone owner" TO staying;
ALTER ROLE "gone user" SET work_mem = '3MB';
COMMENT ON ROLE "gone user" IS '
\restrict is no command here';
GRANT SET ON PARAMETER log_statement TO "gone user", staying;
ALTER DATABASE people OWNER TO "gone owner";
ALTER ROLE "gone user" IN DATABASE people SET work_mem = '4MB';
\c people
CREATE TABLE t (i int);
INSERT INTO t VALUES (1);
ALTER TABLE t OWNER TO "gone owner";
GRANT SELECT ON t TO "gone user";
CREATE EXTENSION pgbackup;
SQL
my $roles = roles_like('gone');
$id = $node->safe_psql('people', 'SELECT pgbackup_run()');
$node->safe_psql('postgres', <<'SQL');
DROP DATABASE people;
REVOKE ALL ON PARAMETER log_statement FROM "gone user";
DROP ROLE "gone user", "gone owner";
ALTER ROLE staying PASSWORD 'new' CONNECTION LIMIT 2;
SQL
my $staying = roles_like('staying');

$remarks = restore("'people', '$id'");
like($remarks, qr/created: "gone owner", "gone user"\./, 'who asked is told of the roles that were created');
like($remarks, qr/Role "staying", which existed, was not made a member of the new role "gone owner"\./,
	'and that those which exist do not become members');
is(roles_like('gone'), $roles =~ s/^GRANT "gone owner" TO staying.*\n//mr, 'roles that were missing are as they were');
is( join('', grep { !/gone/ } split /^/, roles_like('staying')),
	join('', grep { !/gone/ } split /^/, $staying), 'those that exist are as they are');
is( $node->safe_psql('people', q{
		SELECT (SELECT rolname FROM pg_database d JOIN pg_roles r ON datdba = r.oid WHERE datname = 'people'),
			tableowner, has_table_privilege('gone user', 't', 'SELECT'),
			(SELECT setconfig FROM pg_db_role_setting WHERE setdatabase <> 0 AND setrole = '"gone user"'::regrole)
		FROM pg_tables WHERE tablename = 't'}),
	'gone owner|gone owner|t|{work_mem=4MB}', 'they have what they had in the database');
unlike(slurp_file($node->logfile), qr/SCRAM-SHA-256\$4096:[^']*'.*gone/, 'no password is in the log');

# ---- encodings and locales ----

$node->safe_psql('postgres', q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});
$node->safe_psql('latin', <<'SQL');
SET client_encoding = 'UTF8';
CREATE EXTENSION pgbackup;
CREATE TABLE "größe" ("maß" text CHECK ("maß" <> 'ß'));
INSERT INTO "größe" SELECT 'ä' || i FROM generate_series(1, 1000) i;
SELECT pgbackup_run();
SQL
$node->safe_psql('latin', "SELECT pgbackup_restore_database('latin copy', jobs => 1)");
is( $node->safe_psql('latin copy', q{SELECT getdatabaseencoding(), count(*), sum(hashtext(t::text)) FROM (SELECT * FROM "größe") t},
		connstr => $node->connstr('latin copy') . ' client_encoding=UTF8'),
	$node->safe_psql('latin', q{SELECT getdatabaseencoding(), count(*), sum(hashtext(t::text)) FROM (SELECT * FROM "größe") t},
		connstr => $node->connstr('latin') . ' client_encoding=UTF8'),
	'another encoding, asked for in its own database');
$node->safe_psql('postgres', q{SELECT pgbackup_restore_database('größte', (SELECT max(id) FROM pgbackup_list() WHERE database = 'latin'))});
is($node->safe_psql('größte', 'SELECT count(*) FROM pg_tables WHERE tablename LIKE $$gr%$$'), '1',
	'and in a database of another encoding; and a name that is not ASCII');

SKIP:
{
	skip 'the server is built without ICU', 1
	  if $node->safe_psql('postgres', "SELECT count(*) FROM pg_collation WHERE collprovider = 'i'") eq '0';

	$node->safe_psql('postgres', q{
		CREATE DATABASE icu LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' LOCALE 'C' TEMPLATE template0 IS_TEMPLATE true});
	$node->safe_psql('icu', 'CREATE EXTENSION pgbackup; SELECT pgbackup_run()');
	$node->safe_psql('icu', "SELECT pgbackup_restore_database('icu_again')");
	# but for the rows of the runs
	my ($copy, $original) = map {
		dump_of($_, 'icu') =~ s/.*pgbackup_runs.*\n//mgr =~ s/^\d\t\\N\t(logical|restore)\t.*\n//mgr
	} qw(icu_again icu);
	is_same_text($copy, $original, 'ICU, and a template');
}

# ---- rows that go elsewhere, and rows that must wait ----

my $extensions = qx(pg_config --sharedir) =~ s/\n//r . '/extension';

write_file("$extensions/config_chain.control", "default_version = '1'\n");
write_file("$extensions/config_chain--1.sql", <<'SQL');
CREATE TABLE config_c (id integer PRIMARY KEY);
CREATE TABLE config_b (id integer PRIMARY KEY, c integer NOT NULL REFERENCES config_c);
CREATE TABLE config_a (id integer PRIMARY KEY, b integer NOT NULL REFERENCES config_b);
SELECT pg_extension_config_dump('config_a', '');
SELECT pg_extension_config_dump('config_b', '');
SELECT pg_extension_config_dump('config_c', '');
SQL
$node->safe_psql('postgres', 'CREATE DATABASE rows');
$node->safe_psql('rows', <<'SQL');
CREATE EXTENSION pgbackup;
CREATE EXTENSION config_chain;
INSERT INTO config_c SELECT generate_series(1, 1000);
INSERT INTO config_b SELECT i, i FROM generate_series(1, 1000) i;
INSERT INTO config_a SELECT i, i FROM generate_series(1, 1000) i;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'fine', 'happy', 'very happy');
CREATE TABLE by_mood (n integer, m mood) PARTITION BY HASH (m);
CREATE TABLE by_mood_0 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE by_mood_1 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE by_mood_2 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO by_mood SELECT n, (enum_range(NULL::mood))[1 + n % 5] FROM generate_series(1, 1000) n;
CREATE TABLE large (id integer PRIMARY KEY, filler text, twice integer GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO large SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 150000) i;
CREATE TABLE nothing (i integer);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
CREATE UNLOGGED TABLE unlogged AS SELECT generate_series(1, 10) i;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM large;
SQL
$node->safe_psql('rows', 'SELECT pgbackup_run(jobs => 3)');
$node->safe_psql('rows', "SELECT pgbackup_restore_database('rows2', jobs => 3)");
for my $table (qw(config_a config_b config_c by_mood large nothing no_columns unlogged counted))
{
	is(table_hash($node, 'rows2', $table), table_hash($node, 'rows', $table), "the rows of $table");
}
$node->safe_psql('rows', 'SELECT pgbackup_restore_database($$rows3$$, jobs => 1)');
is(table_hash($node, 'rows3', 'large'), table_hash($node, 'rows', 'large'), 'a large table with one worker');

# ---- not the whole ----

$id = $node->safe_psql('rows', "SELECT pgbackup_run(content => 'schema')");
like(restore("'empty', '$id'"), qr/DETAIL:  The backup has no rows: /, 'a backup of the schema alone');
is($node->safe_psql('empty', 'SELECT count(*) FROM large'), '0', 'has no rows');
$id = $node->safe_psql('rows', "SELECT pgbackup_run(tables => '{large,nothing}', exclude_table_data => '{large}')");
like(restore("'part', '$id'"),
	qr/DETAIL:  The backup has only a part of database "rows": .*without the rows of certain tables/s, 'a backup of some tables');
is($node->safe_psql('part', "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'"),
	'large nothing', 'has those');
$id = $node->safe_psql('rows', "SELECT pgbackup_run(tables => '{by_mood}')");
fails_like($node, "SELECT pgbackup_restore_database('moods', '$id')",
	qr/ERROR:  pg_restore failed.*DETAIL:  .*type "public.mood" does not exist.*HINT:  The backup has only a part/s,
	'one without what its tables need');
$id = $node->safe_psql('rows', "SELECT pgbackup_run(content => 'data')");
fails_like($node, "SELECT pgbackup_restore_database('data', '$id')",
	qr/ERROR:  backup "$id" has rows, but no definitions of tables.*HINT/s, 'a backup of rows alone is refused');

# ---- of another server ----

# The manifest with other values, and its checksum.
sub change_manifest
{
	my ($backup, $pattern, $replacement) = @_;
	my $path = backup_folder($node, $backup) . '/manifest.json';
	my $text = read_file($path);

	$text =~ s/$pattern/$replacement/ or die "no $pattern in $path";
	$text =~ s/^  "sha256".*\z//ms;
	write_file($path, $text);
	my ($sum) = split ' ', qx(sha256sum '$path');
	write_file($path, qq($text  "sha256": "$sum"\n}\n));
	return;
}

$id = $node->safe_psql('people', 'SELECT pgbackup_run()');
my $version = JSON::PP->new->decode(read_file(backup_folder($node, $id) . '/manifest.json'))->{server_version_num};
change_manifest($id, qr/"server_version_num": \d+/, '"server_version_num": 990001');
fails_like($node, "SELECT pgbackup_restore_database('newer', '$id')",
	qr/ERROR:  backup "$id" is of a newer server than this one.*HINT:  Restore it on a server of version 99 or later/s,
	'a backup of a newer server is refused');
change_manifest($id, qr/"server_version_num": \d+/, qq("server_version_num": $version));
like(restore("'as_before', '$id'"), qr/^\z/, 'and is fine without that');

# ---- tablespaces ----

my $tablespace = PostgreSQL::Test::Utils::tempdir_short();

$node->safe_psql('postgres', "CREATE TABLESPACE far LOCATION '$tablespace'");
$node->safe_psql('postgres', 'CREATE DATABASE spaces TABLESPACE far');
$node->safe_psql('spaces', <<'SQL');
CREATE EXTENSION pgbackup;
CREATE TABLE here (i integer) TABLESPACE pg_default;
CREATE TABLE there (i integer PRIMARY KEY);
SQL
$id = $node->safe_psql('spaces', 'SELECT pgbackup_run()');
is(restore("'spaces2', '$id'"), '', 'a tablespace that is there is used');
is( $node->safe_psql('spaces2', q{
		SELECT (SELECT spcname FROM pg_database d JOIN pg_tablespace s ON dattablespace = s.oid WHERE datname = 'spaces2'),
			(SELECT spcname FROM pg_class c JOIN pg_tablespace s ON reltablespace = s.oid WHERE relname = 'here')}),
	'far|pg_default', 'by the database and by tables');
$node->safe_psql('postgres', "DROP DATABASE $_") for qw(spaces spaces2);
$node->safe_psql('postgres', 'DROP TABLESPACE far');
like(restore("'spaces', '$id'"), qr/tablespace of the database, "far", does not exist here/, 'one that is not there is done without');

$node->stop;
done_testing();
