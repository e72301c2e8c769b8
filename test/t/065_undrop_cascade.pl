#
# 065_undrop_cascade.pl
#	  pgbackup_undrop with cascade: whatever a DROP has taken along comes back with the
#	  table; pg_dump's word for schema and rows must then be what it was before.
#
# test/t/065_undrop_cascade.pl
#
use strict;
use warnings;

use PgBackupArchive;
use PgBackupTest;
use PgBackupTrap;
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

# Schema and rows of everything that is not ours; in which order is not the point.
sub everything
{
	my $dump = plain_dump($node, 'postgres', '--exclude-schema=pgbackup_recovery', '--exclude-table-data=pgbackup_*');

	$dump =~ s/^SET default_(?:tablespace|table_access_method) = .*\n//mg;
	$dump =~ s/^--\n-- PostgreSQL database dump complete\n--\n//mg;
	$dump =~ s/\n{2,}/\n/g;
	return $dump;
}

# Only the lines that differ, for people.
sub is_same
{
	my ($after, $before, $name) = @_;
	my (%before, %after);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return 1 if ok($after eq $before, $name);
	$before{$_}++ foreach split /\n/, $before;
	$after{$_}++ foreach split /\n/, $after;
	diag(map { "- $_\n" } grep { ($before{$_} // 0) > ($after{$_} // 0) } grep { /[^-]/ } split /\n/, $before);
	diag(map { "+ $_\n" } grep { ($after{$_} // 0) > ($before{$_} // 0) } grep { /[^-]/ } split /\n/, $after);
	return 0;
}

# Undrops, and gives what was said; everything must be as it was before.
sub comes_back
{
	my ($drop, $arguments, $result, $name) = @_;
	my $before = everything();

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	sql($drop);
	isnt(everything(), $before, "$name: it is gone");
	my ($status, $stdout, $stderr) = $node->psql('postgres', "SELECT pgbackup_undrop($arguments, cascade => true)");
	is($stdout, $result, "$name: the table is back") or diag($stderr);
	is_same(everything(), $before, "$name: everything is what it was");
	return $stderr;
}

# An error, after which everything is as before.
sub refused
{
	my ($arguments, $pattern, $name) = @_;
	my $before = everything();

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	fails_like($node, "SELECT pgbackup_undrop($arguments, cascade => true)", $pattern, $name);
	is_same(everything(), $before, "$name: nothing has changed");
	return;
}

sql(q{
	CREATE ROLE owner; CREATE ROLE reader; CREATE ROLE ghost; CREATE ROLE other LOGIN;
	CREATE SCHEMA ours;
	CREATE EXTENSION pgbackup SCHEMA ours;
	ALTER DATABASE postgres SET search_path = public, ours;
});
sql(q{
	GRANT CREATE ON SCHEMA public TO owner;
	CREATE SCHEMA app;

	-- a table, and all that can hang on it
	CREATE TABLE customers (id int PRIMARY KEY);
	INSERT INTO customers SELECT generate_series(1, 10);
	CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers DEFAULT 1, item text CHECK (item <> ''),
		no int GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (customer * 2) STORED);
	INSERT INTO orders (item) SELECT md5(n::text) FROM generate_series(1, 300) n;
	ALTER TABLE orders OWNER TO owner;
	CREATE TABLE lines (order_id int REFERENCES orders, n int, o int DEFAULT nextval('orders_id_seq'));
	INSERT INTO lines SELECT n, n, n FROM generate_series(1, 50) n;
	CREATE VIEW few AS SELECT * FROM orders WHERE id < 10;
	ALTER VIEW few OWNER TO owner;
	COMMENT ON VIEW few IS 'a few';
	COMMENT ON COLUMN few.id IS 'number';
	ALTER VIEW few ALTER COLUMN item SET DEFAULT 'new';
	GRANT SELECT, UPDATE (item) ON few TO reader;
	CREATE FUNCTION ins() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TRIGGER instead INSTEAD OF INSERT ON few FOR EACH ROW EXECUTE FUNCTION ins();
	CREATE RULE kept AS ON DELETE TO few DO INSTEAD NOTHING;
	CREATE VIEW grouped AS SELECT id, item, count(*) FROM orders GROUP BY id;
	CREATE VIEW app.on_few AS SELECT id FROM few;
	CREATE MATERIALIZED VIEW counted AS SELECT id % 7 AS seven, count(*) FROM orders GROUP BY 1;
	ALTER MATERIALIZED VIEW counted OWNER TO owner;
	CREATE UNIQUE INDEX ON counted (seven);
	COMMENT ON INDEX counted_seven_idx IS 'unique';
	CREATE MATERIALIZED VIEW counted_counted AS SELECT count(*) FROM counted;
	CREATE MATERIALIZED VIEW unfilled AS SELECT * FROM orders WITH NO DATA;
	CREATE FUNCTION total(orders) RETURNS int LANGUAGE sql AS 'SELECT $1.id * 2';
	REVOKE ALL ON FUNCTION total(orders) FROM PUBLIC;
	GRANT EXECUTE ON FUNCTION total(orders) TO reader;
	COMMENT ON FUNCTION total(orders) IS 'twice';
	CREATE PROCEDURE process(orders) LANGUAGE plpgsql AS 'BEGIN NULL; END';
	CREATE VIEW totals AS SELECT o.id, total(o) FROM orders o;
	CREATE FUNCTION order_of(int) RETURNS orders LANGUAGE sql AS 'SELECT * FROM orders WHERE id = $1';
	CREATE POLICY of_orders ON lines USING (n IN (SELECT id FROM orders));
	COMMENT ON POLICY of_orders ON lines IS 'lines of orders';
	CREATE RULE log AS ON INSERT TO lines DO ALSO UPDATE orders SET customer = 2 WHERE id = NEW.order_id;
	CREATE TABLE special (extra int) INHERITS (orders);
	INSERT INTO special (id, item, no, extra) VALUES (5000, 'special', 1, 1);
	CREATE VIEW loop AS SELECT 1 AS a;
	CREATE FUNCTION looped() RETURNS SETOF loop LANGUAGE sql AS 'SELECT 1';
	CREATE OR REPLACE VIEW loop AS SELECT id AS a FROM orders UNION ALL SELECT a FROM looped();

	-- a schema, and what others have of it
	CREATE SCHEMA s AUTHORIZATION owner;
	COMMENT ON SCHEMA s IS 'all of it';
	GRANT USAGE ON SCHEMA s TO reader;
	ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA s GRANT SELECT ON TABLES TO reader;
	CREATE TYPE s.mood AS ENUM ('sad', 'ok');
	ALTER TYPE s.mood OWNER TO owner;
	REVOKE USAGE ON TYPE s.mood FROM PUBLIC;
	COMMENT ON TYPE s.mood IS 'how it is';
	CREATE TYPE s.pair AS (a int, b s.mood);
	CREATE DOMAIN s.email AS text CHECK (VALUE ~ '@');
	ALTER DOMAIN s.email ADD CONSTRAINT "no space" CHECK (VALUE !~ ' ') NOT VALID;
	CREATE FUNCTION s.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
	CREATE DOMAIN outside_number AS int;
	ALTER DOMAIN outside_number ADD CONSTRAINT late CHECK (s.f(VALUE) > 0) NOT VALID;
	CREATE DOMAIN s.number AS int;
	ALTER DOMAIN s.number OWNER TO owner;
	CREATE FUNCTION s.is_good(s.number) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::int > 0';
	ALTER DOMAIN s.number ADD CHECK (s.is_good(VALUE));
	CREATE FUNCTION s.trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE SEQUENCE s.free START 5;
	CREATE TABLE s.a (id serial PRIMARY KEY, m s.mood DEFAULT 'ok', e s.email, p s.pair,
		n int DEFAULT nextval('s.free') CHECK (s.f(n) > 0), g int GENERATED ALWAYS AS (s.f(id)) STORED);
	ALTER TABLE s.a OWNER TO owner;
	GRANT USAGE ON SEQUENCE s.free TO owner;
	INSERT INTO s.a (e, p) SELECT n || '@x', ROW(n, 'sad'::s.mood)::s.pair FROM generate_series(1, 50) n;
	CREATE INDEX ON s.a (s.f(n));
	CREATE TRIGGER t BEFORE UPDATE ON s.a FOR EACH ROW EXECUTE FUNCTION s.trig();
	CREATE TABLE s.b (id int PRIMARY KEY, a int REFERENCES s.a);
	INSERT INTO s.b SELECT n, n FROM generate_series(1, 20) n;
	ALTER TABLE s.a ADD COLUMN b int REFERENCES s.b;
	CREATE TABLE s.p (k int, v text) PARTITION BY RANGE (k);
	CREATE TABLE s.p1 PARTITION OF s.p FOR VALUES FROM (0) TO (10) PARTITION BY LIST (k);
	CREATE TABLE s.p11 PARTITION OF s.p1 FOR VALUES IN (1, 2, 3);
	CREATE TABLE s.p2 PARTITION OF s.p DEFAULT;
	INSERT INTO s.p SELECT n % 3 + 1, n FROM generate_series(1, 30) n;
	INSERT INTO s.p VALUES (100, 'x');
	CREATE INDEX ON s.p (k);
	CREATE TABLE s.rowtyped (id int, r s.a);
	INSERT INTO s.rowtyped SELECT 1, a FROM s.a LIMIT 1;
	CREATE VIEW s.v AS SELECT * FROM s.a;
	CREATE MATERIALIZED VIEW s.mv AS SELECT m, count(*) FROM s.v GROUP BY 1;
	CREATE AGGREGATE s.agg(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
	CREATE FUNCTION s.eq(s.pair, s.pair) RETURNS boolean LANGUAGE sql AS 'SELECT $1.a = $2.a';
	CREATE OPERATOR s.=== (LEFTARG = s.pair, RIGHTARG = s.pair, FUNCTION = s.eq);
	CREATE CAST (s.pair AS text) WITH INOUT;
	CREATE TABLE outside (id int, n int CONSTRAINT "on top" CHECK (s.f(n) > 0), fk int REFERENCES s.a,
		d int DEFAULT s.f(1), dd int DEFAULT nextval('s.free') * 2);
	ALTER TABLE outside ADD CONSTRAINT late CHECK (s.f(id) > 0) NOT VALID;
	INSERT INTO outside SELECT n, n, n FROM generate_series(1, 5) n;
	CREATE INDEX outside_f ON outside (s.f(n));
	CREATE STATISTICS outside_stats ON (s.f(n)), id FROM outside;
	CREATE TRIGGER outside_t BEFORE INSERT ON outside FOR EACH ROW EXECUTE FUNCTION s.trig();
	COMMENT ON TRIGGER outside_t ON outside IS 'from there';
	CREATE VIEW outside_v AS SELECT o.* FROM outside o JOIN s.a ON a.id = o.id;
	CREATE POLICY outside_p ON outside AS RESTRICTIVE USING (s.f(id) > 1);

	-- tables that go together
	CREATE TABLE one (id int PRIMARY KEY, two int);
	CREATE TABLE two (id int PRIMARY KEY, one int REFERENCES one);
	ALTER TABLE one ADD FOREIGN KEY (two) REFERENCES two;
	CREATE TABLE three (id int);
	INSERT INTO three VALUES (3);

	-- what cannot be made again
	CREATE TABLE x (id int, t text);
	INSERT INTO x VALUES (1, 'x');
	CREATE VIEW xv AS SELECT id FROM x;
	CREATE FUNCTION xf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TRIGGER xt BEFORE INSERT ON x FOR EACH ROW EXECUTE FUNCTION xf();
	GRANT SELECT ON x, xv TO ghost;
	CREATE TABLE w (id int);
	CREATE VIEW wv AS SELECT id FROM w;
	CREATE ROLE gone;
	ALTER VIEW wv OWNER TO gone;
	CREATE TABLE y (id int);
	CREATE TABLE has_y (id int, y y);

	-- what is made again must not have these
	ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO other;
	ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO other;
	ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO other;
	ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT ALL ON TABLES TO other;
});
sql(q{SELECT pgbackup_run('full')});

# ---- one table ----

my $said = comes_back('DROP TABLE orders CASCADE', q{'orders'}, 'orders', 'a table with all that hangs on it');
is($said, '', 'of which nothing is to be said');
is(sql('SELECT count(*) FROM counted'), '7', 'a materialized view has its rows');
is(sql(q{SELECT relispopulated FROM pg_class WHERE relname = 'unfilled'}), 'f', 'and one that had none has none');
is(sql('SELECT count(*) FROM pgbackup_staged_tables'), '0', 'nothing stays staged');

# ---- a schema ----

$said = comes_back('DROP SCHEMA s CASCADE', q{'s.b'}, 's.b', 'a schema');
is($said, '', 'of which nothing is to be said either');
is(sql(q{SELECT nextval('s.free')}), '60', 'a sequence of its own goes on');

# ---- several tables in one statement ----

$said = comes_back('DROP TABLE one, two CASCADE', q{'one'}, 'one', 'a table whose foreign key needs another of the same DROP');
sql('CREATE VIEW v1 AS SELECT * FROM one; DROP TABLE one, two, three CASCADE');
sql(q{SELECT pgbackup_undrop('one', cascade => true)});
is(sql(q{SELECT to_regclass('v1'), to_regclass('two'), to_regclass('three')}), 'v1|two|', 'what was named and is not needed stays away');
is(sql(q{SELECT pgbackup_undrop('three'); TABLE three}), "three\n3", 'until it is asked for');

# ---- unlogged tables: nothing has their rows ----

sql(q{
	CREATE SCHEMA fast;
	CREATE TABLE fast.kept (id int PRIMARY KEY); INSERT INTO fast.kept VALUES (1);
	CREATE UNLOGGED TABLE fast.cache (id serial REFERENCES fast.kept); INSERT INTO fast.cache DEFAULT VALUES;
	CREATE TABLE fast.tree (id int) PARTITION BY LIST (id);
	CREATE TABLE fast.leaf PARTITION OF fast.tree FOR VALUES IN (1);
	CREATE UNLOGGED TABLE fast.leaf_cache PARTITION OF fast.tree DEFAULT; INSERT INTO fast.tree VALUES (1), (2);
	SET client_min_messages = error; DROP SCHEMA fast CASCADE;
});
refused(q{'fast.cache'}, qr/table "fast"."cache" was unlogged: its rows cannot be recovered/, 'an unlogged table itself');
my ($unlogged, $back, $warned) = $node->psql('postgres', q{SELECT pgbackup_undrop('fast.kept', cascade => true)});
is($back, 'fast.kept', 'they are in nobody\'s way');
like($warned, qr/WARNING:  table "fast.$_" was unlogged: it comes back empty/, "$_: it is said that it is empty") foreach qw(cache leaf_cache);
is(sql(q{TABLE fast.kept; SELECT count(*) FROM fast.cache; TABLE fast.tree; INSERT INTO fast.cache DEFAULT VALUES RETURNING id}), "1\n0\n1\n1",
	'the others have their rows, and it can be used');

# ---- what is in the way ----

sql('DROP TABLE x CASCADE; DROP FUNCTION xf(); DROP ROLE ghost; CREATE VIEW xv AS SELECT 1');
refused(q{'x'}, qr/view public\.xv cannot be brought back\nDETAIL:  Relation "xv" already exists\.\nHINT:  Rename or drop what has its name/,
	'a name that is taken');
sql('DROP VIEW xv');
refused(q{'x'}, qr/table "public\.x" cannot be brought back as it was\nDETAIL:  trigger "xt" of table "public\.x" is not put back: Function public\.xf\(\) does not exist\.\nHINT:  Nothing has been changed\..*pgbackup_restore_table\('public\.x', at_lsn =>/,
	'a trigger without its function');
my ($way_out) = (($node->psql('postgres', q{SELECT pgbackup_undrop('x')}))[2]) =~ /: (SELECT pgbackup_promote_table\(.*?\);)/;
is(sql("BEGIN; $way_out; TABLE x; ROLLBACK"), "x\n1|x", 'the way out that is told of is one');
sql(q{CREATE FUNCTION xf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'});
my ($status, $stdout, $stderr) = $node->psql('postgres', q{SELECT pgbackup_undrop('x', cascade => true)});
is($stdout, 'x', 'a role that is gone is in nobody\'s way');
like($stderr, qr/WARNING:  grants to role "ghost" on "TABLE $_" are not put back: it does not exist/, "which is said of $_")
  foreach qw(x xv);
is(sql('SELECT id FROM xv'), '1', 'and the view is there');

sql('DROP TABLE w CASCADE; DROP ROLE gone');
refused(q{'w'}, qr/view public\.wv cannot be brought back\nDETAIL:  It belonged to role "gone", which does not exist/,
	'a view has the rights of its owner, and of nobody else');

sql('DROP TABLE y CASCADE');
refused(q{'y'}, qr/DETAIL:  column public\.has_y\.y is not put back: its table is there, and has lost it\.  pgbackup_restore_table\('public\.has_y', at_lsn =>/,
	'a column of another table');

# ---- who may ----

sql(q{
	GRANT USAGE ON SCHEMA ours TO other;
	GRANT EXECUTE ON FUNCTION pgbackup_undrop TO other;
	GRANT CREATE ON SCHEMA public TO other;
	CREATE TABLE of_other (id int);
	CREATE VIEW of_another AS SELECT * FROM of_other;
	CREATE TABLE secret (id int);
	ALTER TABLE of_other OWNER TO other;
	DROP TABLE of_other CASCADE;
	DROP TABLE secret;
});
my $recoveries = q{SELECT count(*) FROM pgbackup_runs WHERE kind = 'recovery'};
my $count = sql($recoveries);
fails_like($node, q{SET SESSION AUTHORIZATION other; SELECT pgbackup_undrop('secret')},
	qr/permission denied to bring back table "public\.secret"/, 'a table of somebody else is refused');
fails_like($node, q{SET SESSION AUTHORIZATION other; SELECT pgbackup_undrop('of_other', cascade => true)},
	qr/permission denied to bring back view "public\.of_another"/, 'and so is a view of somebody else that went along');
is(sql($recoveries), $count, 'before anything is recovered');
is(sql(q{SET SESSION AUTHORIZATION other; SELECT pgbackup_undrop('of_other')}), 'of_other', 'the table alone is his');

# ---- nobody's code runs as a superuser ----

# Constants of arrays of a domain are checked when a definition is read, also that of a view.
sql(q{
	CREATE ROLE mallory LOGIN;
	GRANT CREATE ON SCHEMA public TO mallory;
	SET ROLE mallory;
	CREATE FUNCTION trap(int) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN ALTER ROLE mallory SUPERUSER; END IF;
		RETURN true;
	END$$;
	CREATE DOMAIN trapped AS int CHECK (public.trap(VALUE));
	CREATE TABLE bait AS SELECT 1 AS i;
	CREATE VIEW baited AS SELECT i, '{1}'::trapped[] AS t FROM bait;
	-- where the functions of the CHECK are the server's own: one reads a view, one calls a cast
	CREATE VIEW trap_view AS SELECT public.trap(1);
	CREATE DOMAIN trapped_by_view AS int CHECK (pg_catalog.table_to_xml('public.trap_view', true, false, '') IS NOT NULL);
	CREATE TABLE bait_of_view AS SELECT 1 AS i;
	CREATE VIEW baited_by_view AS SELECT i, '{1}'::trapped_by_view[] AS t FROM bait_of_view;
	CREATE TYPE mood AS ENUM ('bad');
	CREATE FUNCTION to_json_by_trap(mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(1); RETURN '1'; END$$;
	CREATE CAST (mood AS json) WITH FUNCTION to_json_by_trap(mood);
	CREATE DOMAIN trapped_by_cast AS mood CHECK (pg_catalog.to_json(VALUE) IS NOT NULL);
	CREATE TABLE bait_of_cast AS SELECT 1 AS i;
	CREATE VIEW baited_by_cast AS SELECT i, '{bad}'::trapped_by_cast[] AS t FROM bait_of_cast;
	CREATE TABLE plain_bait AS SELECT 2 AS i;
	CREATE VIEW plain_baited AS SELECT i, '{1}'::int[] AS t, '2020-01-01'::timestamptz AS at FROM plain_bait WHERE i > 1;
	RESET ROLE;
	REVOKE CREATE ON SCHEMA public FROM mallory;
	CREATE TABLE ddl_log (tag text);
	GRANT INSERT ON ddl_log TO PUBLIC;
	CREATE FUNCTION log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
	BEGIN INSERT INTO public.ddl_log SELECT command_tag FROM pg_catalog.pg_event_trigger_ddl_commands() WHERE pg_catalog.clock_timestamp() > '2020-01-01'; END$$;
	CREATE EVENT TRIGGER log_ddl ON ddl_command_end EXECUTE FUNCTION log_ddl();
});
my %trap = (bait => 'trap', bait_of_view => 'trap', bait_of_cast => 'to_json_by_trap');
sql("DROP TABLE $_ CASCADE") foreach sort keys %trap;
my $as_dropped = everything();
foreach (sort keys %trap)
{
	fails_like($node, qq{SELECT pgbackup_undrop('$_', cascade => true)},
		qr/DETAIL:  Function "$trap{$_}" must not run with the rights of a superuser.*: grant the owner what he lacks/s, "what would run code of a user as a superuser is refused: $_");
	is(sql(q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 'f', 'and has not run');
}
is_same(everything(), $as_dropped, 'nothing has changed');
sql('DROP TABLE plain_bait CASCADE');
is(sql(q{SELECT pgbackup_undrop('plain_bait', cascade => true)}), 'plain_bait', 'a view without such a thing comes back, in spite of an event trigger');
is(sql('SELECT * FROM plain_baited'), '2|{1}|2020-01-01 00:00:00+00', 'and is what it was');
sql('GRANT CREATE ON SCHEMA public TO mallory');
is(sql("SELECT pgbackup_undrop('$_', cascade => true)"), $_, "as its owner the other comes back, too: $_") foreach sort keys %trap;
is(sql(q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 'f', 'with no more rights than he has');

# ---- nor changes it a setting ----

# Neither for the statements that come after it, nor for the caller.
sql(q{
	DROP EVENT TRIGGER log_ddl;
	CREATE SCHEMA held AUTHORIZATION mallory;
	CREATE ROLE alice;
	GRANT CREATE ON SCHEMA public TO alice;
	SET ROLE mallory;
} . trap_settings('held') . q{
	GRANT USAGE ON SCHEMA held TO PUBLIC;
	CREATE DOMAIN held.number AS int CHECK (held.hold(VALUE));
	CREATE TABLE held.items (id held.number, name text);
	CREATE VIEW public.a_holds AS SELECT id, '{1}'::held.number[] AS one FROM held.items;
	GRANT SELECT ON held.items TO alice;
	RESET ROLE;
	SET ROLE alice;
	SET search_path = public;
	CREATE VIEW b_lowers AS SELECT lower(name) FROM held.items;
	CREATE MATERIALIZED VIEW c_holds AS SELECT held.hold(1) FROM held.items;
	CREATE MATERIALIZED VIEW d_lowers AS SELECT lower(name) FROM held.items;
	RESET ROLE;
	INSERT INTO held.items VALUES (1, 'A');
});
my $before_holding = everything();
sql('DROP TABLE held.items CASCADE');
is( sql(q{SET search_path = ours, public; SELECT FROM pgbackup_undrop('held.items', cascade => true); SHOW search_path; SHOW work_mem}),
	"ours, public\n4MB", 'who brings a table back keeps his settings');
is_same(everything(), $before_holding, 'they do not change while it comes back');

$node->stop;
done_testing();
