#
# 072_verify_restore.pl
#	  pgbackup_verify of base backups by restoring them: what only a restore finds is found,
#	  the proof says how far the recovery came, and nothing of the sandbox is left.
#
# test/t/072_verify_restore.pl
#
use strict;
use warnings;

use JSON::PP;
use PgBackupRestore;
use PgBackupTest;
use PgBackupTrouble;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# no page checksums: damage is not seen when pages are copied; 18 has them unless told otherwise
my @initdb = ('--encoding=UTF8', '--no-locale', '--wal-segsize=1');
push @initdb, '--no-data-checksums' if `initdb --help` =~ /--no-data-checksums/;
my $node = PostgreSQL::Test::Cluster->new('main');
my $scratch = $node->basedir . '/scratch';
$node->init(extra => \@initdb);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgbackup'\n"
	  . "pgbackup.repository = '" . repository($node) . "'\n"
	  . "pgbackup.scratch_directory = '$scratch'\n"
	  . archive_conf() . "max_worker_processes = 16\nautovacuum = off\nmax_prepared_transactions = 5\n"
	  . "restart_after_crash = on\nfsync = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgbackup');

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub verify
{
	my ($arguments) = @_;
	my (undef, $out, $err) = $node->psql('postgres',
		"SELECT status || ' ' || object || ': ' || detail FROM pgbackup_verify($arguments)");
	return $err =~ /ERROR/ ? $err : $out;
}

sub proof
{
	my ($id) = @_;
	my $path = backup_folder($node, $id) . '/proof.json';
	return -e $path ? JSON::PP->new->utf8->decode(read_file($path)) : undef;
}

sub proven { return sql("SELECT proven_at IS NOT NULL FROM pgbackup_list() WHERE id = '$_[0]'"); }

sub sandboxes
{
	return join ' ', glob("$scratch/*"), grep { /sandbox/ } processes($node, qr/sandbox/);
}

# ---- what there is ----

my $place = $node->basedir . '/place';
mkdir $place or die;
sql("CREATE TABLESPACE place LOCATION '$place'");
sql('CREATE DATABASE shop');
$node->safe_psql('shop', q{
	CREATE TABLE customers (id int PRIMARY KEY, name text);
	INSERT INTO customers SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
	CREATE INDEX customers_name ON customers (name);
	CREATE TABLE "a ""name"" : 'b'" (body text) TABLESPACE place;
	ALTER TABLE "a ""name"" : 'b'" ALTER body SET STORAGE EXTERNAL;
	INSERT INTO "a ""name"" : 'b'" SELECT repeat(md5(i::text), 1000) FROM generate_series(1, 20) i;
	CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM customers;
	CREATE MATERIALIZED VIEW unseen AS SELECT 1 WITH NO DATA;
	CREATE UNLOGGED TABLE fleeting AS SELECT 1 AS i;
	CREATE TABLE words AS SELECT 'a b c'::tsvector AS w;
	CREATE INDEX ON words USING gin (w);
	CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'meddled'; END $$;
	CREATE EVENT TRIGGER meddle ON ddl_command_start EXECUTE FUNCTION meddle();
});
# functions of a user that fit the arguments better than those of amcheck, which is in a schema of his
my $bait = "$ENV{TMPDIR}/bait";
$node->safe_psql('shop', qq{
	ALTER EVENT TRIGGER meddle DISABLE;
	CREATE EXTENSION amcheck;
	CREATE ROLE eve;
	GRANT CREATE ON SCHEMA public TO eve;
	SET ROLE eve;
	CREATE FUNCTION verify_heapam(int, boolean, boolean) RETURNS TABLE (blkno bigint, msg text) LANGUAGE plpgsql
	AS \$\$ BEGIN COPY (SELECT 1) TO '$bait'; END \$\$;
	CREATE FUNCTION bt_index_check(int, boolean) RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN COPY (SELECT 1) TO '$bait'; END \$\$;
	RESET ROLE;
	ALTER EVENT TRIGGER meddle ENABLE;
});
my $good = full_backup($node);

# ---- all is well ----

my $found = verify("'latest', 'contents'");
like($found, qr/^ok $good: Checked: .*decompress to\. Not checked: whether it can be restored\.$/, 'contents');
is(proven($good), 'f', 'is no proof');

# after the backup: rows, a table, a database, a prepared transaction that has it locked
$node->safe_psql('shop', q{INSERT INTO customers SELECT i, 'new' FROM generate_series(20001, 20100) i});
$node->safe_psql('shop', q{ALTER EVENT TRIGGER meddle DISABLE; CREATE TABLE later AS SELECT generate_series(1, 50) AS i; ALTER EVENT TRIGGER meddle ENABLE});
mkdir "$place/more" or die;
sql("CREATE TABLESPACE more LOCATION '$place/more'");
sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0 TABLESPACE more");
$node->safe_psql('latin', qq{SET client_encoding = 'UTF8'; CREATE TABLE "gr\xc3\xbcn" (i int); INSERT INTO "gr\xc3\xbcn" VALUES (1), (2)});
$node->safe_psql('shop', q{BEGIN; LOCK TABLE customers; INSERT INTO customers VALUES (0, 'prepared'); PREPARE TRANSACTION 'p'});
my $commit = sql('SELECT clock_timestamp()');
archive_all($node);

# what replay would write there if it followed the record of the tablespace
$node->safe_psql('latin', 'CHECKPOINT');
sub more_files { return join "\n", map { "$_ " . (-s $_) . ' ' . (stat $_)[9] } glob("$place/more/*/*/*"); }
my $more = more_files();

$found = verify("'latest full', 'restore'");
like($found, qr/^ok $good: Checked: .* It was restored in [0-9.]+ s.* WAL was replayed up to .*amcheck has found [0-9]+ heaps right/m, 'a restore');
unlike($found, qr/^(damaged|missing|failed)/m, 'without a problem') or diag($found);
ok(!-e $bait, 'with its own functions, wherever it was installed');
like($found, qr/^not checked $good\/restore: Indexes that amcheck does not know, or cannot look at here: [1-9]/m, 'a GIN index was not looked at');
like($found, qr/^not checked $good\/restore: Rows were not compared.*and this cluster none of its pages\.$/m, 'there are no checksums to compare with');
is(proven($good), 't', 'it is proven');
is(sandboxes(), '', 'and the sandbox is gone');
is($node->safe_psql('shop', 'SELECT count(*) FROM pg_prepared_xacts'), 1, 'the live server has its prepared transaction');

my $proof = proof($good);
my %rows = map { ("$_->{database}.$_->{schema}.$_->{name}" => $_->{rows}) } @{ $proof->{tables} };
is($rows{'shop.public.customers'}, 20100, 'rows of the backup and of the WAL, but for those that were only prepared');
is($rows{'shop.public.later'}, 50, 'a table that came later');
is($rows{qq{shop.public.a "name" : 'b'}}, 20, 'one in a tablespace, with a strange name');
is($rows{'shop.public.fleeting'}, 0, 'one that is not logged is empty');
is($rows{"latin.public.gr\x{fc}n"}, 2, 'one of another encoding, in a database that came later');
is($proof->{databases}, 5, 'all databases');
cmp_ok($proof->{indexes}, '>', 500, 'indexes, those of catalogs too');
my $end = sql("SELECT '$proof->{reached_lsn}'::pg_lsn > stop_lsn FROM pgbackup_list() WHERE id = '$good'");
is($end, 't', 'it was recovered to more than the end of the backup');
is(sql("SELECT '$proof->{reached_time}'::timestamptz > finished_at FROM pgbackup_list() WHERE id = '$good'"), 't', 'up to a commit after it');
cmp_ok($proof->{recovery_microseconds}, '>', 0, 'the time of the recovery is measured');
ok((grep { /Foreign keys/ } @{ $proof->{not_checked} }), 'and it says what was not checked');
is(more_files(), $more, 'the tablespaces of the live server are as they were');
$node->safe_psql('shop', "ROLLBACK PREPARED 'p'");

# ---- a gap in the archive after the backup ----

my $wal = (glob(repository($node) . '/*/wal/00000001'))[0];
archive_all($node);
archive_all($node);
my $stop = sql("SELECT pg_walfile_name(stop_lsn) FROM pgbackup_list() WHERE id = '$good'");
my @after = grep { m{/(\w{24})\.zst$} && $1 gt $stop } sort glob("$wal/*.zst");
rename $after[0], "$place/kept.zst" or die;
unlink backup_folder($node, $good) . '/proof.json';
$found = verify("'$good', 'restore'");
like($found, qr/^not checked $good\/restore: WAL after the end of the backup was not replayed: /m, 'a gap after the backup is told');
like($found, qr/^ok $good: /m, 'and the backup is right all the same');
is({ map { ("$_->{database}.$_->{name}" => $_->{rows}) } @{ proof($good)->{tables} } }->{'shop.customers'}, 20000, 'as it was at its end');
rename "$place/kept.zst", $after[0] or die;

# WAL of the backup itself
my ($start) = $stop;
rename "$wal/$stop.zst", "$place/kept.zst" or die;
for my $depth ('objects', 'contents', 'restore')
{
	like(verify("'$good', '$depth'"), qr/^missing $good\/$stop: WAL that the backup needs is not in the archive\ndamaged $good: /, "$depth: missing WAL");
}
rename "$place/kept.zst", "$wal/$stop.zst" or die;

# ---- what only a restore finds ----

sub path_of { return $node->data_dir . '/' . $node->safe_psql('shop', "SELECT pg_relation_filepath('$_[0]')"); }

# rows that an index has not got: it was not maintained for a while
$node->safe_psql('shop', q{UPDATE pg_index SET indisready = false, indislive = false WHERE indexrelid = 'customers_name'::regclass});
$node->safe_psql('shop', q{INSERT INTO customers VALUES (30000, 'not indexed')});
$node->safe_psql('shop', q{UPDATE pg_index SET indisready = true, indislive = true WHERE indexrelid = 'customers_name'::regclass});

# a row of a transaction that there was not yet, so that nobody sees it; and a file that is lost
my ($heap, $lost) = (path_of('"a ""name"" : \'\'b\'\'"'), path_of('words'));
$node->safe_psql('shop', 'CHECKPOINT');
$node->stop;
my $content = read_file($heap);
my $tuple = unpack('V', substr $content, 24, 4) & 0x7fff;
substr $content, $tuple, 4, pack('V', 0x7fffff00);
write_file($heap, $content);
rename $lost, "$place/kept" or die;
$node->start;

my $bad = full_backup($node);
for my $depth ('objects', 'contents')
{
	like(verify("'$bad', '$depth'"), qr/^ok $bad: /, "damage in the server: $depth does not find it");
}
$found = verify("'$bad', 'restore'");
like($found, qr/^damaged $bad\/database shop\/public\.a "name" : 'b': block 0: xmin 2147483392 /m, 'a restore does: a heap page') or diag($found);
like($found, qr/^damaged $bad\/database shop\/public\.customers_name: .*lacks matching index tuple/m, 'an index') or diag($found);
like($found, qr/^damaged $bad\/database shop\/public\.words: .*could not open file/m, 'a file') or diag($found);
like($found, qr/^damaged $bad: Problems: [0-9]+\. Checked: .*decompress to\.\s*\z/m, 'and claims no more');
is(proven($bad), 'f', 'it is not proven');
is(sandboxes(), '', 'the sandbox is gone');

# ---- cancel, crash ----

unlink backup_folder($node, $good) . '/proof.json';

my $session = session($node, ["SELECT * FROM pgbackup_verify('$good', 'restore')"]);
wait_for(sub { sql("SELECT phase FROM pgbackup_progress WHERE backup = '$good'") =~ /laying|replaying|checking/ || has_ended($session) }, 'the sandbox');
is(sql("SELECT pgbackup_cancel('$good')"), 't', 'cancelled in the middle');
my (undef, undef, $words) = finish_session($session);
like($words, qr/ERROR:  the verification was canceled/, 'ends the statement');
is(sandboxes(), '', 'no sandbox is left');
is(proven($good), 'f', 'and no proof');

$session = session($node, ["SELECT * FROM pgbackup_verify('$good', 'restore')"]);
wait_for(sub { sql("SELECT phase FROM pgbackup_progress WHERE backup = '$good'") =~ /replaying|checking/ || has_ended($session) }, 'the sandbox');
kill 'KILL', sql("SELECT pid FROM pgbackup_progress WHERE backup = '$good'");
finish_session($session);
wait_for(sub { $node->psql('postgres', 'SELECT 1') == 0 }, 'the server to be back');
wait_for(sub { sandboxes() eq '' }, 'what it has left to be removed');
is(sandboxes(), '', 'what a crash leaves goes at the next start');
is(proven($good), 'f', 'and there is no proof');

$node->stop;
done_testing();
