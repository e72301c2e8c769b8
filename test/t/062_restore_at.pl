#
# 062_restore_at.pl
#	  pgbackup_restore_table with a moment: the rows of a table must be those that
#	  were written down at that moment, whatever has become of it since.
#
# test/t/062_restore_at.pl
#
use strict;
use warnings;

use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--no-locale', '--wal-segsize=1', '--data-checksums' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgbackup'\n"
	  . "pgbackup.repository = '" . repository($node) . "'\n"
	  . "pgbackup.scratch_directory = '" . $node->basedir . "/scratch'\n"
	  . "wal_level = replica\narchive_mode = on\narchive_library = 'pgbackup'\nmax_worker_processes = 16\n"
	  . "autovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup');

sub sql { return $node->safe_psql('postgres', $_[0]); }

# a moment, by the server's clock, at which nothing is under way
sub now { return sql('SELECT clock_timestamp()'); }
sub lsn { return sql('SELECT pg_current_wal_insert_lsn()'); }
sub hash { return table_hash($node, 'postgres', $_[0]); }

my $seed = $ENV{PGBACKUP_TEST_SEED} // int(rand(2**31));
note("seed $seed: PGBACKUP_TEST_SEED=$seed makes the same choices");
srand($seed);

my $number = 0;

# Stages a table as of a moment, and gives the hash of what came.
sub hash_at
{
	my ($relation, $moment) = @_;
	my $argument = $moment =~ m{^[0-9A-F]+/} ? 'at_lsn' : 'at';
	my $name = 'staged_' . ++$number;

	sql("SELECT * FROM pgbackup_restore_table(\$\$$relation\$\$, $argument => '$moment', as_name => '$name')");
	return hash("pgbackup_recovery.$name");
}

my $before = now();

# ---- what there is before the backup ----

sql(q{
	CREATE SCHEMA archive;
	CREATE SCHEMA "Strange ""Schema""";
	CREATE TABLE customers (id int PRIMARY KEY);
	INSERT INTO customers SELECT generate_series(1, 10);
	CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers DEFAULT 1, item text CHECK (item <> ''));
	INSERT INTO orders (item) SELECT md5(n::text) FROM generate_series(1, 1000) n;
	CREATE INDEX ON orders (item);
	CREATE TABLE lines (order_id int REFERENCES orders, n int);
	CREATE TABLE "Strange ""Schema"""."It's a ""name"".*" (id int, t text);
	INSERT INTO "Strange ""Schema"""."It's a ""name"".*" SELECT n, n FROM generate_series(1, 100) n;
	CREATE TABLE documents (id int, body text);
	ALTER TABLE documents ALTER body SET STORAGE EXTERNAL;
	INSERT INTO documents SELECT n, repeat(md5(n::text), 900) FROM generate_series(1, 700) n;
	CREATE TABLE readings (at date, v int) PARTITION BY RANGE (at);
	CREATE TABLE readings_old PARTITION OF readings FOR VALUES FROM ('2000-01-01') TO ('2010-01-01');
	CREATE TABLE readings_new PARTITION OF readings FOR VALUES FROM ('2010-01-01') TO ('2030-01-01') PARTITION BY LIST (v);
	CREATE TABLE readings_new_1 PARTITION OF readings_new FOR VALUES IN (1, 2, 3);
	INSERT INTO readings SELECT date '2005-01-01' + n, n % 3 + 1 FROM generate_series(1, 5000) n;
	CREATE TABLE parent (id int, t text);
	CREATE TABLE child (extra int) INHERITS (parent);
	INSERT INTO parent VALUES (1, 'of the parent');
	INSERT INTO child VALUES (2, 'of the child', 3);
	CREATE UNLOGGED TABLE fleeting (id int);
	CREATE VIEW recent AS SELECT * FROM orders;
	CREATE TABLE other AS SELECT n, repeat(md5(n::text), 10) AS t FROM generate_series(1, 3000) n;
	CREATE ROLE clerk LOGIN;
	CREATE ROLE stranger LOGIN;
	GRANT EXECUTE ON FUNCTION pgbackup_restore_table TO clerk, stranger;
	CREATE TABLE ledger (id int);
	INSERT INTO ledger VALUES (1), (2);
	ALTER TABLE ledger OWNER TO clerk;
});
my $backup = sql(q{SELECT pgbackup_run('full')});

# ---- a table of the database, in three ways to say when ----

my $after_backup = now();
my $first_truth = hash('orders');
sql(q{INSERT INTO orders (item) SELECT md5(n::text) FROM generate_series(1001, 1500) n; UPDATE other SET t = t || 'x'});
my ($at, $at_lsn, $truth) = (now(), lsn(), hash('orders'));
sql(q{DELETE FROM orders WHERE id % 2 = 0});

is(hash_at('orders', $at), $truth, 'a table of the database, at a time');
is(hash_at('public.orders', $at_lsn), $truth, 'at an LSN');
is(hash_at('public.orders', now()), hash('orders'), 'now');
is(hash_at('orders', $after_backup), $first_truth, 'just after the backup');
like(sql("SELECT row_count, backup, as_of = '$at', as_of_lsn > '0/0' FROM pgbackup_restore_table('orders', at => '$at', as_name => 'columns')"),
	qr/^1500\|$backup\|t\|t$/, 'the result says of what backup, and of which moment');
is(sql("SELECT backup, restore_bytes > 1000000 AND restore_bytes < 20000000, wal_bytes > 0, disk_bytes > restore_bytes, free_bytes > 0, duration > '0' FROM pgbackup_plan_restore('orders', at => '$at')"),
	"$backup|t|t|t|t|t", 'a preview says what it takes');
my $documents = sql("SELECT pg_table_size('documents')");
is(sql("SELECT d.disk_bytes - d.restore_bytes >= o.disk_bytes - o.restore_bytes + $documents * 0.9
		FROM pgbackup_plan_restore('documents', at => '$at') d, pgbackup_plan_restore('customers', at => '$at') o"),
	't', 'with room for the rows as pg_dump writes them');

# ---- kinds of tables, all of one moment ----

my $strange = q{"Strange ""Schema"""."It's a ""name"".*"};
sql(q{
	CREATE TABLE later AS SELECT n AS id, md5(n::text) AS t FROM generate_series(1, 200) n;
	CREATE TABLE later_renamed (id int);
	INSERT INTO later_renamed VALUES (7);
	CREATE TABLE readings_late PARTITION OF readings FOR VALUES FROM ('2030-01-01') TO ('2040-01-01');
	INSERT INTO readings VALUES ('2035-01-01', 1);
	UPDATE documents SET body = body || 'x' WHERE id % 7 = 0;
	INSERT INTO child VALUES (4, 'later', 5);
});
my @kinds = ('orders', $strange, 'documents', 'readings', 'later', 'later_renamed', 'readings_new', 'customers');
my %truth = map { $_ => hash($_) } @kinds;
my $child_truth = hash('child');
$at = now();
sql(qq{
	ALTER TABLE orders RENAME TO purchases;
	ALTER TABLE customers SET SCHEMA archive;
	UPDATE $strange SET t = 'gone';
	ALTER TABLE documents ALTER id TYPE bigint;
	TRUNCATE documents;
	DROP TABLE readings;
	DROP TABLE later;
	ALTER TABLE later_renamed RENAME TO something_else;
	DELETE FROM child;
});
is(hash_at($_, $at), $truth{$_}, "$_, changed since") foreach @kinds;
is(hash_at('child', $at), $child_truth, 'a child by inheritance, with what it inherits');

# ---- several, in one recovery ----

my $recoveries = q{SELECT count(*) FROM pgbackup_runs WHERE kind = 'recovery'};
my $recovered = sql($recoveries);
sql('CREATE SCHEMA several');
is(sql("SELECT string_agg(staged || ' ' || row_count, ', ') FROM pgbackup_restore_tables(ARRAY['orders', 'readings', \$\$$strange\$\$], at => '$at', into_schema => 'several')"),
	q{several.orders 750, several.readings 5001, several."It's a ""name"".*" 100}, 'several tables in one call');
is(hash("several.$_->[0]"), $truth{ $_->[1] }, "$_->[1], of several")
  foreach [ 'orders', 'orders' ], [ 'readings', 'readings' ], [ q{"It's a ""name"".*"}, $strange ];
is(sql($recoveries), $recovered + 1, 'share one recovery');
fails_like($node, "SELECT pgbackup_restore_tables('{documents,nonsense}', at => '$at')",
	qr/table "nonsense" did not exist at that moment/, 'one of them that did not exist');
is(sql(q{SELECT to_regclass('pgbackup_recovery.documents') IS NULL}), 't', 'then none is staged');

# ---- a database of another encoding, made after the backup ----

sql(q{CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0});
$node->safe_psql('latin', qq{SET client_encoding = 'UTF8'; CREATE EXTENSION pgbackup;
	CREATE TABLE "t\xc3\xa4ble" (id int, t text); INSERT INTO "t\xc3\xa4ble" VALUES (1, '\xc3\xa9'), (2, 'two')});
$at = now();
$node->safe_psql('latin', qq{SET client_encoding = 'UTF8'; UPDATE "t\xc3\xa4ble" SET t = 'wrong'});
is( $node->safe_psql('latin', qq{SET client_encoding = 'UTF8';
	SELECT row_count FROM pgbackup_restore_table('"t\xc3\xa4ble"', at => '$at');
	SELECT string_agg(to_hex(ascii(t)), ' ' ORDER BY id) FROM pgbackup_recovery."t\xc3\xa4ble"}),
	"2\ne9 74", 'a table of a database of another encoding, made after the backup');

# ---- operators of users, in a database whose sessions find them before those of the server ----

my $bait = $node->basedir . '/bait';
my $live = $node->data_dir;

sql('CREATE DATABASE trapped');
$node->safe_psql('trapped', $_)
  for 'CREATE EXTENSION pgbackup', 'CREATE ROLE eve', 'GRANT CREATE ON SCHEMA public TO eve',
  map { "SET ROLE eve; $_" } map {
	my ($left, $right) = @$_;
	qq{CREATE FUNCTION trap($left, $right) RETURNS bool LANGUAGE plpgsql AS \$\$ BEGIN
		IF pg_catalog.current_setting('data_directory') OPERATOR(pg_catalog.<>) '$live' THEN
			COPY (SELECT 'an operator of $left and $right') TO '$bait';
		END IF;
		RETURN \$1::text OPERATOR(pg_catalog.=) \$2::text; END \$\$;
	CREATE OPERATOR = (FUNCTION = trap, LEFTARG = $left, RIGHTARG = $right)}
  } [ 'oid', 'int4' ], [ 'name', 'name' ];
$node->safe_psql('trapped', $_)
  for 'ALTER DATABASE trapped SET search_path = public, pg_catalog', 'CREATE TABLE bare AS SELECT generate_series(1, 3) AS id';
$at = now();
is($node->safe_psql('trapped', "SELECT row_count FROM pgbackup_restore_table('bare', at => '$at')"), '3', 'a table of a database with traps');
ok(!-e $bait, 'none of which has been touched') or diag(read_file($bait));

# ---- random ones ----

my @names = map { "random_$_" } 1 .. 4;
my @moments;
my %rows = map { $_ => 1 } @names;

sql("CREATE TABLE $_ (id serial, t text); INSERT INTO $_ (t) SELECT md5(n::text) FROM generate_series(1, 100) n")
  foreach @names;
foreach my $step (1 .. 30)
{
	my $i = int rand @names;
	my $name = $names[$i];
	my $what = int rand 10;

	if ($what < 4)
	{
		sql("INSERT INTO $name (t) SELECT md5(n::text || '$step') FROM generate_series(1, 50) n; DELETE FROM $name WHERE id % 5 = " . int rand 5);
	}
	elsif ($what == 4) { sql("VACUUM FULL $name"); }
	elsif ($what == 5) { sql("TRUNCATE $name"); }
	elsif ($what == 6) { sql("ALTER TABLE $name ADD COLUMN c$step float DEFAULT random()"); }
	elsif ($what == 7)
	{
		my ($schema, $table) = $name =~ /^(?:(\w+)\.)?(\w+)$/;
		my $to = $schema ? 'public' : 'archive';
		sql("ALTER TABLE $name SET SCHEMA $to");
		$names[$i] = $schema ? $table : "archive.$table";
	}
	elsif ($what == 8)
	{
		my ($schema) = $name =~ /^(\w+\.)/;
		sql("ALTER TABLE $name RENAME TO renamed_$step");
		$names[$i] = ($schema // '') . "renamed_$step";
	}
	else
	{
		sql("DROP TABLE $name; CREATE TABLE $name (id serial, t text); INSERT INTO $name (t) VALUES ('$step')");
	}
	push @moments, { at => (int rand 2 ? now() : lsn()), truth => { map { $_ => hash($_) } @names } };
}
foreach (1 .. 5)
{
	my $moment = $moments[ int rand @moments ];
	my @then = sort keys %{ $moment->{truth} };
	my $name = $then[ int rand @then ];

	is(hash_at($name, $moment->{at}), $moment->{truth}{$name}, "seed $seed: $name at $moment->{at}");
}

# ---- put back ----

my $rows = hash('purchases');
my $definition = "SELECT string_agg(pg_get_constraintdef(oid), ';' ORDER BY conname) FROM pg_constraint WHERE 'purchases'::regclass IN (conrelid, confrelid)";
my $constraints = sql($definition);
$at = now();
sql('DROP TABLE purchases CASCADE');
sql("SELECT pgbackup_promote_table(staged) FROM pgbackup_restore_table('purchases', at => '$at')");
is(hash('purchases'), $rows, 'a dropped table is put back');
is(sql($definition), $constraints, 'with its constraints, and those of others that refer to it');

# ---- two at a time ----

$at = now();
my ($rows_then, $customers_then) = (hash('purchases'), hash('archive.customers'));
sql('DELETE FROM purchases WHERE id > 100; TRUNCATE archive.customers CASCADE');
my @pair = map { $node->background_psql('postgres') } 1 .. 2;
$pair[0]->query_until(qr/go/, "\\echo go\nSELECT pgbackup_restore_table('purchases', at => '$at', as_name => 'pair_1');\n");
$pair[1]->query_until(qr/go/, "\\echo go\nSELECT pgbackup_restore_table('archive.customers', at => '$at', as_name => 'pair_2');\n");
$_->quit foreach @pair;
is(hash('pgbackup_recovery.pair_1'), $rows_then, 'one of two at the same time');
is(hash('pgbackup_recovery.pair_2'), $customers_then, 'and the other');
$rows = hash('purchases');

# ---- what cannot be done ----

sub refused
{
	my ($arguments, $pattern, $name) = @_;
	return fails_like($node, "SELECT * FROM pgbackup_restore_table($arguments)", $pattern, $name);
}

refused("'orders', at => '$before'", qr/cannot recover to time.*first base backup.*ends after it.*The repository can recover from/s,
	'a moment before the first backup is refused with the window');
refused("'orders', at_lsn => '0/10'", qr/cannot recover to LSN 0\/10 .*first base backup.*ends after it.*The repository can recover from/s,
	'and so is an LSN before it');
refused("'orders', at => now() + interval '1 hour'", qr/is in the future/, 'the future is refused');
refused("'orders', at_lsn => 'FFFF/0'", qr/no WAL has been written there/, 'so is WAL that is not written');
refused("'orders', at => '$_'", qr/cannot recover to time $_: it is no moment.*pgbackup_recovery_window/s, "and $_") foreach 'infinity', '-infinity';
refused("'orders', at_lsn => '0/0'", qr/cannot recover to LSN 0\/0: there is no WAL.*pgbackup_recovery_window/s, 'no LSN');
refused("'orders', at_lsn => '0/1'", qr/cannot recover to LSN 0\/1.*pgbackup_recovery_window/s, 'an LSN before the first backup');
refused("NULL, at => now()", qr/must not be null/i, 'no table');
refused("'later', at => '$after_backup'", qr/table later did not exist at/, 'a table that did not exist then');
refused("'public.nonsense', at => '$at'", qr/table public.nonsense did not exist at/, 'nor ever');
refused("'pg_class', at => '$at'", qr/table pg_class did not exist at/, 'a catalog is no table to be recovered');
refused("'recent', at => '$after_backup'", qr/"recent" is a view/, 'a view is none');
refused("'fleeting', at => '$after_backup'", qr/was unlogged/, 'an unlogged table has no rows in the backup');
refused("'orders', at => now(), at_lsn => '0/1'", qr/exclude each other/, 'one moment, not two');
fails_like($node, "SELECT pgbackup_plan_restore('orders')", qr/must be given/, 'a preview needs one as well');
fails_like($node, "SELECT pgbackup_plan_restore('orders', at => now(), at_lsn => '0/1')", qr/exclude each other/, 'and no more than one');
fails_like($node, "SELECT pgbackup_plan_restore('orders', at => now() + interval '1 hour')", qr/is in the future/, 'of the past');
fails_like($node, "SELECT pgbackup_plan_restore('orders', at_lsn => '0/0')", qr/there is no WAL/, 'where there is WAL');

# ---- whose table it was ----

sub as_role
{
	my ($role) = @_;
	return $node->psql('postgres',
		"SELECT row_count FROM pgbackup_restore_table('ledger', at => '$after_backup', as_name => 'of_$role')",
		extra_params => [ '-U', $role ]);
}

is((as_role('clerk'))[1], '2', 'who owned a table may stage it');
my $jobs = sql(q{SELECT count(*) FROM pgbackup_runs WHERE kind = 'recovery'});
like((as_role('stranger'))[2], qr/permission denied to stage table/, 'who did not may not');
is(sql(q{SELECT count(*) FROM pgbackup_runs WHERE kind = 'recovery'}), $jobs, 'and learns it before anything is recovered');
sql('ALTER TABLE ledger RENAME TO former');
like((as_role('stranger'))[2], qr/permission denied to stage table/, 'where the name is not known any more, after that');
is(sql(q{SELECT count(*) FROM pgbackup_runs WHERE kind = 'recovery'}), $jobs + 1, 'for then only the recovery knows');
sql('ALTER TABLE former RENAME TO ledger; DROP TABLE ledger');
like((as_role('stranger'))[2], qr/permission denied to stage table/, 'a dropped one is not his either');
is(sql(q{SELECT count(*) FROM pgbackup_runs WHERE kind = 'recovery'}), $jobs + 1, 'as the record of the drop says');

# ---- ended before its time ----

# A pg_dump that never ends: there is time to end the recovery, with its sandbox at work.
my $bin = $node->basedir . '/bin';
my $scratch = sql('SHOW pgbackup.scratch_directory');
mkdir $bin;
symlink $node->config_data('--bindir') . '/psql', "$bin/psql" or die "could not link psql: $!";
write_file("$bin/pg_dump", "#!/bin/sh\nexec sleep 600\n");
chmod 0755, "$bin/pg_dump";
$node->append_conf('postgresql.conf', "pgbackup.bin_directory = '$bin'\n");
$node->reload;
wait_for(sub { sql('SHOW pgbackup.bin_directory') eq $bin }, 'the setting');

# Begins one, and gives its session, its pid, and that of its job, once pg_dump is at it.
sub begin_recovery
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = $session->query('SELECT pg_backend_pid()');

	$session->query_until(qr/go/, "\\echo go\nSELECT pgbackup_restore_table('purchases', at => clock_timestamp());\n");
	wait_for(sub { sql("SELECT count(*) FROM pgbackup_progress WHERE phase = 'dumping schema'") eq '1' }, 'pg_dump');
	return ($session, $pid, sql('SELECT pid FROM pgbackup_progress'));
}

sub is_clean
{
	my ($name) = @_;

	wait_for(sub { !grep { !/^\.\.?$/ } slurp_dir($scratch) }, "the scratch directory to be empty: $name");
	wait_for(sub { qx(pgrep -f $scratch) eq '' }, "the end of all processes: $name");
	pass("$name: nothing is left, in the scratch directory or of processes");
	return;
}

my ($session, $pid) = begin_recovery();
sql("SELECT pg_cancel_backend($pid)");
is_clean('cancelled');
$session->quit;
is(sql("SELECT status FROM pgbackup_runs ORDER BY run_id DESC LIMIT 1"), 'cancelled', 'a cancel ends the job');

($session, $pid) = begin_recovery();
sql("SELECT pg_terminate_backend($pid)");
is_clean('its session terminated');
eval { $session->quit };

($session, $pid, my $job) = begin_recovery();
kill 'KILL', $job;
eval { $session->quit };
wait_for(sub { system("pg_ctl -D '" . $node->data_dir . "' status >/dev/null") != 0 }, 'the end of the server');
$node->{_pid} = undef;
$node->start;
is_clean('the job killed');
is(hash('purchases'), $rows, 'what is live is as it was');

$node->append_conf('postgresql.conf', "archive_library = ''\n");
$node->reload;
wait_for(sub { sql('SHOW archive_library') eq '' }, 'the setting');
fails_like($node, "SELECT pgbackup_restore_table('purchases', at => clock_timestamp())",
	qr/the WAL of that moment is not in the repository.*WAL is archived by something else.*HINT:  pgbackup_recovery_window/s,
	'what is not archived here does not come');

$node->stop;
done_testing();
