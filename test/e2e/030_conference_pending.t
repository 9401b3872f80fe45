# A conference at Google that is not ready at once: pending is polled, never an error or a second event; a
# failure and a dropped conference end in a reason.
use strict;
use warnings;

use Meetlink::World;
use Test::More;

my $world   = Meetlink::World->new;
my $standin = $world->standin;
my $tutor   = $world->tutor(name => 'Ann', provider => 'google_meet');
my $link    = qr{^https://meet\.google\.com/};

sub one_meeting { return scalar @{ $standin->meetings($_[0]) } }
sub asked
{
	my ($session, $operation) = @_;
	my ($meeting) = @{ $standin->meetings($session) };
	return scalar grep { $_->{path} =~ /\Q$meeting->{id}\E/ } @{ $standin->requests(operation => $operation)->{requests} };
}

$standin->fault(effect => 'conference_pending', answers => 3);
my $session = $tutor->book;
like($world->link_of($session), $link, 'a conference that is pending three times is waited for');
is($world->sql("select count(*), min(outcome) from meetlink.attempt where session_id = '$session'"), '1|linked', 'in one attempt');
cmp_ok(asked($session, 'get'), '>=', 3, 'by asking for the event again');
is(one_meeting($session), 1, 'there is one event');

$standin->fault(effect => 'conference_pending', answers => 6);
$session = $tutor->book;
my $job = $world->wait_for_job($session, 'waiting', 'conference_pending');
like($job->{detail}, qr/the conference is still pending$/, 'one that stays pending is left for a later attempt');
is($world->sql("select acts, http_status from meetlink.reason where code = 'conference_pending'"), 'nobody|504', 'and nobody has to act');
like($world->link_of($session, 20), $link, 'which links it');
is($world->sql("select string_agg(outcome, ' ' order by id) ~ '^(failed )+adopted\$' from meetlink.attempt where session_id = '$session'"), 't',
	'by adopting the same event');
is(one_meeting($session), 1, 'so that there is one event');

$standin->fault(effect => 'conference_failure');
$session = $tutor->book;
like($world->link_of($session), $link, 'a conference that fails once is asked for anew');
is(one_meeting($session), 1, 'in the same event');

$standin->fault(effect => 'conference_failure', times => 'forever');
$session = $tutor->book;
$job = $world->wait_for_job($session, 'blocked', 'meet_unavailable');
like($job->{detail}, qr/conference cannot be made/, 'one that always fails blocks with the reason');
$standin->clear_faults;
is($world->retry($session)->{status}, 'linked', 'until somebody retries when Meet works again');
is(one_meeting($session), 1, 'and the event of the first attempt is used');

$standin->fault(effect => 'conference_absent', times => 'forever');
$session = $tutor->book;
$job = $world->wait_for_job($session, 'blocked', 'meet_unavailable');
like($job->{detail}, qr/without a conference/, 'an event whose conference was dropped silently is no success');
is($world->sql("select acts from meetlink.stuck_sessions where session_id = '$session'"), 'tutor', 'and the tutor must act');
$standin->clear_faults;
is($world->retry($session)->{status}, 'linked', 'until Meet is turned on');
is(one_meeting($session), 1, 'with one event');

$world->daemon->stop;
done_testing();
