#
# 058_kills.pl
#	  test/t/058_kills.pl for ten minutes.
#
# test/long/058_kills.pl
#
use strict;
use warnings;

$ENV{PGBACKUP_KILLS_SECONDS} //= 600;

# Not by do(): PostgreSQL's modules have INIT blocks.
exec $^X, 'test/t/058_kills.pl' or die "could not run it: $!";
