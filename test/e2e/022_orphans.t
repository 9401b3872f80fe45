# A meeting that turns out to be wanted by nobody is cancelled at the provider, whatever happens on the
# way; one that a session uses never is.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world = Meetlink::World->new(
	config => { sidecar => { http_timeout => '"2s"', lease => '"4s"', poll_interval => '"200ms"' } });
my ($standin, $daemon) = ($world->standin, $world->daemon);
my %tutor = map { ($_ => $world->tutor(name => "Tutor-$_", provider => $_)) } qw(google_meet zoom);

sub meetings { return scalar @{ $standin->meetings($_[0]) } }
sub orphans  { return $world->sql("select count(*) from meetlink.orphan where session_id = '$_[0]'") }

# Waits until nobody has anything to do with the session, and there are this many meetings of it.
sub settles
{
	my ($session, $live, $what) = @_;
	wait_until("$what: nothing is left to do",
		sub { !orphans($session) && !$world->sql("select count(*) from meetlink.job where session_id = '$session'") });
	is(meetings($session), $live, "$what: $live live meetings");
	return;
}

# --- the session wants no meeting any more while the provider is making it
my %meanwhile = (
	'linked by hand' => q{update sessions set join_url = 'https://example.org/by-hand' where id = '%s'},
	'cancelled'      => q{update sessions set status = 'CANCELLED' where id = '%s'},
	'finished'       => q{update sessions set status = 'COMPLETED_ASSUMED' where id = '%s'},
	'deleted'        => q{delete from sessions where id = '%s'});
for my $provider (sort keys %tutor)
{
	for my $what (sort keys %meanwhile)
	{
		my $hold    = $standin->fault(effect => 'hold_after', operation => 'create', account => $tutor{$provider}->account);
		my $session = $tutor{$provider}->book;
		$standin->wait_for_held($hold);
		is(meetings($session), 1, "$provider, $what: the meeting is there, the daemon does not know it");
		$world->sql(sprintf $meanwhile{$what}, $session);
		$standin->release($hold);
		settles($session, 0, "$provider, $what");
		is($world->sql("select join_url from sessions where id = '$session'"), 'https://example.org/by-hand', 'and the link stays') if $what =~ /hand/;
		like($world->sql("select string_agg(outcome, ' ' order by id) from meetlink.attempt where session_id = '$session'"),
			qr/^lost cancelled$/, 'the history says so');
	}
}

# --- the answer never comes, and the session is cancelled before the next attempt
my %unknown;
for my $provider (sort keys %tutor)
{
	$standin->fault(effect => 'cut_after', operation => 'create', account => $tutor{$provider}->account);
	$standin->fault(effect => 'hold', operation => $provider eq 'zoom' ? 'list' : 'create', account => $tutor{$provider}->account);
	my $session = $unknown{$provider} = $tutor{$provider}->book;
	$world->wait_for_job($session, 'waiting', 'network_error');
	$world->sql("update sessions set status = 'CANCELLED' where id = '$session'");
}
$standin->clear_faults;
settles($unknown{$_}, 0, "$_, cancelled with an unknown outcome") for sort keys %tutor;

# --- killed between create and settle, and cancelled meanwhile: nobody is left who knows
my $hold = $standin->fault(effect => 'hold_after', operation => 'create', times => 2);
%unknown = map { ($_ => $tutor{$_}->book) } sort keys %tutor;
wait_until('both are held', sub { $standin->admin(GET => "faults/$hold")->{held} == 2 });
$daemon->stop('KILL');
for my $provider (sort keys %tutor)
{
	$world->sql("update sessions set status = 'CANCELLED' where id = '$unknown{$provider}'");
	is($world->sql("select external_id is null, due_at > now() from meetlink.orphan where session_id = '$unknown{$provider}'"), 't|t', "$provider, killed: there may be a meeting");
}
$standin->clear_faults;
$daemon->start;
settles($unknown{$_}, 0, "$_, killed and cancelled") for sort keys %tutor;

# --- the provider refuses the delete, twice
for my $provider (sort keys %tutor)
{
	my $hold    = $standin->fault(effect => 'hold_after', operation => 'create', account => $tutor{$provider}->account);
	my $refused = $standin->fault(effect => $provider eq 'zoom' ? 'zoom.502_html' : 'google.backendError', operation => 'delete', times => 2, account => $tutor{$provider}->account);
	my $session = $tutor{$provider}->book;
	$standin->wait_for_held($hold);
	$world->sql("update sessions set status = 'CANCELLED' where id = '$session'");
	$standin->release($hold);
	wait_until('the refusal is recorded', sub { $world->sql("select reason = 'provider_unavailable' and attempts > 1 from meetlink.orphan where session_id = '$session'") eq 't' });
	like($world->sql("select detail from meetlink.health() where check_name = 'orphans'"), qr/^1 meetings? that no session wants/, 'health() tells of it');
	settles($session, 0, "$provider, refused twice");
	is($standin->admin(GET => "faults/$refused")->{hits}, 2, 'it was refused twice');
}

# --- gone already: a person was faster
$hold = $standin->fault(effect => 'hold_after', operation => 'create');
my $session = $tutor{google_meet}->book;
$standin->wait_for_held($hold);
my $meeting = $standin->meetings($session)->[0];
$world->sql("update sessions set status = 'CANCELLED' where id = '$session'");
$standin->admin(DELETE => 'meetings/google/' . $tutor{google_meet}->account . "/$meeting->{id}");
$standin->release($hold);
settles($session, 0, 'deleted by a person');
# lost: the renewal of the lease was faster than the answer, so that the meeting was searched for, and not found
like($world->sql("select outcome from meetlink.attempt where session_id = '$session' order by id desc limit 1"),
	qr/^(?:cancelled|lost)$/, 'which is as good');

# --- wanted again before anybody has cancelled: the same meeting is adopted
for my $provider (sort keys %tutor)
{
	my $account = $tutor{$provider}->account;
	$standin->fault(effect => 'cut_after', operation => 'create', account => $account);
	my $again = $tutor{$provider}->book;
	$world->wait_for_job($again, 'waiting', 'network_error');
	$world->sql("update sessions set status = 'CANCELLED' where id = '$again'; update sessions set status = 'SCHEDULED' where id = '$again'");
	$world->link_of($again);
	settles($again, 1, "$provider, wanted again");
	is($world->sql("select outcome from meetlink.attempt where session_id = '$again' order by id desc limit 1"), 'adopted', 'adopted');
}

# --- two at Zoom: a person or an older version made another one
my $zoom = $tutor{zoom};
$standin->fault(effect => 'cut_after', operation => 'create', account => $zoom->account);
my $list = $standin->fault(effect => 'hold', operation => 'list', account => $zoom->account);
my $twice = $zoom->book;
$standin->wait_for_held($list);
my ($first) = @{ $standin->meetings($twice) };
$standin->admin(POST => 'meetings', { provider => 'zoom', account => $zoom->account, resource => { topic => 'copy', agenda => $first->{resource}{agenda}, start_time => $first->{resource}{start_time} } });
$standin->fault(effect => 'zoom.502_html', operation => 'delete', account => $zoom->account);
$standin->release($list);
$world->link_of($twice);
settles($twice, 1, 'two at Zoom');
is($standin->meetings($twice)->[0]{id}, $first->{id}, 'the oldest is kept');
is($world->sql("select meeting_external_id from sessions where id = '$twice'"), $first->{id}, 'and it is the one whose link is stored');

# --- a create that is carried out after the attempts that followed had looked, and one of them was refused
my %link_of;
for my $provider (sort keys %tutor)
{
	my $account = $tutor{$provider}->account;
	my $hold    = $standin->fault(effect => 'hold', operation => 'create', account => $account);
	my $late    = $tutor{$provider}->book;
	$standin->wait_for_held($hold);
	$standin->fault(effect => 'answer', status => 429, body => '{}', retry_after_s => 1, operation => 'create', account => $account);
	$world->wait_for_job($late, 'waiting', 'rate_limited');
	my $link = $world->link_of($late);
	is(meetings($late), 1, "$provider, carried out late: linked before");
	$standin->release($hold);
	wait_until('it is', sub { !$standin->under_way('create') });
	is(meetings($late), 2, 'then there are two') if $provider eq 'zoom';
	$link_of{$late} = $link;
}
for my $late (sort keys %link_of)
{
	settles($late, 1, 'carried out late');
	is($world->link_of($late), $link_of{$late}, 'the link that was stored is still that of the meeting');
}

# --- the provider was down, and nobody wants a link of it any more: an orphan has to be the breaker's probe
my $breaker = q{select detail from meetlink.health() where check_name = 'breaker: zoom'};
$standin->fault(effect => 'zoom.500', operation => 'create', times => 'forever');
my @down = map { $_->book } map { $world->tutor(name => "Down$_", provider => 'zoom') } 1 .. 10;
wait_until('the breaker is open', sub { $world->sql($breaker) ne '' });
$world->sql(q{update sessions set status = 'CANCELLED' where join_url is null});
is($world->sql('select (select count(*) from meetlink.job), (select count(*) > 0 from meetlink.orphan)'), '0|t', 'the provider is down, and there are orphans but no jobs');
$standin->clear_faults;
settles($_, 0, 'after the provider was down') for @down;
wait_until('the breaker is closed', sub { $world->sql($breaker) eq '' });

is($daemon->stop, 0, 'the daemon ends well');
is($world->sql('select (select count(*) from meetlink.job), (select count(*) from meetlink.orphan)'), '0|0', 'in the end nothing is left to do');
done_testing();
