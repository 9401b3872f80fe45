# Ahead of need: the daemon refreshes tokens of owners with a session soon before they expire, and idle connections before
# their refresh tokens die, without a job that asks for it.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world = Meetlink::World->new;
my $table = 'tutor_video_provider_connections';

# Refreshes by jobs are of no interest here: every session has its link, or is blocked for something else.
sub settled
{
	my ($name, $ahead, $provider) = @_;
	my $tutor = $world->tutor(name => $name, provider => $provider // 'zoom');
	$world->link_of($tutor->book($ahead)) if defined $ahead;
	return $tutor;
}

sub calls { my ($tutor) = @_; return scalar @{ $world->standin->requests(operation => 'token', account => $tutor->{account})->{requests} } }
sub expires { my ($tutor, $when) = @_; $world->sql("update $table set token_expires_at = now() + interval '$when' where tutor_id = '" . $tutor->id . "'"); return }
sub lasts   { my ($tutor) = @_; return $world->sql("select token_expires_at > now() + interval '30 minutes' from $table where tutor_id = '" . $tutor->id . "'") eq 't' }

my $linked = settled('Linked', '50 minutes');
my $google = settled('Google', '50 minutes', 'google_meet');
my $later  = settled('Later', '5 hours');
my $nobody = settled('Nobody');
my $fresh  = settled('Fresh', '40 minutes');
my $stuck  = settled('Stuck');
$world->standin->fault(provider => 'zoom', operation => 'create', account => $stuck->{account}, effect => 'foreign_link');
$world->wait_for_job($stuck->book('50 minutes'), 'blocked', 'link_rejected');

# Of an idle one the refresh token was last used an hour before its access token ended.
my $idle = settled('Idle');
my $busy = settled('Busy');
expires($busy, '-47 days');
expires($_, '8 minutes') for $later, $nobody;
expires($_, '8 minutes') for $linked, $google, $stuck;
expires($idle, '-61 days');
my $narrow = $world->tutor(name => 'Narrow', account_options => { scope => 'user:read:user meeting:read:meeting' });
expires($narrow, '-61 days');

wait_until('they are refreshed', sub { lasts($linked) && lasts($google) && lasts($stuck) && lasts($idle) }, 120);
is(calls($linked), 1, 'an owner with a session in 50 minutes: refreshed once, eight minutes before the token would have expired');
is(calls($google), 1, 'at Google too');
is(calls($stuck),  1, 'and whether or not the session has its link');
is(calls($idle),   1, 'a refresh token that nobody used for 61 days is used, so that it does not die');
is(calls($busy),   0, 'after 47 days it is too early: each connection has a time of its own between 48 and 60 days');
is(calls($_),      0, "not for $_->{name}") for $later, $nobody;
is(calls($fresh),  0, 'nor one whose token is fresh');
is(scalar @{ $world->standin->requests(operation => 'create', account => $linked->{account})->{requests} }, 1, 'no meeting was asked for by that');

wait_until('the connection that lacks a scope is refreshed', sub { lasts($narrow) }, 120);
is($world->sql("select reason || ' ' || acts from meetlink.connection_health where owner = '" . $narrow->id . "'"), 'app_scope_missing operator', 'what the scopes in the answer foresee is told before any session is booked');
is($world->sql('select count(*) from meetlink.connection_health where reason is not null and owner not in (' . join(', ', map { "'" . $_->id . "'" } $narrow, $stuck) . ')'), '0', 'and only there');
$world->wait_for_job($narrow->book, 'blocked', 'app_scope_missing');
pass('the provider says the same when it is asked');

# a token that is refreshed ahead is the one that is used
$world->standin->fault(provider => 'zoom', operation => 'token', effect => 'zoom.token.503', times => 'forever');
ok($world->link_of($linked->book), 'with the token endpoint down, the next session gets its link with the token that was refreshed ahead');
is($world->daemon->stop, 0, 'the daemon ends in order');
done_testing();
