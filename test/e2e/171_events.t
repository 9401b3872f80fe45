# Event streams: whatever changes a session is told to who may see it, wherever it happened; a reader that comes back is
# told what it missed, from any daemon; one that does not read is dropped; and without readers nothing is asked.
use strict;
use warnings;

use Meetlink::Events;
use Meetlink::Http qw(address call hs256);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world  = Meetlink::World->new(no_daemon => 1);
my $secret = 'a secret of at least thirty-two bytes';
$world->sql('create role meetlink_web login in role meetlink_gateway');
my %http   = (conninfo => q(") . $world->node->connstr('app') . q( user=meetlink_web"), jwt_secret => qq("$secret"));
my $daemon = $world->daemon;
$daemon->configure(http => { %http, listen => '"127.0.0.1:0"', max_streams => 20 })->start;
my $address = address($daemon);

sub token { my ($user, %more) = @_; return hs256($secret, sprintf '{"role":"authenticated","sub":"%s"%s}', $user, join '', map { ",\"$_\":$more{$_}" } keys %more) }
sub open_stream { my ($query, $token, %options) = @_; return Meetlink::Events->new($address, $query, token => $token, %options) }
my $operator = hs256($secret, '{"role":"meetlink_operator"}');

my $ann   = $world->tutor(name => 'Ann');
my $tutor = token($ann->id);

# --- what is told ---------------------------------------------------------------------------------

my $held = $world->standin->fault(provider => 'zoom', effect => 'hold', times => 'forever');
my @sessions = map { $ann->book($_) } '1 day', '2 days', '3 days';
my ($made, $typed, $cancelled) = @sessions;
my $query    = join '&', map { "session=$_" } @sessions;
my $stream   = open_stream($query, $tutor);
my $student  = open_stream($query, token($ann->{student}));
my $console  = open_stream('topic=console', $operator);
is($stream->status, 200, 'a stream');
like($stream->head, qr{Content-Type: text/event-stream}i, 'of events');
like($stream->head, qr{Cache-Control: no-store}i, 'that nobody keeps');
is_deeply([ $stream->events ], [], 'begins with nothing but an id');

$world->sql("update sessions set join_url = 'https://example.zoom.us/j/1' where id = '$typed'");
ok($stream->wait_for($typed), 'a link that was typed in is told');
$world->sql("update sessions set status = 'CANCELLED' where id = '$cancelled'");
ok($stream->wait_for($cancelled), 'a session that was cancelled');
$world->standin->clear_faults;
$world->link_of($made);
ok($stream->wait_for($made), 'a link that was made');
ok($student->wait_for($made), 'to everybody who may see it');
wait_until('the console hears of it', sub { grep { $_->[0] eq 'console' } $console->events });
pass('the console hears of it');
is_deeply([ map { @{$_}[ 1 .. $#$_ ] } grep { $_->[0] eq 'console' } ($console->events)[0] ], [ {} ], 'without content');

# --- who is told ----------------------------------------------------------------------------------

my $bob      = $world->tutor(name => 'Bob');
my $stranger = open_stream("$query&session=00000000-0000-4000-8000-000000000000&session=abc", token($bob->id));
is($stranger->status, 200, 'sessions that are not his are taken for missing ones');
my $bobs = $bob->book('4 days');
$world->link_of($bobs);
my $mixed = open_stream("$query&session=$bobs", token($bob->id));
$world->sql("update sessions set join_url = 'https://example.zoom.us/j/3' where id = '$bobs'");
ok($mixed->wait_for($bobs), 'he hears of his own');
$world->sql("update sessions set status = 'CANCELLED', join_url = null where id = '$made'");
ok($stream->wait_for($made), 'the owner hears of another change');
is_deeply([ $stranger->events, $mixed->events ], [], 'nobody else does');
for my $case ([ 'no token', $query, undef, 401 ], [ 'topic console for a tutor', 'topic=console', $tutor, 403 ], [ 'another topic', 'topic=x', $operator, 400 ],
	[ 'nothing to watch', '', $tutor, 400 ], [ 'both', "topic=console&session=$made", $operator, 400 ], [ '101 sessions', join('&', ("session=$made") x 101), $tutor, 400 ])
{
	my ($name, $ask, $token, $status) = @$case;
	is(call("http://$address/api/events?$ask", token => $token)->{status}, $status, "$name: $status");
}
my $brief = open_stream($query, token($ann->id, exp => time + 2));
wait_until('the stream has ended', sub { $brief->ended });
pass('a stream ends with its token');

# --- coming back ----------------------------------------------------------------------------------

my $last = $stream->last_id;
$_->close for $stream, $student, $stranger, $mixed, $console;
my $again = open_stream($query, $tutor, last => $last);
is_deeply([ $again->events ], [], 'who missed nothing is told nothing');
$again->close;
is($daemon->stop, 0, 'the daemon stops, whoever reads');
$world->sql("update sessions set status = 'SCHEDULED', join_url = 'https://example.zoom.us/j/2' where id = '$made'");
$daemon->start;
$address = address($daemon);
$again   = open_stream($query, $tutor, last => $last);
ok($again->wait_for($made), 'from the next daemon he hears what he missed');
is_deeply([ $again->events ], [], 'and no more than that');
my $newer = $again->last_id;
isnt($newer, $last, 'with another id');
ok(open_stream($query, $tutor, last => 'nonsense')->wait_for($made), 'an id of something else: everything is asked again');
my $kept = open_stream($query, $tutor, last => $newer);
is_deeply([ $kept->events ], [], 'and nothing after that');

# --- two daemons ----------------------------------------------------------------------------------

my $other = $world->add_daemon(name => 'other', config => { http => { %http, listen => '"127.0.0.1:0"' } })->start;
my $far   = Meetlink::Events->new(address($other), $query, token => $tutor);
$world->standin->fault(provider => 'zoom', effect => 'hold', times => 'forever');
$world->sql("update sessions set join_url = null where id = '$made'");
ok($_->wait_for($made), 'both daemons tell') for $kept, $far;
$world->standin->clear_faults;
$world->link_of($made);
ok($_->wait_for($made), 'of a link, whoever made it') for $kept, $far;
is($other->stop, 0, 'the other stops');
ok($far->ended, 'its streams have ended');

# --- slow readers, too many -----------------------------------------------------------------------

my $cid = $world->tutor(name => 'Cid', provider => 'google_meet');
$cid->book_many(100);
wait_until('all have links', sub { $world->sql("select count(*) from sessions where join_url is not null and tutor_id = '" . $cid->id . "'") == 100 });
my @many = split /\n/, $world->sql("select id from sessions where tutor_id = '" . $cid->id . "' order by id");
my $slow = open_stream(join('&', map { "session=$_" } @many), token($cid->id), receive_buffer => 1024);
my $turn = 0;
wait_until('the slow reader is dropped', sub {
	$turn++;
	$world->sql("update sessions set meeting_external_id = 'x$turn', join_url = 'https://example.zoom.us/j/$turn' where tutor_id = '" . $cid->id . "'");
	return grep { $_->{event} eq 'http_reader_dropped' } @{ $daemon->log };
}, 120);
pass('who does not read is dropped');
$world->sql("update sessions set join_url = 'https://example.zoom.us/j/4' where id = '$made'");
ok($kept->wait_for($made), 'others go on');

my @streams = map { open_stream($query, $tutor) } 1 .. 19;
is(open_stream($query, $tutor)->status, 503, 'more than max_streams: 503');
$_->close for splice @streams, 0, 5;
wait_until('there is room again', sub { my $one = open_stream($query, $tutor); $one->close; $one->status == 200 });
pass('who leaves makes room');

# --- nobody reads ---------------------------------------------------------------------------------

$_->close for @streams, $kept, $again;
# a round takes two seconds: with readers there is always a younger question
wait_until('nobody asks for marks any more',
	sub { $world->sql("select coalesce(max(query_start) < clock_timestamp() - interval '3 seconds', true) from pg_stat_activity where query ~ 'session_marks' and pid <> pg_backend_pid()") eq 't' });
pass('without readers the daemon asks nothing');

is($daemon->stop, 0, 'SIGTERM ends it');
unlike($daemon->log_text, qr/internal_defect/, 'no defect');
done_testing();
