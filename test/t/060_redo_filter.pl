#
# 060_redo_filter.pl
#	  The library of a sandbox: what it replays, what it skips, where it refuses.
#
# The truth is what the live server said at the moment of the target.  While a sandbox
# runs, the live server does not: whatever changes in its tablespaces then is
# the sandbox's doing.
#
# test/t/060_redo_filter.pl
#
use strict;
use warnings;

use Digest::SHA;
use File::Find;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The library with it, without the end of its name.
sub build_mixed_record
{
	my $library = PostgreSQL::Test::Utils::tempdir() . '/mixed_record';
	my ($include) = `$ENV{PG_CONFIG} --includedir-server` =~ /(.*)/;

	system_or_bail('cc', '-O', '-fPIC', '-shared', "-I$include", '-o', "$library.so", 'test/lib/mixed_record.c');
	return $library;
}

# ---- a live server, its base backup and its WAL ----

my $live = PostgreSQL::Test::Cluster->new('live');
$live->init(
	has_archiving => 1,
	allows_streaming => 1,
	extra => [ '--data-checksums', '--encoding=UTF8', '--no-locale', '--wal-segsize=1' ]);
$live->append_conf('postgresql.conf', qq{
	autovacuum = off
	max_prepared_transactions = 5
});
$live->start;

my %place = map { $_ => PostgreSQL::Test::Utils::tempdir_short } 'early', 'later';
my $rows = 'SELECT i, repeat(md5(i::text), 5) AS t FROM generate_series(1, 3000) i';

$live->safe_psql('postgres', $_)
  for 'CREATE DATABASE shop', 'CREATE DATABASE other', "CREATE TABLESPACE early LOCATION '$place{early}'";
$live->safe_psql('other', "CREATE TABLE elsewhere AS $rows");
$live->safe_psql('shop', $_) for 'VACUUM FULL pg_class', 'VACUUM FULL pg_depend';
$live->safe_psql('shop', qq{
	CREATE TABLE orders (id serial PRIMARY KEY, note text, big text);
	ALTER TABLE orders ALTER big SET STORAGE EXTERNAL;
	INSERT INTO orders (note, big) SELECT md5(i::text), repeat(md5(i::text), 200) FROM generate_series(1, 300) i;
	CREATE TABLE junk AS $rows;
	CREATE TABLE unwanted AS $rows;
	CREATE INDEX ON unwanted (i);
	CREATE TABLE mingled AS $rows;
	CREATE TABLE spaced TABLESPACE early AS $rows;
	CREATE TABLE begun AS $rows});

# It begins before the backup and ends after it: its new file is in no map, and its pages
# of before the backup are in no WAL.
my $rewrite = $live->background_psql('shop');
$rewrite->query_safe('BEGIN');
$rewrite->query_safe('ALTER TABLE begun ALTER i TYPE bigint');

$live->backup('base',
	backup_options => [ '--checkpoint=fast', "--tablespace-mapping=$place{early}=" . $live->backup_dir . '/early' ]);

# The map: every relation that has a file, for each database.
my %map = map { $_ => [ map { [ split /\|/ ] } split /\n/, $live->safe_psql($_, q{
	SELECT c.oid, CASE c.reltablespace WHEN 0 THEN d.dattablespace ELSE c.reltablespace END, d.oid, pg_relation_filenode(c.oid)
	FROM pg_class c, pg_database d
	WHERE d.datname = current_database() AND NOT c.relisshared AND pg_relation_filenode(c.oid) IS NOT NULL}) ] }
  'shop', 'postgres';
my $shared_memory = $live->safe_psql('postgres', 'SHOW dynamic_shared_memory_type');
my %oid = map { $_ => $live->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$_'") } 'shop', 'template1';

$rewrite->query_safe('COMMIT');
$rewrite->quit;

# ---- what happens after it ----

$live->safe_psql('postgres', "CREATE TABLESPACE later LOCATION '$place{later}'");
$live->safe_psql('postgres', "CREATE DATABASE fresh STRATEGY file_copy");
$live->safe_psql('fresh', "CREATE TABLE young AS $rows");
$live->safe_psql('other', 'UPDATE elsewhere SET t = t; VACUUM elsewhere');
$live->safe_psql('shop', "INSERT INTO orders (note, big) SELECT 'new', repeat('x', 5000) FROM generate_series(1, 50)");
$live->safe_psql('shop', "UPDATE orders SET note = 'changed' WHERE id % 7 = 0; DELETE FROM orders WHERE id % 11 = 0");
$live->safe_psql('shop', 'VACUUM orders');
$live->safe_psql('shop', 'VACUUM FULL pg_attribute');
$live->safe_psql('shop', "ALTER TABLE orders ADD COLUMN stamp timestamptz NOT NULL DEFAULT clock_timestamp()");
$live->safe_psql('shop', "INSERT INTO orders (note) VALUES ('after the rewrite')");
$live->safe_psql('shop', qq{
	UPDATE unwanted SET t = t || 'x';
	TRUNCATE junk;
	INSERT INTO junk $rows;
	CREATE TABLE newtab AS $rows;
	CREATE TABLE far TABLESPACE later AS $rows;
	INSERT INTO spaced SELECT i + 10000, t FROM spaced});
$live->safe_psql('shop', "BEGIN; INSERT INTO begun VALUES (0, 'prepared'); PREPARE TRANSACTION 'p'");

# One record of a table that is wanted and of one that is not, which comes first; with images of both pages.
my $mixed = build_mixed_record();
$live->safe_psql('shop', qq{
	CREATE FUNCTION change_both(regclass, regclass) RETURNS void LANGUAGE c AS '$mixed';
	CHECKPOINT;
	SELECT change_both('mingled', 'orders')});
like($live->safe_psql('shop', 'SELECT max(id) FROM (SELECT id FROM orders OFFSET 0) o'), qr/^1000\d{3}$/, 'a row was changed by a mixed record');

my $before_drop = $live->safe_psql('shop', 'SELECT pg_current_wal_insert_lsn()');
my %truth = map { $_ => table_hash($live, 'shop', $_) } 'orders', 'begun', 'newtab', 'spaced', 'far';
$truth{young} = table_hash($live, 'fresh', 'young');

# The target lies between the drop and its commit: by then the lock has been replayed.
my $dropping = $live->background_psql('shop');
$dropping->query_safe('BEGIN');
$dropping->query_safe('DROP TABLE orders, newtab');
my $in_drop = $live->safe_psql('shop', "SELECT pg_logical_emit_message(false, 'test', 'in the drop')");
$dropping->query_safe('COMMIT');
$dropping->quit;
$live->safe_psql('shop', 'DROP TABLE far; DELETE FROM spaced WHERE i % 2 = 0');
$live->safe_psql('postgres', "SELECT pg_switch_wal()");
$live->stop;

# ---- sandboxes ----

my $count = 0;

# What is denied: of the wanted databases everything but catalogs and what is wanted.
# Large objects are a catalog by their number alone.
sub instructions
{
	my (%o) = @_;
	my %wanted = map { $_ => 1 } @{ $o{wanted} // [] };
	my @denied = grep { !$wanted{ $_->[0] } && ($_->[0] >= 16384 || $_->[0] == 2613 || $_->[0] == 2683) }
	  map { @{ $map{$_} } } 'shop', 'postgres';
	my @lines = ('pgbackup sandbox 1', map { "database $_" } @{ $o{databases} });

	push @lines, map { "deny $_->[1] $_->[2] $_->[3]" }
	  sort { $a->[1] <=> $b->[1] || $a->[2] <=> $b->[2] || $a->[3] <=> $b->[3] } @denied;
	return (join('', map { "$_\n" } @lines, 'end ' . scalar @lines), @denied);
}

# A data directory that is about to become a sandbox.
sub lay_down
{
	my (%o) = @_;
	my $node = PostgreSQL::Test::Cluster->new('sandbox' . ++$count);
	my $dir = $node->data_dir;
	my ($instructions, @denied) = instructions(%o);

	# links become plain directories
	mkdir $node->basedir;
	system_or_bail('cp', '-rL', $live->backup_dir . '/base', $dir);
	chmod 0700, $dir;
	unlink "$dir/tablespace_map", "$dir/backup_manifest";
	for my $d (@denied)
	{
		my $folder = $d->[1] == 1663 ? "base/$d->[2]" : join '/', (glob("$dir/pg_tblspc/$d->[1]/PG_*"))[0] =~ m{^\Q$dir\E/(.*)}, $d->[2];
		unlink glob "$dir/$folder/$d->[3] $dir/$folder/$d->[3]_* $dir/$folder/$d->[3].*";
	}
	write_file("$dir/pgbackup.sandbox", $instructions);
	write_file("$dir/recovery.signal", '');
	write_file("$dir/pg_hba.conf", "local all all trust\n");
	write_file("$dir/postgresql.auto.conf", '');
	write_file("$dir/postgresql.conf", join "\n",
		'port = ' . $node->port,
		"unix_socket_directories = '" . $node->host . "'",
		"dynamic_shared_memory_type = $shared_memory", "listen_addresses = ''", 'archive_mode = off', 'fsync = off', 'full_page_writes = off', 'autovacuum = off',
		'max_wal_size = 64MB', 'min_wal_size = 32MB', 'recovery_prefetch = off', 'hot_standby = off',
		'max_prepared_transactions = 1000', 'allow_in_place_tablespaces = on', 'max_logical_replication_workers = 0',
		"restore_command = 'cp \"" . $live->archive_dir . "/%f\" \"%p\"'",
		"recovery_target_lsn = '" . ($o{lsn} // $in_drop) . "'", 'recovery_target_inclusive = off',
		'recovery_target_action = promote', "shared_preload_libraries = 'pgbackup_sandbox'", '');
	return $node;
}

sub sandbox
{
	my ($node) = (lay_down(@_));

	$node->start;
	# until then it lets nobody in, and psql dies of it
	wait_for(sub { eval { $node->safe_psql('postgres', 'SELECT pg_is_in_recovery()') eq 'f' } }, 'promotion');
	return $node;
}

# The files of the live server's tablespaces
sub live_files
{
	my %files;

	find(sub { $files{$File::Find::name} = Digest::SHA->new(256)->addfile($_)->hexdigest if -f $_ }, values %place);
	return join "\n", map { "$_ $files{$_}" } sort keys %files;
}

sub oids
{
	my ($node, $database, @tables) = @_;
	my $list = join ',', map { "'$_'::regclass" } @tables;

	return [ split /\n/, $node->safe_psql($database, qq{
		SELECT oid FROM pg_class WHERE oid IN ($list)
		UNION SELECT reltoastrelid FROM pg_class WHERE oid IN ($list)
		UNION SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT reltoastrelid FROM pg_class WHERE oid IN ($list))
		UNION SELECT objid FROM pg_depend WHERE refobjid IN ($list) AND deptype IN ('a', 'i') AND classid = 'pg_class'::regclass}) ];
}

# The wanted OIDs, as the live server would have said before the drop
my $everything = sandbox(databases => [ $oid{shop} ], wanted => [ map { $_->[0] } @{ $map{shop} } ]);
my %wanted = map { $_ => oids($everything, 'shop', $_) } 'orders', 'begun', 'spaced';
is(table_hash($everything, 'shop', $_), $truth{$_}, "all of one database: $_") for 'orders', 'begun', 'newtab', 'spaced', 'far';
like(slurp_file($everything->logfile), qr/redo filter: \d+ records replayed, [1-9]\d* skipped/, 'other databases are skipped');
$everything->stop;

my $files = live_files();

for my $table ('orders', 'begun', 'spaced')
{
	my $node = sandbox(databases => [ $oid{shop} ], wanted => $wanted{$table});

	is(table_hash($node, 'shop', $table), $truth{$table}, "one table: $table");
	is($node->safe_psql('shop', qq{SELECT count(*) FROM pg_stat_file(pg_relation_filepath('$_'), true) WHERE size IS NOT NULL}), '0', "the file of $_ is not there")
	  for 'unwanted', 'unwanted_i_idx';
	is($node->psql('shop', 'SELECT count(*) FROM pg_largeobject'), 3, 'nor are large objects');
	is(table_hash($node, 'shop', 'newtab'), $truth{newtab}, 'what is younger than the map is replayed');
	is($node->safe_psql('shop', q{SELECT count(*) FROM pg_prepared_xacts}), '1', 'a prepared transaction is there');

	# what it does in a tablespace it does in its own
	$node->safe_psql('shop', 'UPDATE far SET t = NULL; DROP TABLE far; CHECKPOINT');
	$node->stop;
	is(live_files(), $files, 'the live server\'s files are as they were');
}

# A database that was made after the backup by copying files needs its template.
my $fresh = sandbox(databases => [ fresh_oid(), $oid{template1} ]);
is(table_hash($fresh, 'fresh', 'young'), $truth{young}, 'a database made after the backup');
$fresh->stop;

sub fresh_oid
{
	$live->start;
	my $oid = $live->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = 'fresh'");
	$live->stop;
	return $oid;
}

# ---- where it refuses ----

sub refuses
{
	my ($node, $pattern, $name) = @_;

	ok(!$node->start(fail_ok => 1), "$name: it does not start");
	like(slurp_file($node->logfile), $pattern, "$name: and says why");
	return;
}

my $word = 'pgbackup_sandbox works in a sandbox of pgbackup only';
my %damage = (
	'no instructions' => [ sub { unlink "$_[0]/pgbackup.sandbox" }, qr/$word.*\n.*has no file pgbackup.sandbox/ ],
	'no recovery' => [ sub { unlink "$_[0]/recovery.signal" }, qr/$word.*\n.*no recovery is about to begin/ ],
	'a standby' => [ sub { write_file("$_[0]/standby.signal", '') }, qr/$word.*\n.*standby\.signal/ ],
	'archiving' => [ sub { append_to_file("$_[0]/postgresql.conf", "archive_mode = on\n") }, qr/$word.*\n.*archive_mode is on/ ],
	'network' => [ sub { append_to_file("$_[0]/postgresql.conf", "listen_addresses = 'localhost'\n") }, qr/$word.*\n.*listen_addresses/ ],
	'a linked tablespace' => [ sub { symlink $place{early}, "$_[0]/pg_tblspc/99999" }, qr/$word.*\n.*tablespace is not a plain directory/ ],
	'an empty file' => [ sub { write_file("$_[0]/pgbackup.sandbox", '') }, qr/"pgbackup\.sandbox" is damaged\n.*first line/ ],
	'a torn file' => [ sub { truncate_file("$_[0]/pgbackup.sandbox", 60) }, qr/"pgbackup\.sandbox" is damaged/ ],
	'a missing line' => [ sub { my $t = read_file("$_[0]/pgbackup.sandbox"); $t =~ s/^deny.*\n//m; write_file("$_[0]/pgbackup.sandbox", $t) }, qr/"pgbackup\.sandbox" is damaged\n.*lines are missing/ ],
	'a strange line' => [ sub { my $t = read_file("$_[0]/pgbackup.sandbox"); $t =~ s/^deny/allow/m; write_file("$_[0]/pgbackup.sandbox", $t) }, qr/"pgbackup\.sandbox" is damaged\n.*cannot be read/ ]);
for my $name (sort keys %damage)
{
	my $node = lay_down(databases => [ $oid{shop} ], wanted => $wanted{orders});

	$damage{$name}[0]->($node->data_dir);
	refuses($node, $damage{$name}[1], $name);
	PostgreSQL::Test::Utils::system_log('rm', '-rf', $node->data_dir);
}

$live->start;
fails_like($live, "LOAD 'pgbackup_sandbox'", qr/$word/, 'loaded by a session');
$live->append_conf('postgresql.conf', "shared_preload_libraries = 'pgbackup_sandbox'\n");
$live->stop;
refuses($live, qr/$word/, 'in the live server');

done_testing();
