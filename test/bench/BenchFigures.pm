#
# BenchFigures.pm
#	  What was measured: medians, ratios, tables.
#
# Figures are lines of a file: round, variant, name of the figure, value.  The time is called "s".
# Round 0 is not counted in times: in it, memory and disk are looked at.
#
# A ratio is the median of the ratios within the rounds: a slow minute of the machine hits
# both sides.
#
# Verdicts are lines of another file, which all benchmarks add to and the closing table shows.
#
# test/bench/BenchFigures.pm
#
package BenchFigures;

use strict;
use warnings;

use Exporter 'import';
use List::Util qw(max min);

our @EXPORT = qw(median ratio_of read_figures show_figures compare limit verdict closing_table);

# Rounds of the same program differ by as much: a ratio that is worse by no more than this is no lag.
my $noise = 1.03;

# Figures beside the time, in the order of columns.
my @columns = ('cpu s', 'memory MB', 'stored MB', 'restored MB', 'disk MB');

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	my $middle = int(@sorted / 2);

	return @sorted % 2 ? $sorted[$middle] : ($sorted[ $middle - 1 ] + $sorted[$middle]) / 2;
}

# Of two lists by rounds.
sub ratio_of
{
	my ($one, $other) = @_;

	my @ratios = map { $one->[$_] / $other->[$_] } grep { defined $one->[$_] && $other->[$_] } 0 .. $#$one;

	return @ratios ? median(@ratios) : 0;
}

# ---- figures ----

# By variant, name of the figure, and round.
sub read_figures
{
	my ($path) = @_;
	my $figures = { names => {}, values => {} };

	open my $file, '<', $path or die "could not read $path: $!";
	while (my $line = <$file>)
	{
		chomp $line;
		my ($round, $variant, $name, $value) = split /\t/, $line;

		$figures->{names}{$name} = 1;
		$figures->{values}{$variant}{$name}[$round] = $value;
	}
	return $figures;
}

sub values_of
{
	my ($figures, $variant, $name) = @_;
	return grep { defined } @{ $figures->{values}{$variant}{$name} // [] };
}

# A line for each variant: the time, as a multiple of that of the base, and the medians of the others.
sub show_figures
{
	my ($title, $path, $base, @variants) = @_;
	my $figures = read_figures($path);
	my @others = grep { $figures->{names}{$_} } @columns;
	my $values = $figures->{values};

	@variants = grep { $values->{$_}{s} } @variants;
	printf "\n%-36s %8s %-15s %6s" . ' %11s' x @others . "\n", $title, 's', '(min-max)', 'x', @others;
	for my $variant (@variants)
	{
		my @times = values_of($figures, $variant, 's');

		printf "%-36s %8.2f %-15s %6.2f", $variant, median(@times),
		  sprintf('(%.2f-%.2f)', min(@times), max(@times)),
		  ratio_of($values->{$variant}{s}, $values->{$base}{s});
		for my $name (@others)
		{
			my @found = values_of($figures, $variant, $name);
			printf ' %11s', @found ? sprintf('%.1f', median(@found)) : '';
		}
		print "\n";
	}
	print "x: times as long as $base, the median of the ratios within the rounds\n";
	return;
}

# ---- verdicts ----

# $what: ours is at most $limit times the best of the others, in this figure.
sub compare
{
	my ($verdicts, $path, $what, $limit, $name, $ours, @others) = @_;
	my $figures = read_figures($path);
	my %medians = map { $_ => median(values_of($figures, $_, $name)) }
	  grep { values_of($figures, $_, $name) } $ours, @others;
	my ($best) = sort { $medians{$a} <=> $medians{$b} } grep { defined $medians{$_} } @others;

	# not all of them need be there
	return unless defined $best && defined $medians{$ours};
	verdict($verdicts, $what, unit_of($name), $medians{$ours}, $medians{$best}, $best,
		ratio_of(map { $figures->{values}{$_}{$name} } $ours, $best), $limit);
	return;
}

# $what: no figure of these is more than $limit.
sub limit
{
	my ($verdicts, $path, $what, $limit, $name, @ours) = @_;
	my $figures = read_figures($path);
	my $most = max(map { values_of($figures, $_, $name) } @ours) // return;

	verdict($verdicts, $what, unit_of($name), $most, $limit, 'the limit', $most / $limit, 1);
	return;
}

# "memory MB" is in MB.
sub unit_of
{
	my ($name) = @_;
	return (split / /, $name)[-1];
}

sub verdict
{
	my ($path, @fields) = @_;

	open my $file, '>>', $path or die "could not write $path: $!";
	print $file join("\t", @fields), "\n";
	close $file or die "could not write $path: $!";
	return;
}

sub closing_table
{
	my ($path) = @_;
	my @behind;

	printf "\n%-48s %10s %10s  %-32s %6s %8s\n", '', 'pgbackup', 'best other', '', 'ratio', 'at most';
	open my $file, '<', $path or die "could not read $path: $!";
	while (my $line = <$file>)
	{
		chomp $line;
		my ($what, $unit, $ours, $other, $name, $ratio, $limit) = split /\t/, $line;
		my $is_behind = $ratio > $limit * $noise;

		push @behind, $what if $is_behind;
		printf "%-48s %10s %10s  %-32s %6.2f %8.2f%s\n", $what, with_unit($ours, $unit),
		  with_unit($other, $unit), $name, $ratio, $limit, $is_behind ? '  BEHIND' : '';
	}
	print @behind ? "Behind: " . join('; ', @behind) . ".\n" : "Behind in nothing.\n";
	return;
}

sub with_unit
{
	my ($value, $unit) = @_;
	return sprintf($unit eq 's' ? '%.2f %s' : '%.1f %s', $value, $unit);
}

1;
