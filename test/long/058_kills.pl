#
# 058_kills.pl
#	  test/t/058_kills.pl for ten minutes.
#
# test/long/058_kills.pl
#
use strict;
use warnings;

$ENV{PGBACKUP_KILLS_SECONDS} //= 600;
# as a program of its own: PostgreSQL's modules have blocks that run only when one is compiled
exec $^X, './test/t/058_kills.pl' or die "could not run it: $!";
