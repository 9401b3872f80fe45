package Bench::Rounds;

# Variants of the same thing in turn, round after round: the machine's mood falls on all of them alike, so
# ratios hold where times do not. Each round begins with another one (A B C, B C A, ...), because whatever
# comes after a busy neighbour is slower: of two equal tables, the second took 5 to 9 % fewer insertions.
use strict;
use warnings;

use Exporter qw(import);
use List::Util qw(max min);

our @EXPORT_OK = qw(interleaved median spread ratio);

# %variants: name => sub that returns a number. A hash of name => [numbers].
sub interleaved
{
	my ($what, $rounds, @variants) = @_;
	my %result;
	for my $round (1 .. $rounds)
	{
		for (my $i = 0; $i < @variants; $i += 2)
		{
			my ($name, $measure) = @variants[ $i, $i + 1 ];
			push @{ $result{$name} }, $measure->();
			printf "#   %s, round %d of %d: %s %.4g\n", $what, $round, $rounds, $name, $result{$name}[-1];
		}
		push @variants, splice @variants, 0, 2;
	}
	return \%result;
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return @sorted % 2 ? $sorted[ $#sorted / 2 ] : ($sorted[ @sorted / 2 - 1 ] + $sorted[ @sorted / 2 ]) / 2;
}

# How far the values lie apart, in percent of their median.
sub spread { return median(@_) ? 100 * (max(@_) - min(@_)) / median(@_) : 0 }

# The median of the rounds' ratios, and the lowest and highest of them.
sub ratio
{
	my ($these, $to_those) = @_;
	my @ratios = map { $these->[$_] / $to_those->[$_] } 0 .. $#$these;
	return (median(@ratios), min(@ratios), max(@ratios));
}

1;
