#
# 077_monitoring.pl
#	  What doc/monitoring.md says works as it says: each query runs as the role that the page makes,
#	  and gives the columns that its metrics name; alerts name metrics that there are; the script
#	  for Nagios ends as it should; the table has each check.
#
# test/t/077_monitoring.pl
#
use strict;
use warnings;

use FindBin;
use PgBackupRestore;
use PgBackupTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $page = read_file("$FindBin::Bin/../../doc/monitoring.md");
my $node = new_node('main', conf => archive_conf() . "max_wal_senders = 4\nmax_worker_processes = 20\n");

sub blocks
{
	my ($language) = @_;
	return $page =~ /^```$language\n(.*?)^```$/msg;
}

# ---- rights ----

my ($first, $grants) = blocks('sql');
$node->safe_psql('postgres', $grants);
my @as = (extra_params => [ '-U', 'monitoring' ]);
like($node->safe_psql('postgres', $first, @as), qr/^repository\|fail\|.*^CRIT\|repository: /ms, 'the first queries, before the first backup');

# ---- the script ----

my ($script) = blocks('sh');
my $path = $node->basedir . '/check_pgbackup';
write_file($path, $script);
chmod 0700, $path;
sub nagios
{
	my ($database) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ $path, $database ], '>', \$out, '2>', \$err);
	return ($? >> 8) . " $out$err";
}
like(nagios($node->connstr('postgres') . ' user=monitoring'), qr/^2 CRIT repository: /, 'critical');
$node->safe_psql('postgres', 'SELECT pgbackup_run()');
like(nagios($node->connstr('postgres') . ' user=monitoring'), qr/^1 WARN (data_checksums|file_system): /, 'a warning');
like(nagios($node->connstr('nowhere')), qr/^3 UNKNOWN .*"nowhere"/, 'nobody knows');

# ---- queries ----

$node->safe_psql('postgres', q{SELECT pgbackup_run('full'); SELECT pgbackup_schedule('daily', '@daily')});
archive_all($node);

# The columns and the rows of a query.
sub result_of
{
	my ($query) = @_;
	my ($header, @rows) = split /\n/, $node->safe_psql('postgres', $query, extra_params => [ '-U', 'monitoring', '--pset=tuples_only=off', '--pset=footer=off' ]);
	return ($header, @rows);
}

my ($nagios_query) = $page =~ /--query="\n(.*?)"\n/s;
my ($header, @rows) = result_of($nagios_query);
is($header, 'result|message', 'the query for check_postgres');
like($rows[0], qr/^1\|(data_checksums|file_system): /, 'gives a number and a message');

my ($exporter, $collector, $rules) = blocks('yaml');
my %metrics;
while ($exporter =~ /^(\w+):\n  query: \|\n((?:    .*\n)+)  metrics:\n((?:    .*\n)+)/mg)
{
	my ($name, $query, $list) = ($1, $2, $3);
	my @columns = $list =~ /^    - (\w+): \{usage: (?:LABEL|GAUGE), description: "[^"]+"\}$/mg;
	my %label = map { $_ => 1 } $list =~ /- (\w+): \{usage: LABEL/g;

	($header, @rows) = result_of($query);
	is($header, join('|', @columns), "$name: the query gives what the metrics name");
	cmp_ok(scalar @rows, '>', 0, "$name: and some rows");
	is(scalar(grep { my @values = split /\|/, $_, -1; grep { !$label{ $columns[$_] } && $values[$_] !~ /^-?\d+(\.\d+)?$/ } 0 .. $#columns } @rows),
		0, "$name: gauges are numbers");
	$metrics{"${name}_$_"} = 1 for grep { !$label{$_} } @columns;
}
is(scalar(keys %metrics), 15, 'so many metrics');
my ($query) = $collector =~ /query: \|\n((?:      .*\n)+)/;
is((result_of($query))[0], 'check|status', 'the query of the collector');
my @named = map { /(pgbackup_\w+)/g } $rules =~ /expr: (.*)/g;
is(join(' ', grep { !$metrics{$_} } @named), '', 'alerts name metrics that there are');
cmp_ok(scalar @named, '>', 5, 'some');

# ---- the program, and the table ----

my ($arguments) = $page =~ /^command\[check_pgbackup\]=\S+ (.*)$/m;
$arguments =~ s{/backup/main}{repository($node)}e;
is((program(split ' ', $arguments))[0], 0, 'the program');
system_or_bail('cp', '-r', glob(repository($node) . '/[1-9]*'), repository($node) . '/1234567');
is(join("\n", sort $page =~ /^\| `(\w+)` \|/mg),
	join("\n", sort split /\n/, $node->safe_psql('postgres', 'SELECT DISTINCT name FROM pgbackup_check()')), 'the table has each check');

$node->stop;
done_testing();
