#
# 067_moments.pl
#	  test/t/067_moments.pl, hundreds of times.
#
# PGBACKUP_TEST_ROUNDS says how many lives there are, of which each is looked back into 40 times;
# PGBACKUP_TEST_SEED="number ..." repeats some.
#
# test/long/067_moments.pl
#
use strict;
use warnings;

# they want to be there before anything is run
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

$ENV{PGBACKUP_TEST_ROUNDS} //= 12;
$ENV{PGBACKUP_MOMENTS_STEPS} //= 150;
$ENV{PGBACKUP_MOMENTS_LOOKS} //= 40;
do './test/t/067_moments.pl' or die $@ || $!;
