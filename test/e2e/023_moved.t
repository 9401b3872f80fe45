# A session that gets another time while its meeting is being made: the meeting gets it too, with one more
# request and no second meeting, and the link comes whatever becomes of that request.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world = Meetlink::World->new(
	config => { sidecar => { http_timeout => '"20s"', lease => '"40s"', poll_interval => '"200ms"' } });  # held requests may take a while on a busy machine
my ($standin, $daemon) = ($world->standin, $world->daemon);
my %tutor = map { ($_ => $world->tutor(name => "Tutor-$_", provider => $_)) } qw(google_meet zoom);

sub move
{
	my ($session, $start, $end, $isolation) = @_;
	$world->sql('begin isolation level ' . ($isolation // 'read committed') . "; update sessions set scheduled_start_at = scheduled_start_at + interval '$start',
		scheduled_end_at = scheduled_end_at + interval '$end' where id = '$session'; commit");
	return;
}

# The session's one meeting has the session's times.
sub agrees
{
	my ($provider, $session, $what) = @_;
	my @meetings = @{ $standin->meetings($session) };
	is(scalar @meetings, 1, "$provider, $what: one meeting");
	my $resource = $meetings[0]{resource};
	my ($start, $end) = split /\|/, $world->sql(qq{set timezone = 'UTC'; select to_char(scheduled_start_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
		to_char(scheduled_end_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') from sessions where id = '$session'});
	if ($provider eq 'zoom')
	{
		my $minutes = $world->sql("select extract(epoch from scheduled_end_at - scheduled_start_at)::int / 60 from sessions where id = '$session'");
		is("$resource->{start_time} for $resource->{duration}", "$start for $minutes", 'at the time of the session');
	}
	else
	{
		is("$resource->{start}{dateTime} to $resource->{end}{dateTime}", "$start to $end", 'at the time of the session');
	}
	is($world->sql("select meeting_external_id from sessions where id = '$session'"), $meetings[0]{id}, 'whose link the session has');
	return;
}
sub requests { my ($tutor, $operation) = @_; return scalar @{ $standin->requests(account => $tutor->account, operation => $operation)->{requests} } }
sub history
{
	return $world->sql("select string_agg(outcome || coalesce(': ' || detail, ''), ', ' order by id) from meetlink.attempt where session_id = '$_[0]'");
}

for my $provider (sort keys %tutor)
{
	my ($tutor, $hour) = ($tutor{$provider}, '1 hour');
	my %account = (account => $tutor->account);
	$world->link_of($tutor->book);
	is(requests($tutor, 'update'), 0, "$provider: without a move there is no update");

	# start and end, the end only, and under REPEATABLE READ
	my %moves = ('both' => [ $hour, $hour ], 'only the end' => [ '0', $hour ], 'repeatable read' => [ $hour, $hour, 'repeatable read' ]);
	for my $what (sort keys %moves)
	{
		my ($created, $updated) = map { requests($tutor, $_) } qw(create update);
		my $hold    = $standin->fault(effect => 'hold_after', operation => 'create', %account);
		my $session = $tutor->book;
		$standin->wait_for_held($hold);
		move($session, @{ $moves{$what} });
		$standin->release($hold);
		$world->link_of($session);
		agrees($provider, $session, $what);
		is(join(' ', map { requests($tutor, $_) } qw(create update)), join(' ', $created + 1, $updated + 1), 'with one create and one update');
		is(history($session), 'linked: the session was moved meanwhile, and its meeting with it', 'in one attempt, whose history tells it');
		like($world->sql("select string_agg(description, ' ') from meetlink.explain('$session')"),
			qr/link stored; the session was moved meanwhile, and its meeting with it\./, 'and so does explain');
	}
	is(requests($tutor, 'list') + requests($tutor, 'get'), 0, 'and nobody had to look for a meeting');

	# again, while the meeting is being moved
	my $hold    = $standin->fault(effect => 'hold_after', operation => 'create', %account);
	my $session = $tutor->book;
	$standin->wait_for_held($hold);
	move($session, $hour, $hour);
	my $update = $standin->fault(effect => 'hold_after', operation => 'update', %account);
	$standin->release($hold);
	$standin->wait_for_held($update);
	is($world->sql("select join_url from sessions where id = '$session'"), '', 'nobody sees the link before its meeting has been moved');
	move($session, $hour, $hour);
	$standin->release($update);
	$world->link_of($session);
	agrees($provider, $session, 'moved twice');

	# the provider refuses: people get their link all the same
	$hold = $standin->fault(effect => 'hold_after', operation => 'create', %account);
	my $refused = $standin->fault(effect => $provider eq 'zoom' ? 'zoom.502_html' : 'google.backendError', operation => 'update', %account);
	$session = $tutor->book;
	$standin->wait_for_held($hold);
	move($session, $hour, $hour);
	$standin->release($hold);
	$world->link_of($session);
	is($standin->admin(GET => "faults/$refused")->{hits}, 1, 'the update was refused');
	like(history($session), qr/^linked: the session was moved meanwhile, but its meeting could not be: provider_unavailable: /, 'the link comes, and the history tells it');
	is(scalar @{ $standin->meetings($session) }, 1, 'there is one meeting');

	# cancelled while its meeting is being moved
	$hold = $standin->fault(effect => 'hold_after', operation => 'create', %account);
	$session = $tutor->book;
	$standin->wait_for_held($hold);
	move($session, $hour, $hour);
	$update = $standin->fault(effect => 'hold_after', operation => 'update', %account);
	$standin->release($hold);
	$standin->wait_for_held($update);
	$world->sql("update sessions set status = 'CANCELLED' where id = '$session'");
	$standin->release($update);
	wait_until('the meeting is cancelled', sub { !@{ $standin->meetings($session) } });
	pass('cancelled while its meeting is being moved: there is no meeting any more');

	# killed, and told to stop: whoever comes next moves it
	for my $signal (qw(KILL TERM))
	{
		$hold = $standin->fault(effect => 'hold_after', operation => 'create', %account);
		$session = $tutor->book;
		$standin->wait_for_held($hold);
		move($session, $hour, $hour);
		if ($signal eq 'KILL')
		{
			$update = $standin->fault(effect => 'hold', operation => 'update', %account);
			$standin->release($hold);
			$standin->wait_for_held($update);
			$daemon->stop('KILL');
			$standin->clear_faults;
		}
		else
		{
			$daemon->process->signal('TERM');
			wait_until('it stops', sub { grep { $_->{event} eq 'stopping' } @{ $daemon->log } });
			$standin->release($hold);
			is($daemon->process->wait_for_end, 0, 'it ends well');
		}
		is($world->sql("select join_url from sessions where id = '$session'"), '', "$signal: there is no link yet");
		$daemon->start;
		$world->link_of($session);
		agrees($provider, $session, "$signal between create and link");
		like(history($session), qr/, adopted$/, 'the next attempt found the meeting');
	}
}

is($daemon->stop, 0, 'the daemon ends well');
is($world->sql(q{select (select count(*) from meetlink.job), (select count(*) from meetlink.orphan where due_at < now())}), '0|0', 'and nothing is left to do');
done_testing();
