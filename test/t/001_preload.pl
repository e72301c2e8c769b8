#
# 001_preload.pl
#	  What works, and what is said, without shared_preload_libraries.
#
# test/t/001_preload.pl
#
use strict;
use warnings;

use PgBackupTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');

$node->safe_psql('postgres', 'CREATE TABLE t AS SELECT generate_series(1, 10) AS i');
my $id = $node->safe_psql('postgres', 'SELECT pgbackup_run()');

# ---- nothing is preloaded ----

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;

is($node->safe_psql('postgres', 'SELECT id FROM pgbackup_list()'),
	$id, 'what another server process has made is listed');
is( $node->safe_psql('postgres', q{SELECT row_count FROM pgbackup_contents() WHERE table_name = 't'}),
	'10', 'and its contents');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_progress'),
	'0', 'the progress view is empty');

fails_like($node, 'SELECT pgbackup_run()',
	qr/ERROR:  pgbackup is not in shared_preload_libraries.*HINT:  Set shared_preload_libraries = 'pgbackup' and restart/s,
	'a backup says what is missing');
fails_like($node, "SELECT pgbackup_cancel('$id')",
	qr/HINT:  Set shared_preload_libraries = 'pgbackup'/, 'so does a cancel');

# ---- before the first backup ----

$node->append_conf('postgresql.conf', "pgbackup.repository = '" . repository($node) . "-none'");
$node->reload;
is($node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_list()'),
	'0', 'without a repository the list is empty');
ok(!-e repository($node) . '-none', 'and listing makes none');

# ---- something else is preloaded ----

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'auto_explain'");
$node->restart;
fails_like($node, 'SELECT pgbackup_run()',
	qr/HINT:  Set shared_preload_libraries = 'auto_explain, pgbackup'/,
	'the hint keeps what is preloaded');

# ---- loaded by a session ----

fails_like($node, "LOAD 'pgbackup'; SELECT pgbackup_run()",
	qr/HINT:  Set shared_preload_libraries/, 'loading it later does not help');

$node->stop;
done_testing();
