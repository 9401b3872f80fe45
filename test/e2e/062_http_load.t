# Callers who wait for outcomes do not exhaust the server: their number is bounded, those beyond it are told
# when to come again, and health is answered meanwhile. A stop does not wait for them.
use strict;
use warnings;

use JSON::PP qw(encode_json);
use Meetlink::Http qw(address call);
use Meetlink::Process;
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use PostgreSQL::Test::Utils;
use Test::More;

my $world = Meetlink::World->new(no_daemon => 1);
$world->sql('create role meetlink_web login in role meetlink_gateway');
my $daemon = $world->daemon;
$daemon->configure(
	http    => { listen => '"127.0.0.1:0"', conninfo => q(") . $world->node->connstr('app') . q( user=meetlink_web") },
	sidecar => { http_timeout => '"20s"', lease => '"30s"' })->start;
my $address = address($daemon);
my $url     = "http://$address/api/sessions/retry-meeting-link";

$world->standin->fault(provider => 'zoom', effect => 'hold', times => 'forever');
my $session = $world->tutor(name => 'Ann')->book;
my $body    = encode_json({ sessionId => $session });
sub crowd
{
	my ($name, $callers) = @_;
	my $folder = "$PostgreSQL::Test::Utils::tmp_check/$name";
	mkdir $folder;
	return Meetlink::Process->start({ output => "$folder.out" }, qw(curl -sS -Z --parallel-immediate --parallel-max 100 --max-time 60 -w %{http_code}\n),
		'-H', 'Content-Type: application/json', '-d', $body, map { ('-o', "$folder/$_", $url) } 1 .. $callers);
}

my $crowd = crowd('crowd', 80);
wait_until('the pool is in use', sub {
	$world->sql("select count(*) from pg_stat_activity where usename = 'meetlink_web' and wait_event = 'Extension'") >= 8;
});
is(call("http://$address/healthz")->{status}, 200, 'healthz answers meanwhile');
is(call("http://$address/readyz")->{status},  200, 'readyz, too');
is($world->sql("select count(*) from pg_stat_activity where usename = 'meetlink_web'"), 8, 'there are 8 connections, however many call');
$crowd->wait_for_end(60);
my %count;
$count{$_}++ for $crowd->output =~ /^(\d{3})$/mg;
is(join(' ', sort keys %count), '202 503', 'some had to wait too long, some could not wait') or diag explain \%count;
cmp_ok($count{202}, '>=', 8, 'who had a connection was told that it is being worked on');
is($count{202} + $count{503}, 80, 'everybody was answered');
is(scalar @{ $world->standin->requests(operation => 'create')->{requests} }, 1, 'all of them together made one attempt');

$crowd = crowd('last', 2);
wait_until('they wait', sub { $world->sql("select count(*) from pg_stat_activity where usename = 'meetlink_web' and state = 'active'") == 2 });
$world->standin->clear_faults;
is($daemon->stop, 0, 'SIGTERM ends it');
$crowd->wait_for_end;
is_deeply([ $crowd->output =~ /^(\d{3})$/mg ], [ 200, 200 ], 'who waited for a link that was under way got it');
done_testing();
