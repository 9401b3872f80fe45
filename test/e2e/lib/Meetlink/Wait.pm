package Meetlink::Wait;

# Tests wait for a state, never for time: this asks until the state is there, and fails when it does not
# come. The limit is generous, because it only costs when something is broken.
use strict;
use warnings;

use Exporter qw(import);
use List::Util qw(min);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(wait_until);

# The first true answer of $question; dies after $limit seconds (60), naming $what. Asks every $longest_pause seconds (0.05)
# in the long run.
sub wait_until
{
	my ($what, $question, $limit, $longest_pause) = @_;
	my $end   = time() + ($limit // 60);
	my $pause = 0.002;
	for (;;)
	{
		my $answer = $question->();
		return $answer if $answer;
		die "waited in vain until $what\n" if time() > $end;
		sleep $pause;
		$pause = min($pause * 1.5, $longest_pause // 0.05);
	}
	return;
}

1;
