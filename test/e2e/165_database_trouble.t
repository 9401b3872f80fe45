# PostgreSQL refuses: no connection left, disk full, read-only. The daemon backs off without spinning, says so, and
# goes on by itself; and a daemon that is told to stop under load leaves no claim behind.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $world = Meetlink::World->new(
	no_daemon => 1,
	postgres => "max_connections = 12\nlog_connections = on\nlog_statement = all\n",
	config => { sidecar => { http_timeout => '"2s"', lease => '"4s"', poll_interval => '"500ms"' }, google => { max_per_connection => 20, max_per_second => 1000 } });
my ($standin, $node, $daemon) = ($world->standin, $world->node, $world->daemon);
my $tutor = $world->tutor(name => 'Ann', provider => 'google_meet');
$daemon->start;
ok($world->link_of($tutor->book), 'at first all is well');

sub events { my ($event) = @_; return scalar grep { $_->{event} eq $event } @{ $daemon->log } }

# Until the daemon has said $times that it cannot go on, what it asked the server stays below a few a second.
sub no_spin
{
	my ($what, $event, $pattern, $times) = (@_, 4);
	my ($offset, $began, $seen) = (-s $node->logfile, time, events($event));
	wait_until("$what: the daemon has said so $times times", sub { events($event) >= $seen + $times });
	my $asked = () = slurp_file($node->logfile, $offset) =~ /$pattern/g;
	my $rate  = $asked / (time - $began);
	cmp_ok($rate, '<', 15, sprintf '%s: %d times in %.1f s, no spin', $what, $asked, time - $began);
	return;
}
my $claims = qr/select meetlink\.|from meetlink\.claim\(|execute claim/;

# --- disk full while claiming, and while settling: an index entry cannot be written
my $full = q{create function no_space(anything text) returns text immutable language plpgsql as
	$$ begin raise sqlstate '53100' using message = 'could not extend file: No space left on device'; end $$;
	do $$ begin
		execute format('create index on meetlink.job (no_space(session_id)) where claim_id > %s', (select last_value from meetlink.claim_id));
		execute format('create index on meetlink.attempt (no_space(session_id)) where id > %s', (select coalesce(max(id), 0) from meetlink.attempt));
	end $$};
$world->sql($full);
my $session = $tutor->book;
no_spin('disk full at claiming', 'claim_failed', $claims);
$world->sql('drop function no_space cascade');
ok($world->link_of($session), 'there is room again: the link comes');

my $hold = $standin->fault(effect => 'hold_after', operation => 'create');
$session = $tutor->book;
$standin->wait_for_held($hold);
$world->sql($full);
$standin->release($hold);
no_spin('disk full at settling', 'settle_failed', qr/meetlink\.settle/);
$world->sql('drop function no_space cascade');
ok($world->link_of($session), 'there is room again: the link comes');
is(scalar @{ $standin->meetings($session) }, 1, 'of the one meeting that had been made');

# --- read-only
$world->sql('alter system set default_transaction_read_only = on');
$node->reload;
wait_until('the server is read-only', sub { $world->sql('show default_transaction_read_only') eq 'on' });
$session = do { local $ENV{PGOPTIONS} = '-c default_transaction_read_only=off'; $tutor->book };
no_spin('read-only', 'claim_failed', $claims);
{ local $ENV{PGOPTIONS} = '-c default_transaction_read_only=off'; $world->sql('alter system reset default_transaction_read_only') }
$node->reload;
ok($world->link_of($session), 'writable again: the link comes');

# --- no connection left
$world->sql('create role crowd login');
# The daemon connects faster than the crowd, so it is paused until there is no room.
$daemon->process->signal('STOP');
$world->sql(q{select pg_terminate_backend(pid) from pg_stat_activity where usename = 'meetlinkd'});
my @crowd;
wait_until('the application has every connection',
	sub {
		my $one = eval { $node->background_psql('app', extra_params => [ '-U', 'crowd' ]) } or return 1;
		push @crowd, $one;
		return 0;
	});
is($world->sql(q{select count(*) from pg_stat_activity where usename = 'meetlinkd'}), 0, 'the application has every connection');
$daemon->process->signal('CONT');
$session = $tutor->book;
no_spin('no connection left', 'database_connect_failed', qr/connection received/);
$_->quit for @crowd;
ok($world->link_of($session), 'there are connections again: the link comes');

# --- one connection is all that is left to it: the one that claims
sub its_connections { return $world->sql(q{select count(*) from pg_stat_activity where usename = 'meetlinkd'}) }
wait_until('all four are there', sub { its_connections() == 4 });
ok($world->link_of($tutor->book), 'with all four the link comes');    # and that one has not kept house since
$world->sql('alter role meetlinkd connection limit 1');
$world->sql(q{select pg_terminate_backend(pid) from pg_stat_activity where usename = 'meetlinkd' and query !~ 'meetlink.claim\('});
wait_until('the others are gone', sub { its_connections() == 1 });
ok($world->link_of($tutor->book), 'with one connection, which hears no notification, the link comes by the poll');
$tutor->expire_access;
ok($world->link_of($tutor->book), 'also when its token must be refreshed first');
for my $time ('once', 'twice', 'three times')
{
	$node->restart;
	ok($world->link_of($tutor->book), "the server restarted $time: it is again the one that claims");
}
for my $limit (2, 3)
{
	is($daemon->stop, 0, "a daemon stops");
	$world->sql("alter role meetlinkd connection limit $limit");
	$session = $tutor->book;
	$world->sql('delete from meetlink.job');
	$daemon->start;
	ok($world->link_of($session), "one that may have $limit connections sweeps: a session without a job gets its link");
}
$world->sql('alter role meetlinkd connection limit -1');
wait_until('all four are back', sub { its_connections() == 4 });

# --- SIGTERM under load
$standin->fault(effect => 'delay', delay_ms => 300, operation => 'create', times => 'forever');
$tutor->book_many(300);
wait_until('it works on many', sub { $world->sql(q{select count(*) from meetlink.job where state = 'claimed'}) > 10 });
my $began = time;
is($daemon->stop, 0, 'told to stop under load, it ends well');
cmp_ok(time - $began, '<', 4, sprintf 'in %.1f s', time - $began);
is($world->sql(q{select count(*) from meetlink.job where state = 'claimed'}), 0, 'no claim is left behind');
cmp_ok($world->sql(q{select count(*) from meetlink.job}), '>', 0, 'though there was work left');
$standin->clear_faults;
$daemon->start;
wait_until('all are linked', sub { $world->sql('select count(*) from sessions where join_url is null') == 0 });
is(scalar(grep { !$_->{deleted} } @{ $standin->admin(GET => 'meetings')->{meetings} }), $world->sql('select count(*) from sessions'), 'the next one finishes it, with one meeting each');
$daemon->stop;
done_testing();
