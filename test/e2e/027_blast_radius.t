# One broken provider, or one broken owner, keeps nobody else from getting links: neither calls that hang until
# the timeout, more of them than the daemon works on at a time, nor an account whose calls all fail.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

# hung calls end after the test
my $world = Meetlink::World->new(
	config => {
		sidecar => { max_in_flight => 8, poll_interval => '"500ms"', http_timeout => '"100s"', lease => '"200s"' },
		google  => { max_per_connection => 10, max_per_second => 1000 }
	});
my ($standin, $daemon) = ($world->standin, $world->daemon);
my %tutor = map { ($_ => $world->tutor(name => "Tutor-$_", provider => /^google/ ? 'google_meet' : 'zoom')) } qw(google1 google2 google3 well broken);

# --- a provider that hangs
my $hang = $standin->fault(effect => 'hold', provider => 'google', operation => 'create', times => 'forever');
$tutor{$_}->book_many(20) for qw(google1 google2 google3);
wait_until('as many calls hang as the daemon works on at a time', sub { $standin->admin(GET => "faults/$hang")->{held} >= 8 });
my @sessions = map { $tutor{well}->book } 1 .. 5;
ok($world->link_of($_), 'a provider hangs: another one\'s session gets its link') for @sessions;
cmp_ok($standin->admin(GET => "faults/$hang")->{held}, '<=', 16, 'and no more than twice as many calls hang');
is($world->sql("select count(*) from meetlink.attempt where outcome <> 'linked'"), 0, 'none of which has ended');
$standin->release($hang);
$standin->clear_faults;

# --- an owner whose calls all fail, with the nearest sessions
wait_until('all have links', sub { $world->sql('select count(*) from meetlink.job') == 0 });
my $fault = $standin->fault(effect => 'zoom.502_html', account => $tutor{broken}->account, operation => 'create', times => 'forever');
$tutor{broken}->book_many(100);
wait_until('the calls fail', sub { $standin->admin(GET => "faults/$fault")->{hits} >= 20 });
ok($world->link_of($tutor{well}->book('30 days')), 'beside an owner whose calls all fail, a later session of another one gets its link');
is(scalar(grep { $_->{event} eq 'breaker_opened' } @{ $daemon->log }), 0, 'and one owner opens no breaker');

is($daemon->stop('KILL'), 137, 'the daemon worked all the time');
done_testing();
