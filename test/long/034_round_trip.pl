#
# Random databases go into a backup, and come back, by the hundreds.
#
# PGBACKUP_TEST_ROUNDS says how many (default 500), PGBACKUP_TEST_SEED="number ..."
# repeats some.
#
# test/long/034_round_trip.pl
#
use strict;
use warnings;

use PgBackupRoundTrip;
use PgBackupTest;
use Test::More;

my $node = new_node('main', conf => "max_worker_processes = 16\nautovacuum = off\nlog_statement = none\n");

make_random_roles($node);
foreach my $seed (random_seeds($ENV{PGBACKUP_TEST_ROUNDS} // 500))
{
	my @differences = random_round_trip($node, $seed);

	ok(!@differences, "the random database of seed $seed")
	  or diag(join "\n", @differences[ 0 .. ($#differences < 9 ? $#differences : 9) ]);
}

done_testing();
