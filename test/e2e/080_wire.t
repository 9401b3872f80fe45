# The wire between the daemon and PostgreSQL: notifications that never arrive, a connection that is
# dead without being closed, one that breaks; and that no transaction is open while a provider is asked.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::Wire;
use Meetlink::World;
use Test::More;

my $world  = Meetlink::World->new(no_daemon => 1);
my $wire   = Meetlink::Wire->new(node => $world->node);
my $daemon = $world->add_daemon(
	conninfo => $wire->address . ' dbname=app user=meetlinkd',
	config   => { sidecar => { poll_interval => '"500ms"' } })->start;
my $events = sub { my $event = shift; return scalar grep { $_->{event} eq $event } @{ $daemon->log } };
my %tutor  = map { ($_ => $world->tutor(name => "Ann-$_", provider => $_)) } qw(google_meet zoom);
my $tutor  = $tutor{zoom};
ok($world->link_of($tutor->book), 'a link over the wire');

# --- rule 1: no network call while a transaction is open
for my $provider (sort keys %tutor)
{
	my $kind = $provider eq 'zoom' ? 'zoom' : 'google';
	for my $operation (qw(token create))
	{
		$tutor{$provider}->forget_access;
		my $hold = $world->standin->fault(effect => 'hold', provider => $kind, operation => $operation);
		my $session = $tutor{$provider}->book;
		$world->standin->wait_for_held($hold);
		# One that was open when the provider was asked would stay open as long as the answer is held.
		my $held_at = $world->sql('select clock_timestamp()');
		wait_until('the daemon has kept house twice', sub {
			$world->sql("select heartbeat_at > timestamptz '$held_at' + interval '600 ms' from meetlink.daemon") eq 't';
		});
		is($world->sql(qq{select count(*) filter (where xact_start <= '$held_at') || ' of ' || count(*)
				from pg_stat_activity where usename = 'meetlinkd'}),
			'0 of 4', "$kind: no transaction is open while the provider holds its $operation answer");
		$world->standin->release($hold);
		ok($world->link_of($session), 'and the link comes when it lets go');
	}
}

# --- rule 3: NOTIFY is only a hint
$wire->become('deaf');
my $replaced = $events->('listen_replaced');
for (1 .. 3)
{
	my $before = $wire->swallowed;
	my $session = $tutor->book;
	ok($world->link_of($session), 'with every notification lost, the link comes by the poll');
	cmp_ok($wire->swallowed, '>', $before, 'and notifications were indeed lost');
	is($world->sql("select meeting_created_at - created_at < interval '5 s' from sessions where id = '$session'"), 't', 'soon, not by a sweep of minutes');
}
wait_until('the listener replaces its connection', sub { $events->('listen_replaced') > $replaced });
pass('the self-probe notices that nothing arrives, and the connection is replaced');
$wire->become('pass');
wait_until('a probe arrives again', sub {
	my $now = $wire->swallowed;
	$world->sql("notify meetlink");
	return $now == $wire->swallowed && $world->link_of($tutor->book);
});

# --- the wire breaks
$wire->become('cut');
my $session = $tutor->book;
wait_until('the daemon notices', sub { $events->('database_connection_lost') && $events->('database_connect_failed') });
$wire->become('pass');
ok($world->link_of($session), 'cut and mended: the daemon is back by itself');
cmp_ok($events->('database_reconnected'), '>', 0, 'and says so');

# --- half open: nothing moves, nothing is closed
my $lost = $events->('database_connection_lost');
$wire->become('frozen');
$session = $tutor->book;
wait_until('the daemon gives the dead connection up', sub { $events->('database_connection_lost') > $lost }, 90);
$wire->become('pass');
ok($world->link_of($session), 'a connection that is dead without being closed is noticed and replaced');
is(scalar @{ $world->standin->meetings($session) }, 1, 'and there is one meeting');

is($daemon->stop, 0, 'the daemon ends in order');
is($world->sql("select count(*) from meetlink.job"), 0, 'nothing is left undone');
done_testing();
