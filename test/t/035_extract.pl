#
# pgbackup extract and pgbackup cat: what they write is what zstd's program, pg_restore,
# pg_dump and COPY make of the same backup; and what is damaged, interrupted or has no
# room is never taken for complete.
#
# test/t/035_extract.pl
#
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use IPC::Run ();
use PgBackupArchive;
use PgBackupTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_node('main');
my $scratch = PostgreSQL::Test::Utils::tempdir_short();
my $repository = '--repository=' . repository($node);

make_shop();
my $id = $node->safe_psql('shop', 'SELECT pgbackup_run(jobs => 2)');
my $folder = backup_folder($node, $id);
$node->safe_psql('shop', "DELETE FROM pgbackup_runs WHERE backup = '$id'");

# ---- everything ----

my $all = "$scratch/all";
my $reference = decompress_for_restore($folder, "$scratch/reference");

succeeds([ 'extract', $id, "--to=$all", '--jobs=3' ], qr/^extracted \d+ tables, .* to \Q$all\E$/, 'everything is extracted');
is(qx(diff -rq '$reference' '$all'), "Only in $reference: manifest.json\n",
	'and that is what zstd makes of the backup');
is((stat $all)[2] & 07777, 0700, 'nobody else may look at it');
restores($all, 'whole', 'pg_restore takes it');
is(plain_dump($node, 'whole'), plain_dump($node, 'shop'), 'and brings everything back');

mkdir "$scratch/empty";
succeeds([ 'extract', 'latest', '--to', "$scratch/empty" ], qr/^extracted/, 'into a directory that is empty, with one job');
is(qx(diff -rq '$all' '$scratch/empty'), '', 'it is the same');

# ---- tables ----

my $one = "$scratch/one";
my $out = succeeds([ 'extract', $id, '--table=shop.orders', '--with-dependencies', "--to=$one" ],
	qr/^extracted 1 table, /, 'a table with what it needs');
is_deeply([ sort $out =~ /^left out: (.*)$/mg ],
	[ 'FK CONSTRAINT shop.orders orders_customer_fkey', 'POLICY shop.orders customers_of_berlin',
		'PUBLICATION TABLE shop.sold orders' ],
	'it is said what was left out, since it is part of other things as well');
is_deeply([ files_of($one) ], [ sort 'toc.dat', data_files($one) ], 'there are the files of the archive, and no others');
restores($one, 'one', 'pg_restore takes it');
is(without(dump_of('one', 'shop.orders')), without(dump_of('shop', 'shop.orders')),
	'and the table has all that it had: defaults, sequences, indexes, constraints, trigger, rights, comments');
is(table_hash($node, 'one', 'shop.orders'), table_hash($node, 'shop', 'shop.orders'), 'and its rows');
is($node->safe_psql('one', "SELECT nextval('shop.orders_serial_seq'), nextval('shop.tickets')"), '101|8', 'the sequences go on');

succeeds([ 'extract', $id, '-t', 'shop.orders', '-t', 'Shop.customers', "--to=$scratch/two" ], qr/^extracted 2 tables/, 'two tables');
$node->safe_psql('postgres', 'CREATE DATABASE dropped TEMPLATE shop');
$node->safe_psql('dropped', 'DROP TABLE shop.orders, shop.customers CASCADE; DROP SEQUENCE shop.tickets');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'dropped', '-j', 2, "$scratch/two" ],
	'pg_restore brings them back into the database that has lost them');
is(dump_of('dropped', 'shop.orders', 'shop.customers'), dump_of('shop', 'shop.orders', 'shop.customers'),
	'with the foreign key between them, and the policy that asks both');

succeeds([ 'extract', $id, '-t', 'shop.log', '--with-dependencies', "--to=$scratch/tree" ], qr/^extracted 3 tables/, 'a partitioned table');
restores("$scratch/tree", 'tree', 'pg_restore takes it');
is(table_hash($node, 'tree', 'shop.log'), table_hash($node, 'shop', 'shop.log'), 'with all its partitions');
is(dump_of('tree', 'shop.log*'), dump_of('shop', 'shop.log*'), 'as they were');

$out = succeeds([ 'extract', $id, '-t', 'shop.log_2', '--with-dependencies', "--to=$scratch/partition" ], qr/^extracted 1 table,/, 'a partition');
like($out, qr/^left out: TABLE ATTACH shop.log_2$/m, 'which is going to be a table of its own');
$node->safe_psql('postgres', 'CREATE DATABASE partition TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'partition', "$scratch/partition" ], 'pg_restore takes it');
is(table_hash($node, 'partition', 'shop.log_2'), table_hash($node, 'shop', 'shop.log_2'), 'and it has its rows');
is($node->safe_psql('partition', q(SELECT count(*) FROM pg_indexes WHERE tablename = 'log_2')), 2, 'and its indexes');

my ($status, $stdout, $stderr) = program('extract', $id, '-t', 'shop.child', "--to=$scratch/child");
like($stderr, qr/warning: TABLE shop.child needs TABLE shop.parent, which was not extracted/, 'a child without its parent: a warning');
is($status, 0, 'and no error');
succeeds([ 'extract', $id, '-t', 'shop.child', '--with-dependencies', "--to=$scratch/child2" ], qr/^extracted 1 table,/, 'with its parent');
restores("$scratch/child2", 'child', 'pg_restore takes it');
is($node->safe_psql('child', 'SELECT count(*) FROM shop.parent'), 1, 'and the parent has no rows of its own');

succeeds([ 'extract', $id, '-t', 'shop.*', '--with-dependencies', "--to=$scratch/pattern" ], qr/^extracted 10 tables/, 'a pattern');
restores("$scratch/pattern", 'pattern', 'pg_restore takes it');
succeeds([ 'extract', $id, '-t', '"Odd ""schema"""."a.b*"', "--to=$scratch/odd" ], qr/^extracted 1 table,/, 'a name that needs quotes');

# ---- what is refused ----

refuses([ 'extract', $id, "--to=$all" ], qr/directory "\Q$all\E" is not empty.*hint: Name an empty directory/s, 'a directory that is not empty');
is(qx(diff -rq '$reference' '$all'), "Only in $reference: manifest.json\n", 'and it stays as it was');
write_file("$scratch/file", 'x');
refuses([ 'extract', $id, "--to=$scratch/file" ], qr/"\Q$scratch\E\/file" is not a directory/, 'a file');
refuses([ 'extract', $id, "--to=$scratch/no/where" ], qr/could not create directory.*Make the directory above/s, 'a directory in one that does not exist');
refuses([ 'extract', $id, "--to=$scratch/new", '-t', 'shop.ordesr' ], qr/has no table "shop.ordesr"/, 'a table that is not there');
refuses([ 'extract', $id, "--to=$scratch/new", '-t', 'order' ], qr/has no table "order"\n.*Similar names in it are: shop.orders/s, 'with names that were meant');
refuses([ 'extract', $id, "--to=$scratch/new", '-t', 'twice' ], qr/more than one table "twice"\n.*They are: other.twice, shop.twice\./s, 'a name that is ambiguous');
refuses([ 'extract', $id, "--to=$scratch/new", '-t', 'a.b.c' ], qr/invalid name/, 'a name of three parts');
refuses([ 'extract', $id ], qr/--to/, 'no directory', 2);
refuses([ 'extract', $id, "--to=$scratch/new", '--jobs=0' ], qr/"0" is not a number of jobs/, 'no jobs', 2);
refuses([ 'list', '--table=x' ], qr/pgbackup list takes no --table/, 'options of other commands', 2);
ok(!-e "$scratch/new", 'none of them has made anything');

# ---- cat ----

foreach my $table ('shop.orders', 'shop.customers', 'shop.log_1', '"Odd ""schema"""."a.b*"', 'other.nothing', 'shop.no_columns')
{
	my ($status, $stdout, $stderr) = program('cat', $id, '--table', $table);
	my $copied = $node->safe_psql('shop', "COPY $table TO '$scratch/copied'") . read_file("$scratch/copied");

	is(sorted_lines($stdout), sorted_lines($copied), "cat writes $table as COPY does");
	is("$status$stderr", '0', "and nothing else");
}
unlink "$scratch/copied";
is((program('cat', $id, '-t', 'customers'))[1], (program('cat', $id, '-t', 'shop.customers'))[1], 'cat finds the only table of a name');
refuses([ 'cat', $id, '-t', 'twice' ], qr/They are: other.twice, shop.twice\./, 'cat refuses an ambiguous name');
refuses([ 'cat', $id, '-t', 'shop.lo*' ], qr/more than one table/, 'and a pattern of several');
refuses([ 'cat', $id, '-t', 'shop.log' ], qr/It is partitioned/, 'and a partitioned table');
refuses([ 'cat', $id, '-t', 'shop.berlin' ], qr/It is a VIEW/, 'and a view');
refuses([ 'cat', $id ], qr/--table/, 'and none at all', 2);

is(shell("pgbackup cat $id -t shop.large $repository | head -c 100 | wc -c"), "100\n", 'who reads no further, ends it');
is(shell("trap '' PIPE; pgbackup cat $id -t shop.large $repository | head -c 100 | wc -c"), "100\n", 'also without the signal');
is(shell("pgbackup cat $id -t shop.large $repository > /dev/full; echo \$?"),
	"pgbackup: error: could not write to standard output: No space left on device\n1\n", 'but a full disk is an error');
is(shell("ulimit -v 100000; pgbackup cat $id -t shop.large $repository | wc -l"), "120000\n", 'it needs little memory for many rows');

# ---- damage ----

my ($large) = grep { $_->{name} eq 'large' } @{ read_manifest($folder)->{tables} };
my $path = "$folder/$large->{file}";
my $sound = read_file($path);

foreach my $damage ([ 'in the middle', int(length($sound) / 2) ], [ 'in the seek table', -5 ])
{
	my ($where, $offset) = @$damage;

	flip_bit($path, $offset);
	fails_without_trace("a flipped bit $where");
	refuses([ 'cat', $id, '-t', 'shop.large' ], qr/\Q$large->{file}\E/, "cat tells of a flipped bit $where");
	write_file($path, $sound);
}
truncate_file($path, -100);
fails_without_trace('a file that is cut off');
unlink $path;
fails_without_trace('a file that is missing');
write_file($path, $sound);

succeeds([ 'extract', $id, '-t', 'shop.customers', "--to=$scratch/sound" ], qr/^extracted/, 'damage of a table is none of another');
change_manifest(sub { $_[0] =~ s/("frames": \[\[\d+,\d+,)(\d+)/$1 . ($2 + 1)/e });
refuses([ 'extract', $id, "--to=$scratch/rows" ], qr/rows, but .* should have/, 'rows are counted');
change_manifest(sub { $_[0] =~ s/("frames": \[\[\d+,\d+,)(\d+)/$1 . ($2 - 1)/e });
ok(!-e "$scratch/rows", 'and nothing is left');
flip_bit("$folder/toc.dat", 200);
refuses([ 'extract', $id, "--to=$scratch/toc" ], qr/file "toc.dat" of backup "$id" is damaged/, 'a damaged table of contents');
flip_bit("$folder/toc.dat", 200);

# ---- interruptions ----

# As when a disk is full, but the process that writes is killed.
like(shell("ulimit -f 1000; pgbackup extract $id --to=$scratch/limit $repository; echo \$?"),
	qr/ended by signal.*\n1\n/, 'a process that is killed');
ok(!-e "$scratch/limit", 'leaves nothing');

foreach my $signal ('TERM', 'KILL')
{
	my $to = "$scratch/\L$signal";
	my $run = IPC::Run::start([ 'pgbackup', 'extract', $id, "--to=$to", $repository ], '>', \my $stdout, '2>', \my $stderr);

	wait_for(sub { -e $to || !$run->pumpable }, 'the directory');
	$run->signal($signal);
	$run->finish;

	# Either it has been faster than the signal, or it is as if nothing had been.
	if (-e "$to/toc.dat")
	{
		is(qx(diff -rq '$all' '$to'), '', "$signal: it is complete");
	}
	elsif ($signal eq 'TERM')
	{
		ok(!-e $to, "$signal: nothing is left");
	}
	else
	{
		command_fails([ 'pg_restore', '--list', $to ], "$signal: what is left is no archive");
		refuses([ 'extract', $id, "--to=$to" ], qr/not empty.*If this is what an extract that was killed has left, remove it/s, 'and is not overwritten')
		  if slurp_dir($to) > 2;
	}
}

SKIP:
{
	my $small = $ENV{PGBACKUP_TEST_SMALL_FS};

	skip 'there is no small file system: test/run makes it as root', 1 unless $small;
	refuses([ 'extract', $id, "--to=$small/out", '--jobs=2' ],
		qr/could not write ".*": No space left on device\n.*hint: Free space there, or choose a directory with more of it/, 'a full disk');
	ok(!-e "$small/out", 'and nothing is left on it');
}

# ---- without the server ----

$node->stop;
succeeds([ 'extract', $id, "--to=$scratch/down" ], qr/^extracted/, 'the server is not needed');
is(qx(diff -rq '$all' '$scratch/down'), '', 'it is the same');

done_testing();

# ---- the database ----

sub make_shop
{
	$node->safe_psql('postgres', 'CREATE DATABASE shop TEMPLATE template0');
	$node->safe_psql('postgres', 'CREATE ROLE clerk; CREATE ROLE keeper');
	$node->safe_psql('shop', <<'SQL');
CREATE EXTENSION pgbackup;
CREATE SCHEMA shop;
CREATE SCHEMA other;
CREATE SCHEMA "Odd ""schema""";
CREATE TYPE shop.state AS ENUM ('new', 'paid');
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION shop.vat(n numeric) RETURNS numeric IMMUTABLE LANGUAGE sql AS 'SELECT n * 1.19';
CREATE SEQUENCE shop.tickets;
CREATE TABLE shop.customers (id integer PRIMARY KEY, city text COLLATE "C", note text);
CREATE TABLE shop.orders (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	serial serial UNIQUE,
	ticket bigint DEFAULT nextval('shop.tickets'),
	customer integer CONSTRAINT orders_customer_fkey REFERENCES shop.customers,
	state shop.state DEFAULT 'new',
	net numeric CHECK (net >= 0),
	gross numeric GENERATED ALWAYS AS (shop.vat(net)) STORED);
CREATE INDEX orders_month ON shop.orders (shop.vat(net)) WHERE state = 'new';
CREATE STATISTICS shop.orders_statistics ON customer, state FROM shop.orders;
CREATE TRIGGER touch BEFORE UPDATE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE RULE never AS ON DELETE TO shop.orders WHERE old.id < 0 DO INSTEAD NOTHING;
ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY, OWNER TO keeper;
CREATE POLICY paid ON shop.orders TO clerk USING (state = 'paid');
CREATE POLICY customers_of_berlin ON shop.orders USING (customer IN (SELECT id FROM shop.customers WHERE city = 'Berlin'));
GRANT SELECT, INSERT (net) ON shop.orders TO clerk;
GRANT USAGE ON SEQUENCE shop.orders_serial_seq TO clerk;
COMMENT ON TABLE shop.orders IS 'orders';
COMMENT ON COLUMN shop.orders.net IS 'without tax';
COMMENT ON INDEX shop.orders_month IS 'an index';
COMMENT ON CONSTRAINT orders_pkey ON shop.orders IS 'a constraint';
COMMENT ON TRIGGER touch ON shop.orders IS 'a trigger';
COMMENT ON POLICY paid ON shop.orders IS 'a policy';
CREATE VIEW shop.berlin AS SELECT o.* FROM shop.orders o JOIN shop.customers c ON c.id = customer WHERE city = 'Berlin';
CREATE MATERIALIZED VIEW shop.sums AS SELECT customer, sum(net) FROM shop.orders GROUP BY 1;
SET client_min_messages = error;
CREATE PUBLICATION sold FOR TABLE shop.orders;
INSERT INTO shop.customers SELECT n, CASE WHEN n % 2 = 0 THEN 'Berlin' END, E'\t\\' || n FROM generate_series(1, 20) n;
INSERT INTO shop.orders (customer, net) SELECT 1 + n % 20, n FROM generate_series(1, 100) n;
SELECT setval('shop.tickets', 7);

CREATE TABLE shop.log (day integer, line text, PRIMARY KEY (day, line)) PARTITION BY RANGE (day);
CREATE TABLE shop.log_1 PARTITION OF shop.log FOR VALUES FROM (0) TO (10);
CREATE TABLE shop.log_2 PARTITION OF shop.log FOR VALUES FROM (10) TO (20);
CREATE TABLE shop.log_3 PARTITION OF shop.log DEFAULT;
CREATE INDEX ON shop.log (line);
INSERT INTO shop.log SELECT n, 'line ' || n FROM generate_series(0, 30) n;
CREATE TABLE shop.parent (id integer);
CREATE TABLE shop.child (more text) INHERITS (shop.parent);
INSERT INTO shop.parent VALUES (1);
INSERT INTO shop.child VALUES (2, 'two');

CREATE TABLE shop.twice (id integer);
CREATE TABLE other.twice (id integer);
CREATE TABLE "Odd ""schema"""."a.b*" ("x""y" text);
INSERT INTO "Odd ""schema"""."a.b*" VALUES ('\.'), (NULL), (E'\n'), ('');
CREATE TABLE other.nothing (id integer);
CREATE TABLE shop.no_columns ();
INSERT INTO shop.no_columns SELECT FROM generate_series(1, 100);
CREATE TABLE shop.large (id integer, filler text);
INSERT INTO shop.large SELECT n, repeat(md5(n::text), 20) || repeat('y', 500) FROM generate_series(1, 120000) n;
SELECT lo_from_bytea(4711, 'an object'), lo_from_bytea(4712, '');
SQL
	return;
}

# ---- the program ----

sub program
{
	my (@arguments) = @_;
	my ($stdout, $stderr) = ('', '');

	IPC::Run::run([ 'pgbackup', @arguments, $repository ], '>', \$stdout, '2>', \$stderr);
	return ($? >> 8, $stdout, $stderr);
}

sub shell
{
	my ($command) = @_;

	return scalar qx(exec 2>&1; $command);
}

sub succeeds
{
	my ($arguments, $pattern, $name) = @_;
	my ($status, $stdout, $stderr) = program(@$arguments);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($status == 0 && $stdout =~ /$pattern/m && $stderr eq '', $name)
	  or diag("status $status, output \"$stdout\", error \"$stderr\"");
	return $stdout;
}

sub refuses
{
	my ($arguments, $pattern, $name, $expected_status) = @_;
	my ($status, $stdout, $stderr) = program(@$arguments);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($status == ($expected_status // 1) && $stderr =~ $pattern, $name)
	  || diag("status $status, error \"$stderr\"");
}

# Into a new directory, and into one that is empty, which stays.
sub fails_without_trace
{
	my ($name) = @_;
	my ($new, $old) = ("$scratch/damaged", "$scratch/damaged_old");

	mkdir $old;
	refuses([ 'extract', $id, "--to=$new", '-j2' ], qr/error: .*"\Q$large->{file}\E"/, "$name is found");
	refuses([ 'extract', $id, "--to=$old" ], qr/error: .*"\Q$large->{file}\E"/, "$name is found by one job");
	ok(!-e $new, 'the directory is removed');
	is_deeply([ files_of($old) ], [], 'one that was there is empty as before');
	return;
}

# ---- archives ----

sub files_of
{
	my ($folder) = @_;

	return sort grep { !/^\.\.?$/ } slurp_dir($folder);
}

# The files that pg_restore is going to read.
sub data_files
{
	my ($archive) = @_;

	return map { "$_.dat" } qx(pg_restore --list '$archive') =~ /^(\d+); \d+ \d+ TABLE DATA /mg;
}

sub restores
{
	my ($archive, $database, $name) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	return $node->command_ok([ 'pg_restore', '--exit-on-error', '--jobs=2', "--dbname=$database", $archive ], $name);
}

sub dump_of
{
	my ($database, @tables) = @_;

	return plain_dump($node, $database, map { "--table=$_" } @tables);
}

# What an archive of one table has to leave out.
sub without
{
	my ($dump) = @_;

	$dump =~ s/^(?:--\n-- )?Name: orders (?:orders_customer_fkey|customers_of_berlin); .*?(?=^(?:--\n-- )?Name: |\z)//msg;
	return $dump;
}

# Changes a manifest, and makes its checksum right again.
sub change_manifest
{
	my ($change) = @_;
	my $text = read_file("$folder/manifest.json");

	$change->($text) or die 'nothing to change in the manifest';
	$text =~ s/  "sha256": "[0-9a-f]*"\n\}\n\z// or die 'no checksum';
	write_file("$folder/manifest.json", $text . '  "sha256": "' . sha256_hex($text) . "\"\n}\n");
	return;
}
