#
# 066_recovery_kills.pl
#	  test/t/066_recovery_kills.pl with each phase and each victim, and another recovery after each.
#
# test/long/066_recovery_kills.pl
#
use strict;
use warnings;

# they want to be there before anything is run
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

$ENV{PGBACKUP_KILLS_EVERYTHING} = 1;
do './test/t/066_recovery_kills.pl' or die $@ || $!;
