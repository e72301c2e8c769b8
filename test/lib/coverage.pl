#
# coverage.pl
#	  Adds up what gcov says of many object files.
#
# usage: find -name '*.gcda' -print0 | perl coverage.pl source-folder
#
# A file that is compiled several times counts once: a line is covered when any of its
# objects has run it.  Files that nothing has run are in no .gcda file of their own, but all of a
# library are linked, and so are there.
#
# test/lib/coverage.pl
#
use strict;
use warnings;

my ($top) = @ARGV;
my %lines;    # file => number => 1: it was run

sub read_gcov
{
	my ($data) = @_;
	my $source;

	open my $gcov, '-|', 'gcov', '-t', $data or die "could not run gcov: $!";
	while (<$gcov>)
	{
		my ($count, $number, $rest) = /^\s*([^:]+):\s*(\d+):(.*)/ or next;

		$source = $1 =~ s{^\Q$top\E/}{}r
		  if $number == 0 && $rest =~ /^Source:(.*)/;
		next if $number == 0 || !defined $source || $source =~ m{^/} || $count eq '-';
		$source =~ s{^src/}{};
		$lines{$source}{$number} ||= $count =~ /^\d/ ? 1 : 0;
	}
	close $gcov or die "gcov cannot read $data";
	return;
}

sub print_row
{
	my ($name, $covered, $all) = @_;

	printf "%-24s %7d of %7d lines  %5.1f %%\n", $name, $covered, $all, $all ? 100 * $covered / $all : 0;
	return;
}

{
	local $/ = "\0";
	my @data = <STDIN>;

	chomp @data;
	local $/ = "\n";
	read_gcov($_) for @data;
}

my (%covered, %all);
for my $file (grep { /\.[ch]$/ && m{/} && !m{^test/} } keys %lines)
{
	my $folder = $file =~ s{/[^/]*$}{}r;

	for ($folder, 'total')
	{
		$all{$_} += keys %{ $lines{$file} };
		$covered{$_} += grep { $_ } values %{ $lines{$file} };
	}
}
print_row($_, $covered{$_}, $all{$_}) for (grep { $_ ne 'total' } sort keys %all), 'total';
