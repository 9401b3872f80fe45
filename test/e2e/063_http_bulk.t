# POST /api/sessions/create-missing-meetings asks for every session, however many, and answers when all are settled, when
# ten seconds are over, or at once when there is no daemon to wait for; with the counts so far each time.
use strict;
use warnings;

use Meetlink::Http qw(address call);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;
use Time::HiRes qw(time);

my $world = Meetlink::World->new(no_daemon => 1);
$world->sql('create role meetlink_web login in role meetlink_gateway');
my ($daemon, $standin) = ($world->daemon, $world->standin);
$daemon->configure(http => { listen => '"127.0.0.1:0"', conninfo => q(") . $world->node->connstr('app') . q( user=meetlink_web") });
my $url;

# The answer, and how long it took.
sub ask
{
	my $began = time;
	my $got   = call($url, method => 'POST');
	return ($got, time - $began);
}

sub counts { my ($got) = @_; return join ' ', $got->{status}, @{ $got->{json} }{qw(total success failed)} }

# --- more sessions than one statement asks for, none of which can have a link

my $lonely = $world->tutor(name => 'Lonely', provider => 'google_meet');
$lonely->book_many(1005);
$world->sql("delete from tutor_video_provider_connections where tutor_id = '" . $lonely->id . "'");
$daemon->start;
$url = 'http://' . address($daemon) . '/api/sessions/create-missing-meetings';
wait_until('none of 1,005 sessions has a connection', sub { $world->sql("select count(*) from meetlink.job where state = 'blocked' and reason = 'no_connection'") eq '1005' });
my ($got, $took) = ask();
is(counts($got), '200 1005 0 1005', '1,005 sessions, more than are asked about at a time: each has its outcome');
is($world->sql('select count(*), min(n), max(n) from (select count(*) n from meetlink.attempt group by session_id) x'), '1005|2|2', 'by one more attempt each');
is(scalar @{ $got->{json}{errors} }, 1000, 'a thousand errors are told one by one');
my %told = map { $_->{session_id} => $_->{error} } @{ $got->{json}{errors} };
is(scalar keys %told, 1000, 'of as many sessions');
is_deeply([ keys %{ { reverse %told } } ], ['the owner has no connection for google_meet'], 'and why');
my $kept = $world->sql('select min(id::text) from sessions');
$world->sql("delete from sessions where id <> '$kept'");

# --- ten seconds are over

my $tutor   = $world->tutor(name => 'Ann');
my $hold    = $standin->fault(effect => 'hold', operation => 'create');
my $session = $tutor->book;
$standin->wait_for_held($hold);
($got, $took) = ask();
is(counts($got), '202 2 0 1', 'a session whose answer the provider keeps back: 202, with the counts so far');
is($got->{json}{message}, '0 of 2 meeting links created so far, the others are being made', 'and what is going on');
cmp_ok($took, '>=', 9.5, 'after the ten seconds that are promised');
cmp_ok($took, '<', 20, 'and not much later');
$standin->release($hold);
ok($world->link_of($session), 'the attempt goes on');

# --- nobody is there to carry it out: every sign of life is a minute old

$world->sql(q{
	create function silence() returns trigger language plpgsql as $$ begin new.heartbeat_at := now() - interval '1 minute'; return new; end $$;
	create trigger silence before update on meetlink.daemon for each row execute function silence();
	update meetlink.daemon set heartbeat_at = now()});
($got, $took) = ask();
is(counts($got), '202 1 0 0', 'without a daemon: 202');
is($got->{json}{message}, 'The sessions are queued, but no meetlink daemon is running to work on them', 'and why');
cmp_ok($took, '<', 5, 'at once');
$world->sql('drop trigger silence on meetlink.daemon; drop function silence()');
$world->wait_for_job($kept, 'blocked', 'no_connection');
is($world->job($kept)->{attempts}, 4, 'what was queued is tried when there is one again');

is($daemon->stop, 0, 'SIGTERM ends it');
unlike($daemon->log_text, qr/internal_defect/, 'no defect');
done_testing();
