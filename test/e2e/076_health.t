# meetlink.health() beside a real daemon: what it says of the daemon, its listener, the claims it holds and its breakers
# is what is so, and changes when that changes.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use PostgreSQL::Test::Utils;
use Test::More;

my $world = Meetlink::World->new(config => { sidecar => { poll_interval => '"200ms"' }, zoom => { max_per_second => '1000' } });
my ($standin, $daemon) = ($world->standin, $world->daemon);

# 'status detail' of a check, '' when there is none.
sub says
{
	my ($check) = @_;
	return $world->sql("select status || ' ' || detail from meetlink.health() where check_name = '$check'");
}

wait_until('the listener has heard itself', sub { says('listener: daemon') =~ /^ok its last notification to itself came back \d s ago$/ });
pass('a daemon that works hears its own notifications');
is($world->sql(q{select string_agg(check_name || ' ' || detail, ', ') from meetlink.health() where status <> 'ok'}), '', 'with a daemon at work everything is ok');
like(says('daemons'), qr/^ok 1 alive$/, 'it is alive');
like(says('daemon: daemon'), qr/^ok version [\d.]+, running since .* UTC, 0 in flight; holds 0 claims$/, 'and holds nothing');

my @tutors = map { $world->tutor(name => "Tutor$_") } 1 .. 10;
my $hold = $standin->fault(effect => 'hold', operation => 'create', times => 'forever');
my @sessions = map { $_->book } @tutors[ 0 .. 2 ];
wait_until('it tells of three claims', sub { says('daemon: daemon') =~ /^ok .* 3 in flight; holds 3 claims$/ });
pass('what it holds is told');
$standin->clear_faults;
$world->link_of($_) for @sessions;

$standin->fault(effect => 'zoom.500', operation => 'create', times => 'forever');
@sessions = map { $_->book } @tutors;
wait_until('the breaker is told', sub { says('breaker: zoom') =~ /^warning open at daemon daemon for \d+ s: The provider answers with an error of its own$/ });
pass('an open breaker is told, and why');
is(says('providers'), '', 'and not that all is well');
$standin->clear_faults;
$world->link_of($_, 120) for @sessions;
wait_until('the breaker is closed', sub { says('providers') =~ /^ok / });
is(says('breaker: zoom'), '', 'a closed one is not told any more');

# --- README's runbook
my ($runbook) = slurp_file("$ENV{MEETLINK_ROOT}/README.md") =~ /^## Runbook.*?\n(.*?)^## /ms;
my @queries = $runbook =~ /`(SELECT [^`]+)`/g;
cmp_ok(scalar @queries, '>=', 10, 'the runbook has its queries');
for my $query (@queries)
{
	my $as_it_is = $query =~ s/<id>/$sessions[0]/r =~ s/'\.\.\.'/'grant_revoked'/r;
	my ($status, undef, $error) = $world->node->psql('app', "begin; $as_it_is; rollback");
	is($error, '', $query);
}

is($daemon->stop, 0, 'the daemon ends');
like(says('daemons'), qr/^error no daemon is running/, 'which is told at once');
is($world->sql(q{select string_agg(check_name, ', ') from meetlink.health() where check_name ~ '^(daemon|listener|breaker): '}), '', 'and nothing of what it was');
my $session = $tutors[0]->book;
$world->sql("select retry_meeting_link('$session', '10 minutes')");
pass('a retry does not wait for it');
is($world->sql("select count(*) from meetlink.stuck_sessions"), 1, 'what is booked meanwhile is stuck, and shown');
is($world->sql("select description from meetlink.explain('$session') limit 1"), 'It is due, but no daemon is running. The operator must start meetlinkd.', 'and says why');
done_testing();
