# The pages' API: each caller sees the sessions that row-level security shows him, and no more of each than concerns
# him; what is missing and what is not his answer the same.
use strict;
use warnings;

use JSON::PP qw(decode_json);
use Meetlink::Http qw(address call hs256);
use Meetlink::World;
use Test::More;

my $world  = Meetlink::World->new(no_daemon => 1);
my $secret = 'a secret of at least thirty-two bytes';
my $origin = 'https://app.example.org';
$world->sql('create role meetlink_web login in role meetlink_gateway');
my $daemon = $world->daemon;
$daemon->configure(http => {
	listen => '"127.0.0.1:0"', conninfo => q(") . $world->node->connstr('app') . q( user=meetlink_web"),
	jwt_secret => qq("$secret"), embed_origins => qq(["$origin"]) })->start;
my $api = 'http://' . address($daemon);

sub token { my ($user, $role) = @_; return hs256($secret, sprintf '{"role":"%s","sub":"%s"}', $role // 'authenticated', $user) }
sub get { my ($path, $token, %options) = @_; return call("$api/api/$path", token => $token, %options) }
sub ids { return join ' ', map { $_->{session_id} } @{ $_[0]{json}{sessions} // [] } }

my $ann = $world->tutor(name => 'Ann');
my $bob = $world->tutor(name => 'Bob', provider => 'google_meet');
my ($first, $second) = map { $ann->book($_) } '1 day', '2 days';
my $bobs = $bob->book('3 hours');
my $link = $world->link_of($first);
$world->link_of($_) for $second, $bobs;
$ann->revoke;
$ann->expire_access;
my $stuck = $ann->book('3 days');
$world->wait_for_job($stuck, 'blocked', 'grant_revoked');
$world->sql("insert into profiles (id, role) values ('00000000-0000-4000-8000-0000000000ff', 'admin')");
my %token = (
	tutor    => token($ann->id),
	student  => token($ann->{student}),
	stranger => token('00000000-0000-4000-8000-0000000000ff'),
	operator => token('00000000-0000-4000-8000-0000000000ff', 'meetlink_operator'));

# --- who ------------------------------------------------------------------------------------------

is_deeply(get('me', $token{tutor})->{json}, { subject => $ann->id, role => 'authenticated', operator => JSON::PP::false }, 'me: a tutor');
is(get('me', $token{operator})->{json}{operator}, JSON::PP::true, 'me: an operator');
for my $path ('me', 'sessions', "sessions/$first", 'console/overview')
{
	is(get($path)->{status}, 401, "$path without a token: 401");
	is(get($path, hs256('x' x 40, '{"role":"meetlink_operator"}'))->{status}, 401, "$path with another key's: 401");
	is(get($path, hs256($secret, '{"role":"authenticated"}'))->{status}, 403, "$path without sub: 403");
	is(get($path, hs256($secret, '{"role":"service_role","sub":"x"}'))->{status}, 403, "$path in a role that is not served: 403");
}
is(get('sessions', token('me'))->{status}, 403, 'claims that the application\'s policies cannot read: 403');

# --- lists ----------------------------------------------------------------------------------------

is(ids(get('sessions', $token{tutor})), "$first $second $stuck", 'a tutor sees his own, the nearest first');
is(ids(get('sessions', $token{student})), "$first $second $stuck", 'a student those that he attends');
is(ids(get('sessions', $token{stranger})), '', 'a stranger none');
is(ids(get('sessions', $token{operator})), "$bobs $first $second $stuck", 'an operator all');
is(get('sessions', $token{tutor})->{json}{next}, undef, 'and that is the end');
my @pages;
my $next;
do
{
	my $page = get('sessions?limit=2' . (defined $next ? '&after=' . $next =~ s/ /%20/gr : ''), $token{operator});
	push @pages, ids($page);
	$next = $page->{json}{next};
} while (defined $next && @pages < 9);
is_deeply(\@pages, [ "$bobs $first", "$second $stuck" ], 'page by page the same');
for my $bad ('limit=0', 'limit=201', 'limit=x', 'limit=1&limit=2', 'after=x', 'after=0%201%202', 'after=2%201%201%20' . $first, 'after=0%201%201%20x',
	"after=0%201%201'%20$first", 'after=0%20' . '9' x 30 . '%201%20' . $first, 'after=%', 'after=%00', 'after=%ff', 'colour=red')
{
	my $got = get("sessions?$bad", $token{tutor});
	is($got->{status}, 400, "$bad: 400") or diag $got->{body};
}

# --- one ------------------------------------------------------------------------------------------

my $owner = get("sessions/$stuck", $token{tutor})->{json};
is($owner->{state}, 'failed', 'a session that cannot get its link has failed');
is($owner->{role}, 'owner', 'says its owner\'s page');
is($owner->{$_->[0]}, $_->[1], "$_->[0]") for [ reason => 'grant_revoked' ], [ action => 'disconnect_reconnect' ], [ acts => 'tutor' ],
  [ error => 'Video provider authentication expired' ], [ details => 'Please reconnect your video provider in Settings' ], [ join_url => undef ];
cmp_ok($owner->{attempts}, '>=', 1, 'attempts');
is($owner->{history}[0]{event}, 'verdict', 'its story begins with the verdict');
like($owner->{history}[0]{at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'each event with its time in UTC');
is($owner->{connection}{status}, 'needs_reauth', 'and the connection that must be made anew');
is_deeply([ @{ $owner->{connection} }{qw(owner provider reason acts)} ], [ $ann->id, 'zoom', 'grant_revoked', 'tutor' ], 'whose, where, why, who acts');

my $student = get("sessions/$stuck", $token{student})->{json};
is($student->{role}, 'participant', 'its student takes part');
is($student->{message}, 'The meeting link is not ready yet', 'and is told no more than that');
is($student->{$_}, undef, "not: $_") for qw(error details reason problem action acts advice attempts connection);
is_deeply($student->{history}, [], 'not: its story');
unlike(get("sessions/$stuck", $token{student})->{body}, qr/revoked|reconnect|zoom\.us|invalid_grant/i, 'nowhere');

my $ready = get("sessions/$first", $token{student})->{json};
is_deeply([ @{$ready}{qw(state join_url provider)} ], [ 'ready', $link, 'zoom' ], 'a link is for everybody who takes part');
is(get("sessions/$stuck", $token{operator})->{json}{role}, 'operator', 'an operator sees everything');
ok(@{ get("sessions/$stuck", $token{operator})->{json}{history} } > 1, 'with its story');

my $missing = get('sessions/00000000-0000-4000-8000-000000000000', $token{stranger});
is($missing->{status}, 404, 'no such session: 404');
for my $case ([ 'somebody else\'s', "sessions/$stuck", 'stranger' ], [ 'another tutor\'s', "sessions/$bobs", 'tutor' ], [ 'no key', 'sessions/abc', 'tutor' ],
	[ 'SQL', "sessions/'%3bdrop%20table%20sessions", 'tutor' ], [ 'broken UTF-8', 'sessions/%ff', 'operator' ], [ 'a NUL', "sessions/$stuck%00", 'tutor' ])
{
	my ($name, $path, $who) = @$case;
	my $got = get($path, $token{$who});
	is_deeply([ $got->{status}, $got->{body} ], [ 404, $missing->{body} ], "$name: the same answer");
}
is(get(uc("$first") =~ s/^/sessions\//r, $token{tutor})->{status}, 200, 'an id may be in capitals');
is(get('sessions', $token{tutor}, method => 'DELETE')->{status}, 405, 'DELETE: 405');

# --- pages of other origins -------------------------------------------------------------------------

my $answer = get('sessions', $token{tutor}, headers => ["Origin: $origin"]);
is($answer->{headers}{'access-control-allow-origin'}, $origin, 'a listed origin may read the answer');
is($answer->{headers}{vary}, 'Origin', 'which caches must know');
ok(!exists $answer->{headers}{'access-control-allow-credentials'}, 'never with credentials');
my @preflight = ('Access-Control-Request-Method: GET', 'Access-Control-Request-Headers: authorization');
my $preflight = get('sessions', undef, method => 'OPTIONS', headers => [ "Origin: $origin", @preflight ]);
is($preflight->{status}, 204, 'preflight: 204');
like($preflight->{headers}{'access-control-allow-headers'}, qr/Authorization/, 'preflight: Authorization may be sent');
for my $other ('https://evil.example.org', 'null', "$origin.evil.org", 'http://app.example.org')
{
	ok(!exists get('sessions', $token{tutor}, headers => ["Origin: $other"])->{headers}{'access-control-allow-origin'}, "$other may not");
	is(get('sessions', undef, method => 'OPTIONS', headers => [ "Origin: $other", @preflight ])->{status}, 405, "$other: no preflight");
}

is($daemon->stop, 0, 'SIGTERM ends it');
unlike($daemon->log_text, qr/internal_defect/, 'no defect');
done_testing();
