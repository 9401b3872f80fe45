# Without a key for tokens the HTTP server serves this machine's own callers only, as operators: not what a
# browser was lured to send, nor what came through a proxy.
use strict;
use warnings;

use JSON::PP qw(encode_json);
use Meetlink::Http qw(address call hs256);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world = Meetlink::World->new(no_daemon => 1);
$world->sql('create role meetlink_web login in role meetlink_gateway');
my $daemon = $world->daemon;
$daemon->configure(http => { listen => '"127.0.0.1:0"', conninfo => q(") . $world->node->connstr('app') . q( user=meetlink_web") })->start;
my $address = address($daemon);
my $retry   = "http://$address/api/sessions/retry-meeting-link";
my $tutor   = $world->tutor(name => 'Ann');
my $session = $tutor->book;
$world->link_of($session);
my $body = encode_json({ sessionId => $session });
my ($port) = $address =~ /:(\d+)$/;

is(call($retry, body => $body)->{status}, 200, 'a local caller is an operator');
is(call($retry, body => $body, headers => ["Host: localhost:$port"])->{status}, 200, 'localhost is loopback');
is(call($retry, body => $body, headers => [ "Host: $address", "Origin: http://$address" ])->{status}, 200, 'the same origin');
for my $header (
	'Host: meetlink.example.org', "Host: 127.0.0.1.example.org:$port", 'Host: 10.0.0.1', 'Origin: https://evil.example.org', 'Origin: null',
	"Origin: http://localhost:$port", 'X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Host: localhost', 'Forwarded: for=127.0.0.1', 'Via: 1.1 proxy',
	'Sec-Fetch-Site: cross-site', 'Authorization: Bearer ' . hs256('x' x 32, '{"role":"authenticated"}'))
{
	my $got = call($retry, body => $body, headers => [$header]);
	is($got->{status}, 403, "$header: 403");
	is($got->{json}{status}, 'forbidden', "$header: forbidden");
}
is(call($retry, body => $body, type => 'text/plain')->{status}, 415, 'a form\'s content type: 415');
is(call("http://$address/api/sessions/create-missing-meetings", method => 'POST', headers => ['Origin: https://evil.example.org'])->{status},
	403, 'bulk from another origin: 403');

$world->node->stop('immediate');
wait_until('readyz says that the database is gone', sub { call("http://$address/readyz")->{status} == 503 });
my $got = call($retry, body => $body);
is($got->{status}, 503, 'without a database: 503');
ok($got->{headers}{'retry-after'}, 'and when to come again');
unlike($got->{body}, qr/connection|server|socket|ERROR/, 'and no internals');
is(call("http://$address/healthz")->{status}, 200, 'the process is healthy all the same');
$world->node->start;
wait_until('it is ready again', sub { call("http://$address/readyz")->{status} == 200 });
is(call($retry, body => $body)->{status}, 200, 'and serves');

is($daemon->stop, 0, 'SIGTERM ends it');
unlike($daemon->log_text, qr/internal_defect/, 'no defect');
done_testing();
