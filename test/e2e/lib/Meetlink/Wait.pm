package Meetlink::Wait;

# Tests wait for a state, never for time: this asks until the state is there, and fails when it does not
# come. The limit is generous, because it only costs when something is broken.
use strict;
use warnings;

use Exporter qw(import);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(wait_until);

# The first true answer of $question; dies after $limit seconds (60), naming $what.
sub wait_until
{
	my ($what, $question, $limit) = @_;
	my $end   = time() + ($limit // 60);
	my $pause = 0.002;
	for (;;)
	{
		my $answer = $question->();
		return $answer if $answer;
		die "waited in vain until $what\n" if time() > $end;
		sleep $pause;
		$pause = $pause < 0.05 ? $pause * 1.5 : 0.05;
	}
	return;
}

1;
