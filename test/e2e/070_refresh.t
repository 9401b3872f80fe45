# Refreshing under fire. The stand-in's Zoom rotates refresh tokens at once: one that was used is dead. Two daemons and
# the application refresh the same connections; daemons die at the worst moments; answers are cut off; the database
# restarts. With MEETLINK_LONG_TESTS: 200 connections for 60 s, and 100 kills (eleven minutes on two cores).
use strict;
use warnings;

use Meetlink::Application;
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;
use Time::HiRes qw(time);

my $long    = $ENV{MEETLINK_LONG_TESTS};
my $table   = 'tutor_video_provider_connections';
my $config  = { zoom => { max_per_connection => 2, max_per_second => 10000 }, sidecar => { lease => '"3s"', http_timeout => '"1s"' } };
my $world   = Meetlink::World->new(no_daemon => 1, config => $config);
my $standin = $world->standin;
$standin->admin(PATCH => 'settings', { record_capacity => 500_000 });    # not one token request may be forgotten

sub connect_tutor
{
	my ($name) = @_;
	return $world->tutor(name => $name, account_options => { rotation_grace_s => 0 });
}

sub all_linked
{
	wait_until('every session has its link or a reason that waits for the tutor',
		sub { $world->sql("select count(*) from meetlink.job where state <> 'blocked'") eq '0' }, 120);
	return;
}

sub lost { return $world->sql("select count(*) from $table where not is_active or connection_status <> 'connected'") }

# --- two daemons and the application -----------------------------------------------------------------------

my $connections = $long ? 200 : 40;
my @tutors      = map { connect_tutor("race$_") } 1 .. $connections;
$standin->fault(provider => 'zoom', operation => 'token', effect => 'delay', delay_ms => 100, times => 'forever');    # time to collide in
my @daemons     = map { $world->add_daemon(name => $_, config => $config)->start } qw(left right);
my $application = Meetlink::Application->start(world => $world, tutors => \@tutors, pause => 0.02, workers => $long ? 3 : 1);

my ($booked, $end) = (0, time() + ($long ? 60 : 10));
while (time() < $end)
{
	$world->sql("update $table set token_expires_at = now() - interval '1 hour'");
	$tutors[ rand @tutors ]->book, ++$booked for 1 .. 10;
}
ok($application->stop, 'the application refreshed all the time and met nothing strange');
all_linked();
is($world->sql('select count(*) from sessions where join_url is null'), '0', "$booked sessions of $connections connections have their links");
is(lost(), '0', 'while every token kept expiring no connection was lost');
my (%redeemed, %sent, %collision);
for my $request (@{ $standin->requests(operation => 'token')->{requests} })
{
	my $token = $request->{refresh_token_hash} or next;
	my $who = $request->{tls} ? 'daemons' : 'application';
	$redeemed{$token}++ if $request->{status} == 200;
	$sent{$token}++     if $request->{tls};
	$collision{$who}++  if $request->{status} == 400;    # somebody else had just used it
}
$collision{$_} //= 0 for qw(daemons application);
cmp_ok($collision{daemons} + $collision{application}, '>', 0,
	"the contention was real: $collision{application} times a daemon had been faster than the application, $collision{daemons} times the other way round");
cmp_ok(scalar keys %redeemed, '>=', 20, scalar(keys %redeemed) . ' refresh tokens were redeemed');
is((scalar grep { $_ > 1 } values %redeemed), 0, 'none of them twice');
is((scalar grep { $_ > 1 } values %sent), 0, 'and the daemons sent none of ' . keys(%sent) . ' twice, not even in vain');
$daemons[1]->stop;
$standin->clear_faults;

# --- the answer is cut off after the provider acted ----------------------------------------------------------

my $cut = connect_tutor('cut');
$cut->expire_access;
$standin->fault(provider => 'zoom', operation => 'token', account => $cut->{account}, effect => 'cut_after');
my $session = $cut->book;
my $job = $world->wait_for_job($session, 'blocked', 'grant_response_lost');
pass('an answer that was lost after the token had rotated blocks with a reason that says so');
is($world->sql("select reason || ' ' || acts from meetlink.connection_health where owner = '" . $cut->id . "'"), 'grant_response_lost tutor', 'and so does connection_health');
$cut->reconnect;
ok($world->link_of($session), 'a reconnect is all that is needed');
my $kept = connect_tutor('kept');
$kept->expire_access;
$standin->fault(provider => 'zoom', operation => 'token', account => $kept->{account}, effect => 'cut_before');
ok($world->link_of($kept->book), 'an answer that was lost before it had is repeated');

# --- kill -9 between answer and commit, and between commit and use ------------------------------------------

my ($daemon, $rounds) = ($daemons[0], $long ? 100 : 10);
my ($survived, $said) = (0, 0);
for my $round (1 .. $rounds)
{
	my $tutor = connect_tutor("kill$round");
	$tutor->expire_access;
	my $between = $round % 2;
	my $locker;
	my $rule;
	if ($between)    # the row is locked: the answer is there, the commit cannot be
	{
		$locker = $world->node->background_psql('app');
		$locker->query_safe("begin; select 1 from $table where tutor_id = '" . $tutor->id . "' for update");
	}
	else             # committed, and the create that uses it hangs
	{
		$rule = $standin->fault(provider => 'zoom', operation => 'create', account => $tutor->{account}, effect => 'hang');
	}
	my $id = $tutor->book;
	wait_until('the moment has come', sub {
		$between ? $world->sql("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%store_tokens%'") > 0
		  : $world->sql("select token_expires_at > now() from $table where tutor_id = '" . $tutor->id . "'") eq 't';
	});
	$daemon->process->signal('KILL');
	$daemon->process->wait_for_end;
	if ($between) { $world->sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%store_tokens%' and pid <> pg_backend_pid()"); $locker->query_safe('rollback'); $locker->quit }
	else          { $standin->clear_faults }
	$daemon->start;
	my $state = wait_until("round $round is over", sub {
		$world->sql("select coalesce(j.state || ' ' || j.reason, 'linked') from sessions s left join meetlink.job j on j.session_id = s.id::text
			where s.id = '$id' and (s.join_url is not null or j.state = 'blocked')");
	}, 90);
	$between ? ($said += $state eq 'blocked grant_response_lost') : ($survived += $state eq 'linked');
	diag "round $round: $state" if $state ne ($between ? 'blocked grant_response_lost' : 'linked');
	is(scalar @{ $standin->meetings($id) }, 1, "round $round: one meeting") if $state eq 'linked' && $round == $rounds;
}
is($survived, int($rounds / 2), "$survived kills between commit and use: no connection is lost");
is($said, $rounds - int($rounds / 2), "$said kills between answer and commit: the rotated token died with the daemon, and the reason says that the answer was lost");

# --- the database restarts --------------------------------------------------------------------------------

# The answers are held at the provider, which has rotated the tokens; the server crashes; the answers arrive while there
# is no server. So each new token exists in the daemon's memory only, until it can be stored.
$daemon->stop;
my $patient = $world->add_daemon(name => 'patient', config => { zoom => $config->{zoom} })->start;
# Until the provider has accepted the client secret once, one refresh asks for all: here it has.
my $first = connect_tutor('first');
$first->expire_access;
$world->link_of($first->book);
my @many = map { connect_tutor("restart$_") } 1 .. 10;
$_->expire_access for @many;
my $hold = $standin->fault(provider => 'zoom', operation => 'token', effect => 'hold_after', times => 'forever');
my @booked = map { $_->book } @many;
my $held = wait_until('refreshes are held', sub { my $n = $standin->admin(GET => "faults/$hold")->{held}; $n == 10 ? $n : 0 });
my $journal = sub { scalar grep { $_->{status} && $_->{status} == 200 && $_->{outcome} eq 'answered' } map { @{ $standin->requests(operation => 'token', account => $_->{account})->{requests} } } @many };
$world->node->stop('immediate');
$standin->clear_faults;
wait_until('every answer has arrived', sub { $journal->() == $held });
$world->node->start;
$world->link_of($_, 90) for @booked;
pass("$held refreshed tokens that arrived while the server was down are stored when it is back: all @{[scalar @booked]} sessions have their links");
is($world->sql("select count(*) from $table where not is_active and tutor_id in ('" . join("','", map { $_->id } @many) . "')"), '0', 'no connection is marked');
my %times;
$times{ $_->{refresh_token_hash} }++ for map { @{ $standin->requests(operation => 'token', account => $_->{account})->{requests} } } @many;
is((scalar grep { $_ > 1 } values %times), 0, 'and no refresh token was sent twice');
is($patient->stop, 0, 'the daemon ends in order');
done_testing();
