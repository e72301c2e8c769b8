#
# 067_moments.pl
#	  A table at a random moment of a random life has the rows that a query gave then.
#
# PGBACKUP_TEST_SEED repeats a run; test/long/067_moments.pl looks back hundreds of times.
#
# test/t/067_moments.pl
#
use strict;
use warnings;

use PgBackupMoments;
use PgBackupRoundTrip;
use PgBackupTest;
use PgBackupWal;
use Test::More;

my $steps = $ENV{PGBACKUP_MOMENTS_STEPS} // 60;
my $looks = $ENV{PGBACKUP_MOMENTS_LOOKS} // 8;
my $node = new_archiving_node('main',
	conf => "max_worker_processes = 16\nmax_prepared_transactions = 10\nfsync = off\nwal_keep_size = 0\nlog_statement = none\n");

foreach my $seed (random_seeds($ENV{PGBACKUP_TEST_ROUNDS} // 1))
{
	my $run = PgBackupMoments->new($node, "random_$seed", $seed);

	note("PGBACKUP_TEST_SEED=$seed makes the same choices");
	$run->live($steps);
	foreach (1 .. $looks)
	{
		my $look = $run->look_back;

		is($look->{found}, $look->{truth}, "seed $seed: $look->{name}");
	}
	note($run->summary);
	$run->finish;
}

done_testing();
