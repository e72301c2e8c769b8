#
# 032_promote_table.pl
#	  pgbackup_promote_table: a table is dropped, staged and put back; pg_dump's
#	  word for the schema must then be what it was before, and so must the rows.
#
# test/t/032_promote_table.pl
#
use strict;
use warnings;

use PgBackupArchive;
use PgBackupTest;
use Test::More;

my $node = new_node('main', conf => "wal_level = logical\nallow_in_place_tablespaces = on\nmax_worker_processes = 16\n");

# The schema as pg_dump has it, without what is ours; entries in an order of their own.
sub schema_of
{
	my ($database) = @_;

	return plain_dump($node, $database, '--schema-only', '--exclude-schema=pgbackup_recovery');
}

# Only the lines that differ, for people.
sub is_same_schema
{
	my ($after, $before, $name) = @_;
	my (%before, %after);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return 1 if ok($after eq $before, "$name: the schema is what it was");
	$before{$_}++ foreach split /\n/, $before;
	$after{$_}++ foreach split /\n/, $after;
	diag(map { "- $_\n" } grep { ($before{$_} // 0) > ($after{$_} // 0) } grep { /[^-]/ } split /\n/, $before);
	diag(map { "+ $_\n" } grep { ($after{$_} // 0) > ($before{$_} // 0) } grep { /[^-]/ } split /\n/, $after);
	return 0;
}

# Drops what is told, stages and promotes the tables; gives what the server had to say.
sub drop_and_promote
{
	my ($database, $drop, @tables) = @_;
	my $id = $node->safe_psql($database, 'SELECT pgbackup_run()');
	my $notes = '';

	$node->safe_psql($database, $drop);
	foreach my $table (@tables)
	{
		my ($relation, $arguments) = ref $table ? @$table : ($table, '');
		my $staged = $node->safe_psql($database,
			"SELECT staged FROM pgbackup_restore_table(\$\$$relation\$\$, '$id'$arguments)");
		my ($status, $stdout, $stderr) =
		  $node->psql($database, "SELECT pgbackup_promote_table(\$\$$staged\$\$)");

		$notes .= $stderr =~ s/^psql:\S+ //mgr . ($stderr eq '' ? '' : "\n");
		is($stdout, $relation, "$relation is put back") or diag($stderr);
	}
	return $notes;
}

# The whole way of one case: rows of the tables that are told, and the schema.
sub comes_back
{
	my ($name, $definition, $drop, $promoted, $compared, %options) = @_;
	my $database = 'test_' . $name =~ s/\W/_/gr;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION pgbackup;\n$definition");

	my $before = schema_of($database);
	my %rows = map { $_ => table_hash($node, $database, $_) } @$compared;
	my $notes = drop_and_promote($database, $drop, @$promoted);

	is_same_schema(schema_of($database), $before, $name) or diag($notes);
	is(table_hash($node, $database, $_), $rows{$_}, "$name: the rows of $_") foreach @$compared;
	if ($options{notes}) { like($notes, $options{notes}, "$name: what is told") }
	else { is($notes, '', "$name: nothing is told") }
	is( $node->safe_psql($database,
			"SELECT (SELECT count(*) FROM pgbackup_staged_tables) || '/' || (SELECT count(*) FROM pgbackup_staged_parts)"),
		'0/0', "$name: no row is left");
	is( $node->safe_psql($database,
			"SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'pgbackup_recovery'"),
		0, "$name: no relation is left");
	is($node->safe_psql($database, $options{check}), $options{result}, "$name: $options{checked}") if $options{check};
	$node->safe_psql('postgres', "DROP DATABASE $database") unless $options{keep};
	return;
}

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE owner;
CREATE ROLE other_owner;
CREATE ROLE reader;
CREATE ROLE grantor;
CREATE TABLESPACE elsewhere LOCATION '';
SQL

# ---- the middle of a chain of foreign keys, with everything that a table can have ----

my $chain = <<'SQL';
CREATE SCHEMA app;
CREATE SCHEMA kinds;
GRANT USAGE, CREATE ON SCHEMA app TO owner;
GRANT USAGE ON SCHEMA app, kinds TO PUBLIC;
CREATE TYPE kinds.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN kinds.email AS text CHECK (VALUE ~ '@');
CREATE FUNCTION kinds.tax(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 0.2';
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE app.customer (id integer PRIMARY KEY, name text UNIQUE);
CREATE TABLE app.orders (
	id serial PRIMARY KEY,
	number bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5),
	customer integer NOT NULL CONSTRAINT by_whom REFERENCES app.customer ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	parent integer REFERENCES app.orders,
	total numeric(10,2) DEFAULT 0 CHECK (total >= 0),
	tax numeric GENERATED ALWAYS AS (kinds.tax(total)) STORED,
	mood kinds.mood DEFAULT 'ok',
	email kinds.email,
	during int4range,
	note text COLLATE "C",
	CONSTRAINT once UNIQUE (customer, id) INCLUDE (total),
	CONSTRAINT apart EXCLUDE USING gist (during WITH &&) WHERE (total > 0)
) WITH (fillfactor = 90, toast.autovacuum_enabled = off);
ALTER TABLE app.orders OWNER TO owner;
ALTER TABLE app.orders
	ALTER note SET STORAGE EXTERNAL, ALTER note SET COMPRESSION pglz, ALTER mood SET STATISTICS 300,
	ALTER customer SET (n_distinct = -0.5), ADD CONSTRAINT small CHECK (total < 1000000) NOT VALID;
CREATE UNIQUE INDEX orders_key ON app.orders (number) NULLS NOT DISTINCT;
ALTER TABLE app.orders ALTER number SET NOT NULL;
CREATE UNIQUE INDEX orders_plain ON app.orders (number DESC);
CREATE INDEX orders_tax ON app.orders (kinds.tax(total)) WITH (fillfactor = 70) TABLESPACE elsewhere WHERE total > 1;
ALTER INDEX app.orders_tax ALTER COLUMN 1 SET STATISTICS 200;
ALTER TABLE app.orders CLUSTER ON orders_pkey;
ALTER TABLE app.orders REPLICA IDENTITY USING INDEX orders_plain;
CREATE STATISTICS kinds.orders_stats (dependencies, mcv) ON customer, total, (kinds.tax(total)) FROM app.orders;
ALTER STATISTICS kinds.orders_stats SET STATISTICS 77;
ALTER STATISTICS kinds.orders_stats OWNER TO other_owner;
CREATE TRIGGER touch BEFORE UPDATE OF total ON app.orders FOR EACH ROW WHEN (OLD.total <> NEW.total) EXECUTE FUNCTION app.touch();
CREATE TRIGGER off AFTER INSERT ON app.orders REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION app.touch('a', 'b');
ALTER TABLE app.orders DISABLE TRIGGER off;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON app.orders FROM app.customer DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.orders ENABLE ALWAYS TRIGGER late;
CREATE RULE protect AS ON DELETE TO app.orders WHERE OLD.total > 1000 DO INSTEAD NOTHING;
CREATE RULE replica AS ON UPDATE TO app.orders DO ALSO NOTHING;
ALTER TABLE app.orders ENABLE REPLICA RULE replica;
CREATE POLICY own ON app.orders FOR SELECT TO reader, grantor USING (email = current_user);
CREATE POLICY strict ON app.orders AS RESTRICTIVE USING (total < 500) WITH CHECK (id > 0);
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT SELECT, REFERENCES ON app.orders TO reader WITH GRANT OPTION;
GRANT UPDATE (total, note), INSERT (note) ON app.orders TO grantor;
GRANT USAGE ON SEQUENCE app.orders_id_seq TO reader;
REVOKE TRUNCATE ON app.orders FROM owner;
SET ROLE reader;
GRANT SELECT ON app.orders TO grantor;
RESET ROLE;
GRANT SELECT (id) ON app.customer TO PUBLIC;
COMMENT ON TABLE app.orders IS 'the orders''s table';
COMMENT ON COLUMN app.orders.total IS 'a column';
COMMENT ON SEQUENCE app.orders_id_seq IS 'a sequence';
COMMENT ON CONSTRAINT by_whom ON app.orders IS 'a foreign key';
COMMENT ON CONSTRAINT once ON app.orders IS 'a unique constraint';
COMMENT ON CONSTRAINT small ON app.orders IS 'a check';
COMMENT ON INDEX app.orders_tax IS 'an index';
COMMENT ON TRIGGER touch ON app.orders IS 'a trigger';
COMMENT ON RULE protect ON app.orders IS 'a rule';
COMMENT ON POLICY own ON app.orders IS 'a policy';
COMMENT ON STATISTICS kinds.orders_stats IS 'statistics';
CREATE TABLE app.payment (id integer PRIMARY KEY, orders integer CONSTRAINT for_what REFERENCES app.orders ON UPDATE CASCADE, other integer, customer integer,
	FOREIGN KEY (customer, other) REFERENCES app.orders (customer, id));
ALTER TABLE app.payment OWNER TO other_owner;
ALTER TABLE app.payment ADD CONSTRAINT loose FOREIGN KEY (other) REFERENCES app.orders NOT VALID;
COMMENT ON CONSTRAINT for_what ON app.payment IS 'a foreign key of another table';
INSERT INTO app.customer SELECT n, 'customer ' || n FROM generate_series(1, 20) n;
INSERT INTO app.orders (customer, parent, total, email, during, note)
SELECT n % 20 + 1, nullif(n - 1, 0), n, 'a@b', int4range(n, n + 1), 'note ' || n FROM generate_series(1, 300) n;
INSERT INTO app.payment SELECT n, n FROM generate_series(1, 300) n;
CREATE PUBLICATION sales FOR TABLE app.orders (id, total, number) WHERE (total > 10), app.customer;
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE PUBLICATION schemas FOR TABLES IN SCHEMA app;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT ALL ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT ALL ON SEQUENCES TO grantor;
SQL

comes_back('chain', $chain, 'DROP TABLE app.orders CASCADE', ['app.orders'],
	[ 'app.orders', 'app.payment', 'app.customer' ],
	check => 'INSERT INTO app.orders (customer) VALUES (1) RETURNING id, number',
	result => '301|1600', checked => 'its sequences go on');
comes_back('chain without indexes', $chain, 'DROP TABLE app.orders CASCADE',
	[ [ 'app.orders', ", as_name => 'another name', with_indexes => false" ] ], ['app.orders']);
comes_back('chain in its own schema', $chain, 'DROP TABLE app.orders CASCADE',
	[ [ 'app.orders', ", into_schema => 'app', as_name => 'here'" ] ], ['app.orders']);
comes_back('whole chain', $chain, 'DROP TABLE app.orders, app.payment, app.customer CASCADE',
	[ 'app.orders', 'app.payment', 'app.customer' ], [ 'app.orders', 'app.payment', 'app.customer' ],
	notes => qr/WARNING:  foreign key "by_whom" of table "app.orders" is not put back: table "app.customer" does not exist/);

# ---- partitions ----

my $events = <<'SQL';
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE app.place (id integer PRIMARY KEY);
CREATE TABLE app.event (id integer NOT NULL, at date NOT NULL, kind text DEFAULT 'none', place integer REFERENCES app.place,
	CONSTRAINT event_key PRIMARY KEY (id, at), CONSTRAINT positive CHECK (id > 0)) PARTITION BY RANGE (at);
CREATE TABLE app.event_2025 PARTITION OF app.event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (id);
CREATE TABLE app.event_2025_few PARTITION OF app.event_2025 FOR VALUES IN (1, 2) WITH (fillfactor = 60);
CREATE TABLE app.event_2025_rest PARTITION OF app.event_2025 DEFAULT;
CREATE TABLE app.event_2026 (place integer, kind text DEFAULT '2026', extra integer, at date NOT NULL, id integer NOT NULL, CONSTRAINT positive CHECK (id > 0), CONSTRAINT only_here CHECK (id < 100000));
ALTER TABLE app.event_2026 DROP COLUMN extra;
ALTER TABLE app.event ATTACH PARTITION app.event_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE app.event_other PARTITION OF app.event DEFAULT;
CREATE INDEX event_kind ON app.event (kind);
CREATE INDEX event_2026_own ON app.event_2026 (place) WHERE place > 1;
CREATE UNIQUE INDEX odd_name ON ONLY app.event (at, id, kind);
CREATE UNIQUE INDEX zz_other_name ON app.event_2026 (at, id, kind);
CREATE UNIQUE INDEX aa_other_name ON app.event_2026 (at, id, kind);
ALTER INDEX app.odd_name ATTACH PARTITION app.zz_other_name;
CREATE UNIQUE INDEX ON app.event_2025 (at, id, kind);
CREATE UNIQUE INDEX ON app.event_other (at, id, kind);
ALTER INDEX app.odd_name ATTACH PARTITION app.event_2025_at_id_kind_idx;
ALTER INDEX app.odd_name ATTACH PARTITION app.event_other_at_id_kind_idx;
ALTER TABLE app.event_2026 CLUSTER ON zz_other_name;
ALTER TABLE app.event_2026 REPLICA IDENTITY USING INDEX event_2026_pkey;
CREATE TRIGGER touch BEFORE UPDATE ON app.event FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.event_2026 DISABLE TRIGGER touch;
CREATE TRIGGER here BEFORE INSERT ON app.event_2026 FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE TABLE app.seen (id integer, at date, CONSTRAINT seen_what FOREIGN KEY (id, at) REFERENCES app.event);
CREATE STATISTICS app.event_stats ON id, kind FROM app.event;
CREATE STATISTICS app.event_2026_stats ON id, kind FROM app.event_2026;
CREATE PUBLICATION years FOR TABLE app.event_2026 (id, at) WITH (publish_via_partition_root = true);
CREATE PUBLICATION whole FOR TABLE app.event WHERE (id > 5) WITH (publish_via_partition_root = true, publish = 'insert');
ALTER TABLE app.event OWNER TO owner;
ALTER TABLE app.event_2026 OWNER TO other_owner;
ALTER TABLE app.event_2025_rest OWNER TO other_owner;
GRANT SELECT ON app.event_2026 TO reader;
COMMENT ON TABLE app.event_2026 IS 'this year';
COMMENT ON INDEX app.event_kind IS 'an index of all';
COMMENT ON INDEX app.event_2026_kind_idx IS 'an index of one';
COMMENT ON CONSTRAINT positive ON app.event_2026 IS 'of the parent';
COMMENT ON TRIGGER touch ON app.event IS 'of the parent';
INSERT INTO app.place SELECT generate_series(0, 9);
INSERT INTO app.event SELECT n, date '2025-06-01' + n, 'event ' || n, n % 10 FROM generate_series(1, 700) n;
INSERT INTO app.event SELECT n, '2025-05-05' FROM generate_series(1, 5) n;
INSERT INTO app.seen SELECT n, date '2025-06-01' + n FROM generate_series(1, 700) n;
SQL

comes_back('partition', $events, 'DROP TABLE app.event_2026 CASCADE', ['app.event_2026'],
	[ 'app.event', 'app.event_2026', 'app.seen' ]);
comes_back('partition without indexes', $events, 'DROP TABLE app.event_2026 CASCADE',
	[ [ 'app.event_2026', ', with_indexes => false' ] ], [ 'app.event', 'app.event_2026', 'app.seen' ]);
comes_back('partitioned partition', $events, 'DROP TABLE app.event_2025 CASCADE', ['app.event_2025'],
	[ 'app.event', 'app.event_2025' ]);
comes_back('default partition', $events, 'DROP TABLE app.event_other CASCADE', ['app.event_other'],
	['app.event']);
comes_back('partitioned table', $events, 'DROP TABLE app.event CASCADE', ['app.event'],
	[ 'app.event', 'app.event_2025_rest', 'app.event_2026', 'app.seen' ]);
comes_back('partitioned table without indexes', $events, 'DROP TABLE app.event CASCADE',
	[ [ 'app.event', ", as_name => 'e', with_indexes => false" ] ], [ 'app.event', 'app.event_2026' ]);

# ---- inheritance ----

my $family = <<'SQL';
CREATE TABLE base (id serial, name text NOT NULL DEFAULT 'none', CONSTRAINT named CHECK (name <> ''));
CREATE TABLE other_base (id integer, size integer, CONSTRAINT big CHECK (size > 0) NO INHERIT, CONSTRAINT any CHECK (size < 1000));
CREATE TABLE child (more text, name text DEFAULT 'child', CONSTRAINT own CHECK (more <> ''), CONSTRAINT any CHECK (size < 1000)) INHERITS (base, other_base);
CREATE TABLE grandchild (last integer NOT NULL) INHERITS (child);
ALTER TABLE base ADD CONSTRAINT late CHECK (id < 1000000) NOT VALID;
ALTER TABLE child ALTER size SET NOT NULL;
ALTER TABLE child ALTER id SET STATISTICS 50;
CREATE INDEX child_name ON child (name);
COMMENT ON COLUMN child.id IS 'inherited';
INSERT INTO base (name) VALUES ('a'), ('b');
INSERT INTO child (size, more) SELECT n, 'more' FROM generate_series(1, 100) n;
INSERT INTO grandchild (size, more, last) SELECT n, 'more', n FROM generate_series(1, 100) n;
SQL
$family =~ s/\bany\b/a_check/g;

comes_back('inherited child', $family, 'DROP TABLE grandchild', ['grandchild'], [ 'base', 'ONLY child', 'grandchild' ]);
comes_back('inherited middle', $family, 'DROP TABLE child CASCADE', [ 'child', 'grandchild' ], [ 'base', 'ONLY child', 'grandchild' ],
	notes => qr/^NOTICE:  depended on it, and does not exist: table public.grandchild\nHINT:  The definitions are in backup "\S+"; pg_restore brings them back.\n$/);
comes_back('inherited bottom up', $family, 'DROP TABLE child CASCADE', [ 'grandchild', 'child' ], [ 'base', 'ONLY child', 'grandchild' ],
	notes => qr/^WARNING:  table "public.grandchild" inherited from "public.child", which does not exist: it is put back without\nNOTICE:  table "public.grandchild" inherits from it again\n$/);
comes_back('inheritance parent', $family, 'DROP TABLE base CASCADE', [ 'base', 'child', 'grandchild' ], [ 'base', 'ONLY child', 'grandchild' ],
	notes => qr/does not exist: table public.child, table public.grandchild/);

# ---- other kinds of tables ----

comes_back('odd names', <<'SQL', 'DROP TABLE "od""d sch\'\'ema"."we\'\'i.rd ""T""able" CASCADE' =~ s/''/'/gr, [q{"od""d sch'ema"."we'i.rd ""T""able"}], [q{"od""d sch'ema"."we'i.rd ""T""able"}]);
CREATE SCHEMA "od""d sch'ema";
CREATE FUNCTION "od""d sch'ema"."fun ction"() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE "od""d sch'ema"."we'i.rd ""T""able" ("co l" serial PRIMARY KEY, "x.y" integer CHECK ("x.y" > 0), "ORDER" text DEFAULT 'it''s', "user" text);
CREATE INDEX "in""dex" ON "od""d sch'ema"."we'i.rd ""T""able" ("x.y");
CREATE TRIGGER "tri""gger'" BEFORE INSERT ON "od""d sch'ema"."we'i.rd ""T""able" FOR EACH ROW EXECUTE FUNCTION "od""d sch'ema"."fun ction"();
CREATE ROLE "ro""le'";
CREATE POLICY "po""licy" ON "od""d sch'ema"."we'i.rd ""T""able" TO "ro""le'" USING (("we'i.rd ""T""able".*) IS NOT NULL);
GRANT SELECT ("x.y"), UPDATE ON "od""d sch'ema"."we'i.rd ""T""able" TO "ro""le'";
CREATE STATISTICS "od""d sch'ema"."sta""ts" ON "co l", "x.y" FROM "od""d sch'ema"."we'i.rd ""T""able";
CREATE PUBLICATION "pu""b" FOR TABLE "od""d sch'ema"."we'i.rd ""T""able" ("co l");
COMMENT ON COLUMN "od""d sch'ema"."we'i.rd ""T""able"."x.y" IS 'odd';
COMMENT ON TRIGGER "tri""gger'" ON "od""d sch'ema"."we'i.rd ""T""able" IS 'odd';
ALTER TABLE "od""d sch'ema"."we'i.rd ""T""able" CLUSTER ON "in""dex";
INSERT INTO "od""d sch'ema"."we'i.rd ""T""able" ("x.y") SELECT generate_series(1, 5);
SQL

my $kinds = <<'SQL';
CREATE TYPE pair AS (one integer, two text);
CREATE UNLOGGED TABLE unlogged (id serial, seen date DEFAULT now());
INSERT INTO unlogged SELECT FROM generate_series(1, 5);
CREATE TABLE typed OF pair (one WITH OPTIONS DEFAULT 5 NOT NULL, PRIMARY KEY (one));
INSERT INTO typed VALUES (1, 'a'), (2, 'b');
CREATE TABLE spaced (id integer PRIMARY KEY USING INDEX TABLESPACE elsewhere, note text) TABLESPACE elsewhere;
CREATE INDEX spaced_note ON spaced (note) TABLESPACE elsewhere;
ALTER TABLE spaced OWNER TO owner;
ALTER TABLE spaced REPLICA IDENTITY FULL;
INSERT INTO spaced VALUES (1, 'one');
CREATE TABLE empty ();
COMMENT ON TABLE empty IS 'nothing';
SQL
comes_back('kinds of tables', $kinds, 'DROP TABLE unlogged, typed, spaced, empty', [ 'unlogged', 'typed', 'spaced', 'empty' ], [ 'unlogged', 'typed', 'spaced' ]);

done_testing();
