# Answers that are well-formed and wrong: another session's meeting, an id that somebody else uses, a list that
# never ends. A reason, no wrong link, and in the end one meeting.
use strict;
use warnings;

use Digest::SHA qw(sha256);
use Meetlink::World;
use Test::More;

my $world   = Meetlink::World->new(config => { sidecar => { poll_interval => '"200ms"' } });
my $standin = $world->standin;
my %tutor   = map { ($_ => $world->tutor(name => "Tutor-$_", provider => $_)) } qw(google_meet zoom);

# --- the answer is another session's meeting
for my $provider (sort keys %tutor)
{
	my $other = $tutor{$provider}->book;
	$world->link_of($other);
	my $body  = $standin->meetings($other)->[0]{resource};
	$standin->fault(effect => 'answer', status => $provider eq 'zoom' ? 201 : 200, body => $body, operation => 'create', account => $tutor{$provider}->account);
	my $session = $tutor{$provider}->book;
	$world->wait_for_job($session, 'blocked', 'wrong_meeting');
	is($world->sql("select join_url from sessions where id = '$session'"), '', "$provider: another session's meeting is no link");
	is($world->retry($session)->{status}, 'linked', 'a retry makes the right one');
	isnt($world->sql("select join_url from sessions where id = '$session'"), $world->sql("select join_url from sessions where id = '$other'"), 'with a link of its own');
	is(scalar @{ $standin->meetings($_) }, 1, 'and each session has one meeting') for $session, $other;
}

# --- Google: the id that we would use belongs to an event that is not ours
sub event_id
{
	my ($session, $generation) = @_;
	my $digest = substr sha256(join '', map { "$_\0" } $world->sql('select id from meetlink.tenant'), $session, $generation), 0, 20;
	my $bits   = unpack 'B*', $digest;
	return 'ml' . join '', map { (0 .. 9, 'a' .. 'v')[ oct "0b$_" ] } $bits =~ /.{5}/g;
}
my $ann     = $tutor{google_meet};
my $session = '10000000-0000-4000-8000-000000000001';
my $foreign = event_id($session, 0);
my %time    = (start => { dateTime => '2030-01-01T10:00:00Z' }, end => { dateTime => '2030-01-01T11:00:00Z' });
$standin->admin(POST => 'meetings', { provider => 'google', account => $ann->account, resource => { id => $foreign, summary => 'Dentist', %time } });
my $booking = $world->sql("insert into bookings (tutor_id, student_id) values ('$ann->{id}', '$ann->{student}') returning id");
$world->sql("insert into sessions (id, booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes)
	values ('$session', '$booking', '$ann->{id}', '$ann->{student}', 'google_meet', now() + interval '1 day', now() + interval '25 hours', 60)");
$world->link_of($session);
is($world->sql("select meeting_external_id from sessions where id = '$session'"), event_id($session, 1), 'google_meet: an id that somebody else uses is left for the next one');
my ($dentist) = grep { $_->{id} eq $foreign } @{ $standin->admin(GET => 'meetings?account=' . $ann->account)->{meetings} };
is($dentist->{resource}{summary}, 'Dentist', 'and that event is not touched');
ok(!$dentist->{deleted}, 'nor deleted');

# --- Zoom: a list that never ends says nothing about what there is
my $zoom = $tutor{zoom};
$standin->fault(effect => 'cut_after', operation => 'create', account => $zoom->account);
my $endless = $standin->fault(effect => 'empty_page', operation => 'list', account => $zoom->account, times => 'forever');
my $lost    = $zoom->book;
$world->wait_for_job($lost, 'waiting', 'answer_unreadable');
is(scalar @{ $standin->meetings($lost) }, 1, 'zoom: a list that never ends makes no second meeting');
cmp_ok(scalar @{ $standin->requests(operation => 'list', account => $zoom->account)->{requests} }, '<=', 40 * $world->job($lost)->{attempts}, 'and is left after 40 pages');
$standin->admin(DELETE => "faults/$endless");
$world->sql("update meetlink.job set due_at = now() where state = 'waiting'");
$world->link_of($lost);
is(scalar @{ $standin->meetings($lost) }, 1, 'the meeting is found when it ends');

is($world->daemon->stop, 0, 'the daemon ends well');
is($world->sql('select count(*) from meetlink.job'), 0, 'and no job is left');
done_testing();
