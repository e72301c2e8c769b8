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
use PgBackupTrap;
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

# ---- what newer versions know ----

comes_back('identity of a partitioned table', <<'SQL', 'DROP TABLE numbered_1, numbered_2', [ 'numbered_1', 'numbered_2' ], ['numbered']) if $node->pg_version >= 17;
CREATE TABLE numbered (id integer GENERATED ALWAYS AS IDENTITY, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE numbered_1 PARTITION OF numbered FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE numbered_2 (at date NOT NULL, id integer NOT NULL);
ALTER TABLE numbered ATTACH PARTITION numbered_2 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
INSERT INTO numbered (at) SELECT '2026-02-01' FROM generate_series(1, 5);
INSERT INTO numbered (at) SELECT '2027-02-01' FROM generate_series(1, 5);
SQL

if ($node->pg_version >= 18)
{
	my $named = <<'SQL';
CREATE TABLE room (room int4range, during daterange, CONSTRAINT room_key PRIMARY KEY (room, during WITHOUT OVERLAPS));
CREATE TABLE named (
	a integer CONSTRAINT a_is_set NOT NULL, b integer, c integer GENERATED ALWAYS AS (a * 2) VIRTUAL, d integer NOT NULL,
	room int4range, during daterange,
	CONSTRAINT loose CHECK (a > 100) NOT ENFORCED,
	CONSTRAINT no_overlap PRIMARY KEY (room, during WITHOUT OVERLAPS),
	CONSTRAINT in_room FOREIGN KEY (room, PERIOD during) REFERENCES room,
	CONSTRAINT loose_key FOREIGN KEY (b) REFERENCES numbers NOT ENFORCED);
ALTER TABLE named ADD CONSTRAINT b_is_set NOT NULL b NOT VALID;
COMMENT ON CONSTRAINT a_is_set ON named IS 'a name';
CREATE TABLE named_child (e integer CONSTRAINT e_is_set NOT NULL, d integer CONSTRAINT own_d NOT NULL) INHERITS (named);
INSERT INTO room VALUES ('[1,2)', '[2026-01-01,2027-01-01)');
INSERT INTO named (a, b, d, room, during) VALUES (1, 1, 1, '[1,2)', '[2026-01-01,2026-02-01)');
INSERT INTO named_child (a, b, room, during, d, e) VALUES (1, 2, '[1,2)', '[2026-01-01,2026-02-01)', 4, 5);
SQL
	$named = "CREATE TABLE numbers (id integer PRIMARY KEY); INSERT INTO numbers VALUES (1), (2);\n$named";
	comes_back('named constraints', $named, 'DROP TABLE named CASCADE', [ [ 'named', ", as_name => 'x'" ], [ 'named_child', ", as_name => 'y'" ] ], [ 'ONLY named', 'named_child' ],
		notes => qr/does not exist: table public.named_child/);
}

# ---- whose code runs as whom ----

# What owners have written runs while a superuser stages and promotes, but never as him.
# PostgreSQL itself checks a foreign key as the owner of the referenced table where the
# other may not read it, and does so for each row that is inserted.
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA trap;
GRANT ALL ON SCHEMA trap TO PUBLIC;
CREATE TABLE trap.ran (who name, what text);
GRANT ALL ON trap.ran TO PUBLIC;
CREATE FUNCTION trap.note(what text) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO trap.ran VALUES (current_user, what); END $$;
CREATE FUNCTION trap.spring(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN PERFORM trap.note(what); RETURN true; END $$;
SET ROLE owner;
CREATE TYPE trap.word AS ENUM ('1', '2');
CREATE FUNCTION trap.to_integer(trap.word) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
	$$ BEGIN PERFORM trap.spring('cast'); RETURN $1::text::integer; END $$;
CREATE CAST (trap.word AS integer) WITH FUNCTION trap.to_integer(trap.word) AS IMPLICIT;
CREATE TABLE trap.number (id integer PRIMARY KEY);
CREATE TABLE trap.bait (id trap.word CONSTRAINT to_number REFERENCES trap.number, n integer) PARTITION BY RANGE (n);
CREATE TABLE trap.bait_1 PARTITION OF trap.bait FOR VALUES FROM (0) TO (1000);
CREATE TABLE trap.plain (id trap.word CONSTRAINT plain_to_number REFERENCES trap.number, n integer CHECK (trap.spring('check ' || n)));
CREATE INDEX plain_index ON trap.plain ((trap.spring('index ' || n))) WHERE trap.spring('predicate');
CREATE STATISTICS trap.plain_statistics ON (trap.spring('statistics')), n FROM trap.plain;
CREATE POLICY plain_policy ON trap.plain USING (trap.spring('policy'));
CREATE RULE plain_rule AS ON DELETE TO trap.plain WHERE trap.spring('rule') DO INSTEAD NOTHING;
INSERT INTO trap.number VALUES (1), (2);
INSERT INTO trap.bait VALUES ('1', 1), ('2', 2);
INSERT INTO trap.plain VALUES ('1', 1), ('2', 2);
RESET ROLE;
SQL
my $id = $node->safe_psql('postgres', 'SELECT pgbackup_run()');
foreach my $case (
	[ 'owned by the owner of the other table', '', 'owner' ],
	[ 'without rights on it', 'ALTER TABLE trap.number OWNER TO other_owner', 'other_owner owner' ])
{
	my ($name, $sql, $who) = @$case;

	$node->safe_psql('postgres', "$sql; DROP TABLE trap.bait, trap.plain; DELETE FROM trap.ran");
	$node->safe_psql('postgres', "SELECT pgbackup_promote_table(staged) FROM pgbackup_restore_table('trap.$_', '$id', with_indexes => false)")
	  foreach 'bait', 'plain';
	is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT who::text, ' ' ORDER BY who::text) FROM trap.ran"), $who, "traps spring as the owner, $name");
	is( $node->safe_psql('postgres', "SELECT string_agg(DISTINCT what, ', ' ORDER BY what) FROM trap.ran WHERE what !~ '^policy|^rule|^statistics'"),
		'cast, check 1, check 2, index 1, index 2, predicate', "traps that spring, $name");
	is( $node->safe_psql('postgres', "SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint WHERE conname ~ 'to_number' AND convalidated AND conparentid = 0"),
		'plain_to_number to_number', "the foreign keys hold, $name");
}

# Nor does it run as the superusers to whom other tables belong; and what belongs to others is changed only for who
# may change it.
$node->safe_psql('postgres', <<'SQL'
CREATE ROLE mallory;
CREATE ROLE alice;
CREATE SCHEMA rob AUTHORIZATION mallory;
CREATE SCHEMA alice AUTHORIZATION alice;
GRANT USAGE ON SCHEMA rob, alice TO PUBLIC;
GRANT EXECUTE ON FUNCTION pgbackup_restore_table, pgbackup_promote_table TO mallory;
SET ROLE mallory;
SQL
	. trap_rights('rob', 'mallory') . <<'SQL');
CREATE TABLE rob.t (id integer PRIMARY KEY, n integer NOT NULL);
INSERT INTO rob.t VALUES (1, 1);
CREATE TABLE rob.partner (id integer PRIMARY KEY);
CREATE INDEX ON rob.partner ((id + rob.spring(1)));
INSERT INTO rob.partner VALUES (1);
RESET ROLE;
CREATE SCHEMA above;
CREATE TABLE above.of_superuser (id integer CONSTRAINT to_t REFERENCES rob.t, partner integer CONSTRAINT to_partner REFERENCES rob.partner);
INSERT INTO above.of_superuser VALUES (1, 1);
CREATE TABLE parent_of_superuser (id integer NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE rob.part PARTITION OF parent_of_superuser FOR VALUES FROM (0) TO (10);
CREATE TABLE alice.parent (id integer) PARTITION BY RANGE (id);
CREATE TABLE rob.part_of_alice PARTITION OF alice.parent FOR VALUES FROM (0) TO (10);
ALTER TABLE rob.part OWNER TO mallory;
ALTER TABLE rob.part_of_alice OWNER TO mallory;
CREATE TABLE alice.c (id integer CONSTRAINT alice_to_t REFERENCES rob.t ON DELETE CASCADE);
CREATE FUNCTION alice.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE CONSTRAINT TRIGGER alice_trigger AFTER INSERT ON alice.c FROM rob.t FOR EACH ROW EXECUTE FUNCTION alice.f();
CREATE TABLE alice.kid () INHERITS (rob.t);
ALTER TABLE alice.parent OWNER TO alice;
ALTER TABLE alice.c OWNER TO alice;
ALTER TABLE alice.kid OWNER TO alice;
SET ROLE mallory;
ALTER TABLE rob.part ADD CHECK (id > rob.spring(1) - 100);
RESET ROLE;
SQL
$id = $node->safe_psql('postgres', 'SELECT pgbackup_run()');
my $is_robbed = "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'";

sub staged_and_promoted
{
	my ($table, $who, $between) = @_;

	my $staged = $node->safe_psql('postgres', "SET ROLE $who; SELECT staged FROM pgbackup_restore_table('$table', '$id')");
	$node->safe_psql('postgres', "SET ROLE mallory; $between") if $between;
	return $node->psql('postgres', "SET ROLE $who; SELECT pgbackup_promote_table('$staged')");
}
# as her: to plan a query runs her code, too
my $things = q{SET ROLE mallory; SELECT concat_ws(' ', (SELECT string_agg(conname || '=' || convalidated, ' ' ORDER BY conname) FROM pg_constraint WHERE confrelid = 'rob.t'::regclass),
	(SELECT string_agg(tgname, ' ') FROM pg_trigger WHERE NOT tgisinternal AND tgconstrrelid = 'rob.t'::regclass), (SELECT count(*) FROM rob.t))};
my $of_superuser = $node->safe_psql('postgres', 'SELECT session_user');

# what she drops, others have given up
$node->safe_psql('postgres', 'ALTER TABLE alice.c DROP CONSTRAINT alice_to_t; DROP TRIGGER alice_trigger ON alice.c; ALTER TABLE alice.kid NO INHERIT rob.t; INSERT INTO alice.kid VALUES (2, 2); INSERT INTO alice.c VALUES (1)');
$node->safe_psql('postgres', 'SET ROLE mallory; DROP TABLE rob.t CASCADE');
my ($status, $stdout, $stderr) = staged_and_promoted('rob.t', 'mallory');
is($stdout, 'rob.t', 'who owns a table puts it back') or diag($stderr);
like($stderr, qr/WARNING:  $_ is not put back: you are no member of role "/, "but not what is others': $_")
  foreach 'foreign key "alice_to_t" of table "alice.c"', 'foreign key "to_t" of table "above.of_superuser"',
  'trigger "alice_trigger" of table "alice.c"', 'table "alice.kid" as a child of "rob.t"';
like($stderr, qr/HINT:  Who is one may run: ALTER TABLE ONLY alice.c ADD CONSTRAINT alice_to_t/, 'with what to do');
is($node->safe_psql('postgres', $things), '1', 'nothing of others is changed');

$node->safe_psql('postgres', 'SET ROLE mallory; DROP TABLE rob.t CASCADE');
($status, $stdout, $stderr) = staged_and_promoted('rob.t', $of_superuser, 'CREATE INDEX ON pgbackup_recovery.t ((n + rob.spring(1)))');
is($stdout, 'rob.t', 'a superuser puts it back') or diag($stderr);
like($stderr, qr/WARNING:  foreign key "to_t" of table "above.of_superuser" could not be checked, and is put back NOT VALID\n.*unction "spring" must not run with the rights of a superuser/, 'a constant of an index does not run as the owner of another table');
is($node->safe_psql('postgres', $is_robbed), 'f', 'and has not');
is($node->safe_psql('postgres', $things), 'alice_to_t=true to_t=false alice_trigger 2', 'all else is as it was');

$node->safe_psql('postgres', 'DROP TABLE above.of_superuser');
($status, $stdout, $stderr) = staged_and_promoted('above.of_superuser', $of_superuser);
like($stderr, qr/WARNING:  foreign key "to_partner" of table "above.of_superuser" could not be checked, and is put back NOT VALID/, "nor does one of the referenced table, when it is the superuser's table that comes back");
is($node->safe_psql('postgres', $is_robbed), 'f', 'and has not');

$node->safe_psql('postgres', 'DROP TABLE rob.part, rob.part_of_alice');
($status, $stdout, $stderr) = staged_and_promoted('rob.part', $of_superuser);
like($stderr, qr/ERROR:  function "spring" must not run with the rights of a superuser\nDETAIL:  It would run as role/, "what a CHECK evaluates does not run as the owner of the parent");
is($node->safe_psql('postgres', $is_robbed), 'f', 'and has not');
($status, $stdout, $stderr) = staged_and_promoted('rob.part_of_alice', 'mallory');
like($stderr, qr/ERROR:  permission denied to attach table "rob.part_of_alice" to table "alice.parent"\nDETAIL:  That belongs to role "alice"/, 'a partition of what is not hers');
is($node->safe_psql('postgres', "SELECT pgbackup_promote_table('pgbackup_recovery.part_of_alice')"), 'rob.part_of_alice', 'comes back by a superuser');
$node->safe_psql('postgres', 'DROP SCHEMA pgbackup_recovery CASCADE');

# ---- two at a time, locks, cancel ----

sub session
{
	my ($name, $sql) = @_;
	my $session = { out => '', err => '' };

	$session->{handle} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', "SET application_name = '$name'; $sql" ],
		'<', \'', '>', \$session->{out}, '2>', \$session->{err});
	return $session;
}

sub waits_for_lock
{
	my ($name) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = '$name' AND wait_event_type = 'Lock'")
	  or die "$name does not wait";
	return;
}

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE lone (id serial PRIMARY KEY, parent integer REFERENCES parent);
INSERT INTO parent SELECT generate_series(1, 1000);
INSERT INTO lone (parent) SELECT generate_series(1, 1000);
SQL
$id = $node->safe_psql('postgres', 'SELECT pgbackup_run()');

foreach my $end ('COMMIT', 'ROLLBACK')
{
	$node->safe_psql('postgres', "DROP TABLE lone; SELECT pgbackup_restore_table('lone', '$id')");
	my $blocker = $node->background_psql('postgres');
	$blocker->query_safe("BEGIN; SELECT pgbackup_promote_table('pgbackup_recovery.lone')");

	# readers and writers of the other table go on; those of rows that it refers to as well
	is($node->safe_psql('postgres', 'SELECT count(*) FROM parent'), 1000, "$end: readers of the other table go on");

	my $second = session('second', "SELECT pgbackup_promote_table('pgbackup_recovery.lone')");
	waits_for_lock('second');
	$blocker->query_safe($end);
	$blocker->quit;
	$second->{handle}->finish;
	if ($end eq 'COMMIT')
	{
		like($second->{err}, qr/table "public.lone" is not a staged table/, 'the second of two finds it put back');
	}
	else
	{
		is($second->{out}, "lone\n", 'the second of two puts it back when the first has not');
	}
	is($node->safe_psql('postgres', 'SELECT count(*) FROM lone'), 1000, "$end: its rows");
}

$node->safe_psql('postgres', "DROP TABLE lone; SELECT pgbackup_restore_table('lone', '$id')");
{
	my $blocker = $node->background_psql('postgres');

	$blocker->query_safe('BEGIN; DELETE FROM parent WHERE id = 1');
	fails_like($node, "SET lock_timeout = '50ms'; SELECT pgbackup_promote_table('pgbackup_recovery.lone')",
		qr/canceling statement due to lock timeout/, 'lock_timeout');
	my $victim = session('victim', "SELECT pgbackup_promote_table('pgbackup_recovery.lone')");
	waits_for_lock('victim');
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'");
	$victim->{handle}->finish;
	like($victim->{err}, qr/canceling statement due to user request/, 'it can be cancelled');
	$blocker->query_safe('ROLLBACK');
	$blocker->quit;
}
is($node->safe_psql('postgres', "SELECT pgbackup_promote_table('pgbackup_recovery.lone')"), 'lone', 'and done after that');

done_testing();
