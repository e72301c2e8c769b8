#
# 078_retention_timelines.pl
#	  After a recovery to a moment of the past, the newest backup leads to a timeline that was left: what the
#	  server then needs stays, and so does WAL while a base backup is being made.
#
# test/t/078_retention_timelines.pl
#
use strict;
use warnings;

use Fcntl qw(:flock);
use PgBackupRestore;
use PgBackupTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_node('main', conf => archive_conf() . "pgbackup.retention_full = 'last=1'\n");

sub expire
{
	my ($node, $dry_run) = @_;
	return $node->safe_psql('postgres',
		"SELECT action || ' ' || coalesce(backup, '-') || ': ' || reason FROM pgbackup_expire($dry_run)");
}

# ---- a backup before the moment to which the server goes back, and one after it ----

archive_all($main) for 1 .. 3;
my $first = full_backup($main);
$main->safe_psql('postgres', 'CREATE TABLE t AS SELECT 1 AS i');
my $lsn = $main->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
archive_all($main) for 1 .. 8;
my $second = full_backup($main);
archive_all($main);
$main->stop;

my $node = restored_node($main, 'back', "--target-lsn=$lsn", '--target-action=promote');
$node->append_conf('postgresql.conf', "archive_mode = on\n");
$node->start;
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die;
archive_all($node);

like(expire($node, 'false'),
	qr/^keep $first: number 1 of the last 1\nkeep $second: it leads to a timeline that the server has left, and only 0 of 1 newer ones lead to where it is\nremove -: [1-9]\d* segments of WAL .* where base backup "$first" begins$/,
	'the backup from which the server comes stays, with the WAL that leads from it');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_recovery_window() WHERE timeline = 2'), 1,
	'the server can be recovered');
ok(restored_node($main, 'again', '--target-timeline=2'), 'and is restored');

# ---- while a base backup is being made ----

my $third = full_backup($node);
my ($folder) = backup_folder($main, $third) =~ m{^(.*)/[^/]+$};
mkdir "$folder/20200101-000000F" or die;
open my $lock, '>', "$folder/20200101-000000F/lock" or die;
flock $lock, LOCK_EX or die;
like(expire($node, 'false'), qr/^remove $first: .*\nremove $second: it leads to a timeline that the server has left, and newer ones replace it\nkeep $third: .*\nkeep -: all WAL: a base backup is being made/,
	'a new backup replaces both; no WAL goes while another base backup is being made');
close $lock;
like(expire($node, 'false'), qr/^keep $third: .*\nremove -: [1-9]\d* segments of WAL/, 'and it does when that is dead');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pgbackup_recovery_window()'), 1, 'the rest leads from the new one to the present');

$node->stop;
done_testing();
