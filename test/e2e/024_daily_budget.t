# Zoom's 100 creates and updates per user and UTC day: nothing is asked for that would be refused, sessions that
# start soon come first, the rest goes on the next day.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world = Meetlink::World->new(no_daemon => 1, config => { sidecar => { poll_interval => '"200ms"' }, zoom => { max_per_connection => 8, max_per_second => 1000 } });
my ($standin, $daemon) = ($world->standin, $world->daemon);
my $busy  = $world->tutor(name => 'Busy');
my $other = $world->tutor(name => 'Other');

sub linked  { return $world->sql("select count(join_url) from sessions where tutor_id = '" . $busy->id . "'") }
sub refused { return scalar @{ $standin->requests(account => $busy->account, status => 429)->{requests} } }

# a batch for next month, and one more session of another tutor behind it
$world->sql("
	with booking as (
		insert into bookings (tutor_id, student_id, confirmed_start_at, confirmed_end_at)
		select '" . $busy->id . "', '" . $busy->student . "', now() + interval '30 days' + n * interval '1 hour', now() + interval '30 days' + (n + 1) * interval '1 hour'
		from generate_series(1, 110) n returning id)
	select count(*) from booking");
$world->sql("update bookings set status = 'CONFIRMED'");
my $behind = $other->book('40 days');
$daemon->start;
wait_until('the batch has come to rest', sub { !$world->sql("select count(*) from meetlink.job where state in ('due', 'claimed')") });
is(linked(), 80, '80 of 110 sessions of next month are linked today');
is($world->sql("select string_agg(distinct concat_ws(' ', state, reason, attempts, due_at = meetlink.next_utc_day(now())), ', ') from meetlink.job"),
	'waiting daily_limit 0 t', 'the others wait for 00:00 UTC, without an attempt');
isnt($world->sql("select join_url from sessions where id = '$behind'"), '', 'and hold up nobody else');

# those that start soon
my @soon = map { $busy->book("$_ minutes") } 20 .. 39;
$world->link_of($_) for @soon;
is(linked(), 100, 'sessions that start soon get the rest of the day');
my $late = $busy->book('10 minutes');
$world->wait_for_job($late, 'waiting', 'daily_limit');
is(refused(), 0, 'the provider never had to refuse');

# by hand, the answer says when
my $answer = $world->retry($late, wait => '2 s');
is("$answer->{status} $answer->{reason}", 'waiting daily_limit', 'a retry by hand says so');

# somebody else used the account too: the provider's word counts
my $third = $world->tutor(name => 'Third', account_options => { daily_limit => 1 });
$world->link_of($third->book);
my @more = map { $third->book } 1, 2, 3;
$world->wait_for_job($_, 'waiting', 'daily_limit') for @more;
cmp_ok(scalar @{ $standin->requests(account => $third->account, status => 429)->{requests} }, '<', 3, 'once the provider has said that the day is over, it is not asked for every session');

# the next day
$standin->admin(POST => 'clock', { advance_s => 86400 });
$world->sql("update meetlink.daily_use set day = day - 1; update meetlink.job set due_at = now()");
$_->forget_access for $busy, $third;
$world->link_of($late);
wait_until('the rest is linked', sub { linked() == 111 + 20 });
is(scalar @{ $standin->meetings($late) }, 1, 'with one meeting each');
is($daemon->stop, 0, 'the daemon ends well');
done_testing();
