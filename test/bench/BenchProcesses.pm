#
# BenchProcesses.pm
#	  What processes take: CPU time, memory, disk.
#
# A process counts with all that it has started, and that they have started.  One that has
# made itself independent of its parent is missed.
#
# test/bench/BenchProcesses.pm
#
package BenchProcesses;

use strict;
use warnings;

use Exporter 'import';
use File::Find;
use List::Util qw(max sum0);
use POSIX qw(sysconf _SC_CLK_TCK);
use Time::HiRes qw(sleep);

our @EXPORT = qw(processes_below cpu_seconds private_kilobytes look_on);

# These and those below them.
sub processes_below
{
	my @new = @_;
	my (%children, @found);

	for my $process (map { m{(\d+)$} } glob '/proc/[0-9]*')
	{
		my @stat = stat_of($process) or next;
		push @{ $children{ $stat[1] } }, $process;
	}
	while (@new)
	{
		push @found, @new;
		@new = map { @{ $children{$_} // [] } } @new;
	}
	return @found;
}

# Of these and those below them.  What has ended is in its parent's sum of children.
sub cpu_seconds
{
	my $ticks = 0;

	for my $process (processes_below(@_))
	{
		my @stat = stat_of($process) or next;
		$ticks += sum0(@stat[ 11 .. 14 ]);
	}
	return $ticks / sysconf(_SC_CLK_TCK);
}

# What it does not share with others, so without shared buffers; 0 if it is gone.
sub private_kilobytes
{
	my ($process) = @_;
	my ($kilobytes) = text_of("/proc/$process/status") =~ /^RssAnon:\s+(\d+)/m;

	return $kilobytes // 0;
}

# Until told to end; then prints the largest private memory of a process that works below a place, in kB,
# and the most that was in some directories at once, in bytes.
sub look_on
{
	my ($place, @directories) = @_;
	my ($ended, $memory, $disk) = (0, 0, 0);

	local $SIG{TERM} = sub { $ended = 1 };
	until ($ended)
	{
		$memory = max($memory, map { private_kilobytes($_) } grep { $_ != $$ } processes_in($place));
		$disk = max($disk, bytes_in(@directories));
		sleep 0.02;
	}
	print "$memory $disk\n";
	return;
}

# Those whose working directory is in a place, also if they are nobody's children any more.
sub processes_in
{
	my ($place) = @_;

	return grep { (readlink("/proc/$_/cwd") // '') =~ m{^\Q$place\E/} } map { m{(\d+)$} } glob '/proc/[0-9]*';
}

# As they lie on the disk.
sub bytes_in
{
	my @directories = grep { -d } @_;
	my $blocks = 0;

	no warnings 'File::Find';
	find({ no_chdir => 1, wanted => sub { $blocks += (lstat)[12] // 0 } }, @directories)
	  if @directories;
	return $blocks * 512;
}

# The fields of /proc/PID/stat after the name; none if the process is gone.
sub stat_of
{
	my ($process) = @_;
	my $line = text_of("/proc/$process/stat");

	return unless $line =~ s/^.*\) //;
	return split / /, $line;
}

sub text_of
{
	my ($path) = @_;

	open my $file, '<', $path or return '';
	local $/;
	return readline($file) // '';
}

1;
