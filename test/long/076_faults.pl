#
# 076_faults.pl
#	  test/t/076_faults.pl for ten minutes.
#
# test/long/076_faults.pl
#
use strict;
use warnings;

$ENV{PGBACKUP_FAULTS_SECONDS} ||= 600;

# Not by do(): PostgreSQL's modules have INIT blocks.
exec $^X, 'test/t/076_faults.pl' or die "could not run it: $!";
