#
# 073_import.pl
#	  A server that finds a repository: its own after the extension was dropped, in another
#	  place, after it was restored, that of a predecessor after it was built anew, and one
#	  in which a newer version has been at work.
#
# test/t/073_import.pl
#
use strict;
use warnings;

use PgBackupRestore;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', conf => archive_conf() . "max_wal_senders = 4\nmax_worker_processes = 20\n");
my $home = repository($node);
my $list = q{SELECT string_agg(id || ' ' || status || ' ' || coalesce(database, '-'), E'\n' ORDER BY id) FROM pgbackup_list()};

sub ids
{
	my ($server) = @_;
	return $server->safe_psql('postgres', "SELECT string_agg(id, ' ' ORDER BY id) FROM pgbackup_list()") // '';
}

sub move_to
{
	my ($server, $place) = @_;

	$server->safe_psql('postgres', "ALTER SYSTEM SET pgbackup.repository = '$place'");
	$server->reload;
	wait_for(sub { $server->safe_psql('postgres', 'SHOW pgbackup.repository') eq $place }, 'the new place');
	return;
}

# All below a directory: paths, and what is in the files.
sub content_of
{
	my ($directory) = @_;
	my ($sums) = run_command([ 'sh', '-c', 'cd "$1" && find . | sort && find . -type f | sort | xargs sha256sum', '-', $directory ]);
	return $sums;
}

sub stages
{
	my ($server, $id, $expected, $test) = @_;

	$server->safe_psql('postgres', "SELECT pgbackup_restore_table('public.t', backup => '$id', as_name => 'staged')");
	is(table_hash($server, 'postgres', 'pgbackup_recovery.staged'), $expected, $test);
	$server->safe_psql('postgres', 'DROP TABLE pgbackup_recovery.staged');
	return;
}

# ---- what there is ----

$node->safe_psql('postgres', q{CREATE TABLE t AS SELECT i, repeat(md5(i::text), 3) AS s FROM generate_series(1, 5000) i});
my $rows = table_hash($node, 'postgres', 't');
my $logical = $node->safe_psql('postgres', 'SELECT pgbackup_run()');
my $base = full_backup($node);
archive_all($node);
my $known = $node->safe_psql('postgres', $list);

# ---- the extension was dropped ----

$node->safe_psql('postgres', 'DROP EXTENSION pgbackup CASCADE; CREATE EXTENSION pgbackup');
is($node->safe_psql('postgres', $list), $known, 'a new extension lists what the old one did');
stages($node, $logical, $rows, 'and stages from it');

# ---- the repository has moved ----

my $moved = "$home-moved";
archive_all($node);
system_or_bail('cp', '-r', $home, $moved);
move_to($node, $moved);
system_or_bail('mv', $home, "$home-gone");
is($node->safe_psql('postgres', $list), $known, 'all is in the new place');
stages($node, $logical, $rows, 'and can be staged from there');
archive_all($node);
is($node->safe_psql('postgres', 'SELECT state, gap_count FROM pgbackup_archive'), 'idle|0', 'the archive goes on without a gap');
ok(!-e $home, 'and nobody makes the old place again');
my $second = $node->safe_psql('postgres', 'SELECT pgbackup_run()');
is(ids($node), join(' ', sort $logical, $base, $second), 'backups are made as before');
$node->safe_psql('postgres', 'UPDATE t SET s = upper(s)');
my $later = table_hash($node, 'postgres', 't');
archive_all($node);
my ($own) = glob "$moved/[1-9]*";
my ($system) = $own =~ m{([0-9]+)$};

# ---- the server was restored, and goes on where the other one has ended ----

$node->stop;
my $restored = PostgreSQL::Test::Cluster->new('restored');
my ($status, $out, $err) = program('restore', '--repository', $moved, '--target-dir', $restored->data_dir, '--quiet');
is($status, 0, 'the cluster is restored') or diag($err);
# its settings are those of the base backup, from before the repository has moved
$restored->append_conf('postgresql.auto.conf', 'port = ' . $restored->port . "\npgbackup.repository = '$moved'\n");
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
is(table_hash($restored, 'postgres', 't'), $later, 'with all that was archived');
is(ids($restored), join(' ', sort $logical, $base, $second), 'it sees the backups of its former life');
is($restored->safe_psql('postgres', q{SELECT count(*) FROM pgbackup_check() WHERE name = 'clusters'}), 0, 'which are its own');
stages($restored, $logical, $rows, 'and stages from them');
archive_all($restored);
ok(-d "$own/wal/00000002", 'its WAL is archived, on a new timeline');
is($restored->safe_psql('postgres', q{SELECT count(DISTINCT timeline) FROM pgbackup_recovery_window()}), 2, 'both timelines can be recovered');
my $base_2 = full_backup($restored);

# ---- what a newer version has made ----

$restored->safe_psql('postgres', q{ALTER SYSTEM SET pgbackup.retention_logical = 'last=1'; ALTER SYSTEM SET pgbackup.retention_full = 'last=1'});
$restored->reload;
my $expire = q{SELECT action || ' ' || coalesce(backup, 'WAL') || ': ' || reason FROM pgbackup_expire(false)};
my $newest = $restored->safe_psql('postgres', 'SELECT pgbackup_run()');
my $folder = "$own/backups/20200101-000000F";
my $strange = "$own/backups/20200102-000000D";
system_or_bail('cp', '-r', "$own/backups/$base", $folder);
edit_manifest($folder, sub { s/"pgbackup_manifest": 1,/"pgbackup_manifest": 7,/; s/"$base"/"20200101-000000F"/ });
system_or_bail('cp', '-r', "$own/backups/$base", $strange);
mkdir "$own/backups/someone-elses" or die;
write_file("$own/backups/someone-elses/notes", 'mine');
write_file("$own/something", 'new');
mkdir "$own/wal/later" or die;
my @untouched = ($folder, $strange, "$own/backups/someone-elses", "$own/backups/$base", "$own/backups/$base_2", "$own/wal");
my %before = map { $_ => content_of($_) } @untouched;
$restored->psql('postgres', $expire, stdout => \$out, stderr => \$err);
like($out, qr/^keep 20200101-000000F: .*may need it$/m, 'a backup of a newer version stays');
like($out, qr/^keep 20200102-000000D: this version of pgbackup does not know what it is$/m, 'so does one of an unknown kind');
is($restored->safe_psql('postgres', q{SELECT status FROM pgbackup_list() WHERE id = '20200101-000000F'}), 'newer', 'which the list does not call damaged');
is( $restored->safe_psql('postgres', q{SELECT string_agg(status, ', ') FROM pgbackup_verify('20200101-000000F')}),
	'not checked, failed', 'nor a verification, which does not call it ok either');
like($out, qr/^keep $base: "20200102-000000D", which this version does not know, may need it$/m, 'and what it may need');
like($out, qr/^keep WAL: all WAL: /m, 'and all WAL');
like($out, qr/^remove $logical: /m, 'what is known goes as before');
like($restored->safe_psql('postgres', q{SELECT string_agg(detail, E'\n') FROM pgbackup_check() WHERE name = 'backups' AND status = 'warn'}),
	qr/"20200101-000000F" was made by a newer version.*"20200102-000000D" lies among the backups/s, 'the check tells of both');
$restored->safe_psql('postgres', 'SELECT pgbackup_run()');
is(join(' ', grep { content_of($_) ne $before{$_} } @untouched), '', 'nothing of it was touched');
is(read_file("$own/something"), 'new', 'nor what lies beside');

system_or_bail('rm', '-r', $folder, $strange);
$restored->psql('postgres', $expire, stdout => \$out, stderr => \$err);
like($out, qr/^remove $base: /m, 'without them the rest goes');
like($out, qr/^keep $base_2: /m, 'but the last');
like($out, qr/^remove WAL: \d+ segments of WAL .* where base backup "$base_2" begins$/m, 'and so does the WAL');
isnt(content_of("$own/wal"), $before{"$own/wal"}, 'from the archive, too');
$restored->stop;

# ---- a server that was built anew, in the place of the other ----

my $kept = content_of($own);
my $anew = new_node('anew', conf => archive_conf() . "max_wal_senders = 4\nmax_worker_processes = 20\n"
	  . "pgbackup.repository = '$moved'\npgbackup.retention_logical = 'last=1'\npgbackup.retention_full = 'last=1'\n");
is(ids($anew), '', 'it has no backups yet');
my ($last) = sort { $b cmp $a } map { m{([^/]+)$} } glob "$own/backups/2*";
is($anew->safe_psql('postgres', q{SELECT status, detail, hint FROM pgbackup_check() WHERE name = 'clusters'}),
	"ok|The repository also holds cluster $system with 2 backups, the last of them \"$last\".|"
	  . "To restore tables or databases from it name a backup '$system/$last'; the program takes --cluster=$system.",
	'the check tells whose backups there are');
fails_like($anew, q{SELECT pgbackup_restore_table('public.t')}, qr/there is no logical backup of database "postgres".*of: $system\./s, 'and so does an error');
my @mine = map { $anew->safe_psql('postgres', 'SELECT pgbackup_run()') } 1, 2;
push @mine, full_backup($anew);
archive_all($anew);
is(ids($anew), join(' ', sort @mine), 'its own backups are made beside');
$anew->safe_psql('postgres', 'SELECT pgbackup_expire(false)');
is(ids($anew), join(' ', sort @mine[ 1, 2 ]), 'and removed');
is(content_of($own), $kept, 'those of its predecessor are not touched');

# ---- and gets its data from those ----

$list =~ s/pgbackup_list/pgbackup_list_all/;
my $both = $anew->safe_psql('postgres', $list);
like($both, qr{^$system/$last complete postgres$}m, 'it lists those of its predecessor');
is(join(' ', grep { !m{/} } $both =~ /^(\S+)/mg), ids($anew), 'beside its own');
stages($anew, "$system/$last", $later, 'a table is staged from a backup of the predecessor');
stages($anew, "$system/latest", $later, 'or from the latest of them');
is($anew->safe_psql('postgres', "SELECT row_count FROM pgbackup_contents('$system/$last') WHERE table_name = 't'"), 5000, 'whose contents are listed');
is($anew->safe_psql('postgres', "SELECT count(*) > 500 FROM pgbackup_contents('$system/$base_2')"), 't', 'also those of a base backup');
is($anew->safe_psql('postgres', "SELECT pgbackup_restore_database('as_it_was', '$system/$last')"), $last, 'a database, too');
is(table_hash($anew, 'as_it_was', 't'), $later, 'with its rows');
fails_like($anew, "SELECT pgbackup_restore_table('t', backup => '$last')", qr/backup "$last" does not exist/, 'without the cluster it is not found');
fails_like($anew, "SELECT pgbackup_restore_table('t', backup => '1/latest')", qr/there is no logical backup.*which has system identifier 1, but of: /s, 'nor one of a cluster that is not there');
fails_like($anew, "SELECT pgbackup_restore_table('t', backup => '../latest')", qr{backup "../latest" does not exist}, 'what is no cluster');
$anew->safe_psql('postgres', 'CREATE ROLE somebody LOGIN; GRANT EXECUTE ON FUNCTION pgbackup_restore_table, pgbackup_contents TO somebody');
for my $call ('pgbackup_restore_table($$t$$, backup =>', 'pgbackup_contents(')
{
	my (undef, undef, $denied) = $anew->psql('postgres', "SELECT $call '$system/$last')", extra_params => [ '-U', 'somebody' ]);
	like($denied, qr/must be superuser to use the backups of another cluster/, "only superusers: $call");
}

# the program
my $extracted = $anew->basedir . '/extracted';
($status, $out, $err) = program('extract', 'latest', '--repository', $moved, "--cluster=$system", '--table=public.t', "--to=$extracted");
is($status, 0, 'a table of the predecessor is extracted') or diag($err);
system_or_bail('sh', '-c', 'zstd -dq --rm "$1"/*.zst 2>/dev/null; true', '-', $extracted);
$anew->command_ok([ 'pg_restore', '-d', $anew->connstr('postgres'), $extracted ], 'and restored');
is(table_hash($anew, 'postgres', 't'), $later, 'with its rows');
my ($code, $said) = program('check', '--repository', $moved);
like($said, qr/^Cluster $system:\n.*^Cluster \d+:\n/ms, 'the program checks both clusters');

$anew->stop;
done_testing();
