#
# 076_faults.pl
#	  test/t/076_faults.pl for ten minutes.
#
# test/long/076_faults.pl
#
use strict;
use warnings;

$ENV{PGBACKUP_FAULTS_SECONDS} ||= 600;
do './test/t/076_faults.pl' or die $@ || $!;
