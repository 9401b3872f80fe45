# Tables whose keys are numbers, from attach to the link, and the retry endpoint over HTTP with such an id.
use strict;
use warnings;

use Meetlink::Http qw(address call hs256);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world  = Meetlink::World->new(no_daemon => 1);
my $tutor  = $world->tutor(name => 'Ann');
my $secret = 'a secret of at least thirty-two bytes';
my ($first, $second) = (9_000_000_001, 9_000_000_002);

$world->sql(q{
	select meetlink.detach();
	create table lesson (id bigint primary key, teacher bigint, provider text, starts timestamptz, ends timestamptz, link text);
	create table account (teacher bigint primary key, provider text, access text, refresh text, until timestamptz);
	insert into account select 7000000000, provider, access_token_encrypted, refresh_token_encrypted, now() - interval '1 hour'
	from tutor_video_provider_connections;
	select meetlink.attach('lesson', 'account', '{
		"session": {"owner": "teacher", "status": null, "starts_at": "starts", "ends_at": "ends", "duration_minutes": null,
					"join_url": "link", "external_id": null, "linked_at": null},
		"connection": {"owner": "teacher", "active": null, "status": null, "account": null, "access_token": "access",
					   "refresh_token": "refresh", "expires_at": "until"}}');
	create role meetlink_web login in role meetlink_gateway});
$world->daemon->configure(
	http => { listen => '"127.0.0.1:0"', conninfo => q(") . $world->node->connstr('app') . q( user=meetlink_web"), jwt_secret => qq("$secret"), jwt_audience => '"meetlink"' },
	sidecar => { poll_interval => '"1s"' })->start;

sub book
{
	my ($id) = @_;
	$world->sql("insert into lesson values ($id, 7000000000, 'zoom', now() + interval '1 day', now() + interval '25 hours')");
	return;
}

book($first);
wait_until('the link is there', sub { $world->sql("select link from lesson where id = $first") ne '' });
my $link = $world->sql("select link from lesson where id = $first");
like($link, qr{^https://[a-z0-9.]*zoom\.us/}, 'a session with a number for a key gets its link');
is($world->sql('select until > now() from account'), 't', 'with a token that was refreshed and stored by such a key');

my $retry    = 'http://' . address($world->daemon) . '/api/sessions/retry-meeting-link';
my $operator = hs256($secret, sprintf '{"role":"meetlink_operator","aud":"meetlink","exp":%d}', time + 3600);
sub ask { my ($id) = @_; return call($retry, body => qq({"sessionId": $id}), token => $operator) }

my $answer = ask(qq("$first"));
is($answer->{status}, 200, 'HTTP: the number of a session that has its link, as a string');
$answer = ask($first);
is($answer->{status}, 200, 'and as a number');
is("$answer->{json}{session_id} $answer->{json}{join_url}", "$first $link", 'and its link');
is(ask(1)->{status}, 404, 'a number that is no session\'s');
is(ask('1.5')->{status}, 400, 'half a number');
is(ask('"10000000-0000-0000-0000-000000000001"')->{status}, 400, 'a uuid is not a number');

$world->standin->fault(effect => 'zoom.3161', operation => 'create', account => $tutor->account);
book($second);
wait_until('the second is blocked', sub { $world->sql("select reason from meetlink.job where session_id = '$second' and state = 'blocked'") eq 'hosting_not_allowed' });
is($world->sql("select reason from meetlink.forecast() where session_id = '$second'"), 'hosting_not_allowed', 'forecast says so');
$answer = ask($second);
is("$answer->{status} $answer->{json}{status}", '200 linked', 'a retry by HTTP makes the link of another, once the trouble is over');

is($world->daemon->stop, 0, 'the daemon ends');
done_testing();
