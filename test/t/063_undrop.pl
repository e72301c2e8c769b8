#
# 063_undrop.pl
#	  pgbackup_undrop: a dropped table comes back under its own name; pg_dump's word
#	  for the schema must then be what it was before, and so must the rows.
#
# test/t/063_undrop.pl
#
use strict;
use warnings;

use PgBackupArchive;
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
	  . "autovacuum = off\n");
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub hash { return table_hash($node, 'postgres', $_[0]); }
sub schema { return plain_dump($node, 'postgres', '--schema-only', '--exclude-schema=pgbackup_recovery'); }

sub refused
{
	my ($arguments, $pattern, $name) = @_;
	return fails_like($node, "SELECT pgbackup_undrop($arguments)", $pattern, $name);
}

sql(q{
	CREATE ROLE clerk LOGIN;
	CREATE TABLE before_us (id int);
	DROP TABLE before_us;
	CREATE EXTENSION pgbackup;
	CREATE SCHEMA "Strange ""Schema""";
	CREATE TABLE customers (id int PRIMARY KEY);
	INSERT INTO customers SELECT generate_series(1, 10);
	CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers DEFAULT 1, item text CHECK (item <> ''));
	INSERT INTO orders (item) SELECT md5(n::text) FROM generate_series(1, 1000) n;
	CREATE INDEX ON orders (item);
	GRANT SELECT ON orders TO clerk;
	COMMENT ON TABLE orders IS 'what was ordered';
	ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON orders USING (customer > 0);
	CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
	CREATE TABLE lines (order_id int REFERENCES orders, n int);
	INSERT INTO lines SELECT n, n FROM generate_series(1, 500) n;
	CREATE TABLE readings (at date, v int) PARTITION BY RANGE (at);
	CREATE TABLE readings_old PARTITION OF readings FOR VALUES FROM ('2000-01-01') TO ('2010-01-01');
	CREATE TABLE readings_new PARTITION OF readings FOR VALUES FROM ('2010-01-01') TO ('2030-01-01');
	CREATE INDEX ON readings (v);
	INSERT INTO readings SELECT date '2005-01-01' + n, n % 3 FROM generate_series(1, 5000) n;
	CREATE TABLE "Strange ""Schema"""."It's a ""name"".*" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t text, u text GENERATED ALWAYS AS (t || 'x') STORED);
	INSERT INTO "Strange ""Schema"""."It's a ""name"".*" (t) SELECT md5(n::text) FROM generate_series(1, 300) n;
});
sql(q{SELECT pgbackup_run('full')});
my $strange = q{"Strange ""Schema"""."It's a ""name"".*"};

# ---- in the middle of a chain of foreign keys, with rows since the backup ----

sql('UPDATE orders SET item = item || id WHERE id % 3 = 0');
my ($schema, $orders, $lines) = (schema(), hash('orders'), hash('lines'));
sql('DROP TABLE orders CASCADE');
isnt(schema(), $schema, 'a table is dropped, and a foreign key with it');
is(sql(q{SELECT pgbackup_undrop('orders')}), 'orders', 'it comes back');
is(hash('orders'), $orders, 'with its rows');
is(hash('lines'), $lines, 'and others keep theirs');
is(schema(), $schema, 'with its indexes, foreign keys both ways, trigger, policy, grants and comment');
is(sql(q{INSERT INTO orders (item) VALUES ('next') RETURNING id}), '1001', 'its sequence goes on');
is(sql('SELECT count(*) FROM pgbackup_staged_tables'), '0', 'nothing stays staged');

refused(q{'orders'}, qr/table "public.orders" exists\nDETAIL:.*Nothing has been recovered/, 'a name that is taken is refused, before anything is recovered');
is(sql(q{SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('pgbackup_recovery')}), '0', 'and that leaves nothing');

# ---- a partitioned table, dropped in a long transaction, after it was renamed there ----

my $readings = hash('readings');
my $session = $node->background_psql('postgres');
$schema = schema();
$session->query_until(qr/dropped/, "BEGIN;\nALTER TABLE readings RENAME TO measured;\nDROP TABLE measured;\n\\echo dropped\n");
sql(q{INSERT INTO customers SELECT generate_series(11, 2000); SELECT pg_switch_wal()});
refused(q{'measured'}, qr/no drop of table "measured" is recorded/, 'until it is committed, nothing is dropped');
$session->query_until(qr/done/, "COMMIT;\n\\echo done\n");
$session->quit;
is(sql(q{SELECT pgbackup_undrop('measured')}), 'readings', 'it comes back by its OID, as it was before that transaction');
is(hash('readings'), $readings, 'with the rows of its partitions');
is(schema(), $schema, 'and its definition');

# ---- with a view ----

sql('CREATE VIEW few AS SELECT * FROM lines WHERE n < 10');
sql('DROP TABLE lines CASCADE');
my (undef, $back, $said) = $node->psql('postgres', q{SELECT pgbackup_undrop('lines')});
is($back, 'lines', 'a table comes back without the view on it');
like($said, qr/does not exist: view public\.few\n.*HINT:  cascade => true brings back what went along/s, 'which is said');
is(hash('lines'), $lines, 'and with its rows');

# ---- twice the same name, and rolled back ----

sql(q{CREATE TABLE twice AS SELECT 1 AS first});
sql(q{DROP TABLE twice});
my $between = sql('SELECT clock_timestamp()');
sql(q{CREATE TABLE twice AS SELECT 2 AS second});
sql(q{DROP TABLE twice});
is(sql(qq{BEGIN; SELECT pgbackup_undrop('twice'); SELECT * FROM twice; ROLLBACK}), "twice\n2", 'the last one');
is(sql(q{SELECT to_regclass('twice') IS NULL}), 't', 'is gone with the transaction');
sql(qq{SELECT pgbackup_undrop('public.twice', before => '$between')});
is(sql('SELECT first FROM twice'), '1', 'the one before a moment');

# ---- TRUNCATE ----

my $truth = hash($strange);
sql("TRUNCATE $strange");
sql("INSERT INTO $strange (t) VALUES ('later')");
my ($status, $staged, $notes) = $node->psql('postgres', "SELECT pgbackup_undrop(\$\$$strange\$\$)");
is(hash($staged), $truth, 'a truncated table is staged') or diag($notes);
like($notes, qr/was truncated: the rows that it had are in/, 'which is said');
my ($merge) = $notes =~ /They come back with: (.*;)$/m;
sql($merge);
sql($merge);
is(hash("(SELECT * FROM $strange WHERE t <> 'later')"), $truth, 'the hint brings the rows back, once');

sql(q{CREATE TABLE notes (id int PRIMARY KEY, t text); INSERT INTO notes VALUES (1, 'one')});
sql('TRUNCATE notes');
(undef, undef, $notes) = $node->psql('postgres', q{SELECT pgbackup_undrop('notes')});
like($notes, qr/^\S+ ?NOTICE:  table "public.notes" was truncated: the rows that it had are in "pgbackup_recovery.notes"\n\QHINT:  They come back with: INSERT INTO public.notes (id, t) OVERRIDING SYSTEM VALUE SELECT id, t FROM pgbackup_recovery.notes s WHERE NOT EXISTS (SELECT FROM public.notes l WHERE l.id = s.id);\E/m,
	'the statement that the README shows');

# what it says works as it is printed: a sequence that has begun again, new rows under old keys, an order to be kept
sql(q{
	CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a * 2) STORED, n serial);
	INSERT INTO numbered (a) SELECT generate_series(1, 50);
	CREATE TABLE of_numbered (id serial, numbered int REFERENCES numbered);
	INSERT INTO of_numbered (numbered) SELECT generate_series(1, 30);
});
my ($of_numbered, $numbered) = (hash('of_numbered'), hash('(SELECT * FROM numbered WHERE id > 1)'));
sql('TRUNCATE numbered, of_numbered RESTART IDENTITY; INSERT INTO numbered (a) VALUES (1000)');
(undef, undef, $notes) = $node->psql('postgres', q{SELECT pgbackup_undrop('numbered')});
like($notes, qr/DETAIL:  It has rows again: old ones whose key is in use stay where they are; pgbackup_diff_table\('pgbackup_recovery.numbered', 'public.numbered'\) shows them/,
	'what stays away is told');
sql($notes =~ /They come back with: (.*;)$/m);
is(hash('(SELECT * FROM numbered WHERE id > 1)'), $numbered, 'identity, serial and generated columns: the rows are back');
is(sql('INSERT INTO numbered (a) VALUES (2) RETURNING id > 50 AND n > 50'), 't', 'and their sequences go on');
(undef, undef, $notes) = $node->psql('postgres', q{SELECT pgbackup_undrop('of_numbered')});
like($notes, qr/DETAIL:  Its foreign keys need the rows of public\.numbered, which were truncated with it: bring those back first\./, 'the order is told');
sql($notes =~ /They come back with: (.*;)$/m);
is(hash('of_numbered'), $of_numbered, 'rows that refer to them');
is(sql('INSERT INTO of_numbered VALUES (DEFAULT, 1) RETURNING id > 30'), 't', 'and their sequence goes on');

# ---- what cannot be done ----

# whether the name of what a transaction has dropped was free before it, only a recovery can tell
sql(q{CREATE TABLE swapped (id int)});
sql(q{BEGIN; DROP TABLE swapped; CREATE TABLE swapped (other text); COMMIT});
refused(q{'swapped'}, qr/table "public.swapped" exists.*putting back table/s, 'a table that was replaced by one transaction');
sql(q{BEGIN; CREATE TABLE fleeting (id int); DROP TABLE fleeting; COMMIT});
refused(q{'fleeting'}, qr/did not exist at .*HINT:  The transaction that dropped or truncated it had made it/s, 'one that lived for a transaction');
sql(q{
	CREATE TABLE parted (id int) PARTITION BY LIST (id); CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
	TRUNCATE parted;
});
refused(q{'parted'}, qr/no drop of table.*HINT:  The table is there, and partitioned.*its partitions/s, 'a partitioned table that was truncated');
sql(q{
	CREATE SCHEMA going; CREATE TYPE going.mood AS ENUM ('good'); CREATE TABLE going.t (m going.mood);
	SET client_min_messages = error; DROP SCHEMA going CASCADE;
});
refused(q{'going.t'}, qr/schema "going" does not exist.*HINT:  The definition of table "going.t" needs it.*cascade => true/s, 'a table whose schema has gone with it');


refused(q{'before_us'}, qr/no drop of table "before_us" is recorded.*pgbackup_restore_table\('before_us', at =>/s, 'nothing recorded');
refused(qq{'orders', before => '2000-01-01'}, qr/is recorded before that moment/, 'nothing before that moment');
refused(q{NULL}, qr/must not be null/i, 'no name');
sql(q{
	CREATE SCHEMA a; CREATE SCHEMA b;
	CREATE TABLE a.same (id int); CREATE TABLE b.same (id int);
	DROP TABLE a.same, b.same;
	GRANT EXECUTE ON FUNCTION pgbackup_undrop TO clerk;
});
refused(q{'same'}, qr/of more than one schema were dropped/, 'a name of two schemas');
sql('DROP TABLE twice');
fails_like($node, q{SET SESSION AUTHORIZATION clerk; SELECT pgbackup_undrop('twice')}, qr/permission denied to bring back table "public.twice"\nDETAIL:  It belonged to role/,
	'who may not have it may not undrop it, which is known before anything is recovered');

$node->stop;
done_testing();
