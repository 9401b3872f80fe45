package Meetlink::Memory;

# What a process has in its memory, as a core dump would show it.
use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(found_in_memory);

# Which of these texts (a list) occur in the writable memory of a process: heap, stacks, data. A hash of counts.
sub found_in_memory
{
	my ($pid, @texts) = @_;
	open(my $maps, '<', "/proc/$pid/maps") or die "/proc/$pid/maps: $!\n";
	my @areas = map { /^([0-9a-f]+)-([0-9a-f]+) rw.p \S+ \S+ \S+\s*(.*)$/ && $3 !~ /^\[v/ ? [ hex $1, hex $2 ] : () } <$maps>;
	close $maps;
	open(my $memory, '<:raw', "/proc/$pid/mem") or die "/proc/$pid/mem: $!\n";
	my %found;
	my $any = join '|', map { quotemeta } @texts;
	my $keep = 0;
	for (@texts) { $keep = length if length > $keep }
	for my $area (@areas)
	{
		my ($at, $end) = @$area;
		my $tail = '';
		while ($at < $end)
		{
			my $size = $end - $at < 1 << 22 ? $end - $at : 1 << 22;
			sysseek($memory, $at, 0) or last;
			sysread($memory, my $bytes, $size) or last;    # a guard page
			$at += length $bytes;
			my $text = $tail . $bytes;
			$found{$1}++ while $text =~ /($any)/g;
			# shorter than any text, so that what straddles two pieces is seen and nothing is seen twice
			$tail = $keep > 1 ? substr($text, -($keep - 1)) : '';
			$tail =~ s/^.*(?:$any)//s;
		}
	}
	return %found;
}

1;
