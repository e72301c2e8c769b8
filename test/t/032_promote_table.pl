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

		$notes .= $stderr =~ s/^psql:\S+ //mgr;
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

done_testing();
