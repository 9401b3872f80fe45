# The doorbell with shared_preload_libraries: after every commit that made something due comes a notification,
# whatever the worker is doing at that moment, and nobody has to wait for the worker.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use Meetlink::Connection;
use Meetlink::Database;
use Meetlink::Wait qw(wait_until);

my $node = start_server('preload', preload => 1, init => { allows_streaming => 1 },
	conf => "synchronous_standby_names = 'nobody'\nsynchronous_commit = local");
my $app = Meetlink::Connection->new($node);
my $other = Meetlink::Connection->new($node);
my $listener = Meetlink::Connection->new($node);
my $sessions = 0;
$listener->query('listen meetlink');

sub set
{
	my ($setting, $value) = @_;
	$other->query("alter system set $setting = $value");
	$other->query('select pg_reload_conf()');
	# a setting of the postmaster's and the workers' is in force when a new session sees it
	wait_until("$setting is $value", sub { Meetlink::Connection->new($node)->query("select setting from pg_settings where name = '$setting'") eq $value });
	return;
}

sub book  { return 'select fixture.book(' . ++$sessions . ')' }
sub heard { return $listener->notification(20) }
sub pid_of { return $other->query("select pid from pg_stat_activity where backend_type = 'meetlink $_[0]'") }
# Notifications that have been sent until now, and were not waited for.
sub more_heard { $listener->query('select'); my $count = 0; $count++ while $listener->notification(0); return $count }

# One round after another of a booking, at any moment after the last one, and its notification.
sub race
{
	my ($rounds, $longest_pause, $meanwhile) = @_;
	for my $round (1 .. $rounds)
	{
		sleep $longest_pause * rand;
		$meanwhile->($round) if $meanwhile;
		$app->query(book());
		heard() or return "no notification after booking $round";
	}
	return 'all heard';
}

is($app->query('select mode, preloaded, launcher is not null, worker, problem from meetlink.doorbell()'), 'preload|t|t||', 'a launcher waits, and no worker yet');
is($app->query(q{select state, datname from pg_stat_activity where backend_type = 'meetlink doorbell launcher'}), 'idle|', 'it is connected to no database');
$app->query(book());
ok(heard(), 'the first booking rings');
is($app->query('select worker from meetlink.doorbell()'), pid_of('doorbell'), 'through a worker that is there now');
is($other->query(q{select state, query, backend_xmin is null from pg_stat_activity where backend_type = 'meetlink doorbell'}), 'idle|NOTIFY meetlink|t',
	'and says what it does, holding no snapshot');

# what rings, once, and what does not: each followed by a booking, whose notification must be the only one
for my $silent (
	'begin; ' . book() . '; rollback',
	'begin; savepoint a; ' . book() . '; rollback to a; rollback',
	'do $$ begin perform fixture.book(' . ++$sessions . '); raise division_by_zero; exception when division_by_zero then null; end $$; rollback',
	'begin; ' . book() . "; prepare transaction 'a'",
	"rollback prepared 'a'",
	q{update public.sessions set notes = '{}'},
	'begin; ' . book() . '; select 1/0')
{
	eval { $app->query($silent) };
	eval { $app->query('rollback') };
	more_heard() if $silent =~ /^do/;    # a ring may be one too many after a subtransaction
	$app->query(book());
	ok(heard(), "heard after: $silent");
	is(more_heard(), 0, 'only once') unless $silent =~ /^do/;
}
$app->query('begin; ' . book() . "; prepare transaction 'a'");
$app->query("commit prepared 'a'");
is($app->query("select due from meetlink.housekeep(1, 0, null)"), 't', 'COMMIT PREPARED does not ring, and the poll finds the session');

# at most one notification per interval
set('meetlink.notify_interval', 1000);
$app->query(book());
ok(heard(), 'the first ring is answered at once');
$app->query(book()) for 1 .. 50;
ok(heard(), 'then one for all that is booked');
is(more_heard(), 0, 'within meetlink.notify_interval');
set('meetlink.notify_interval', 1);

# races
is(race(300, 0), 'all heard', '300 bookings, each while the worker resets the bell');
is(race(300, 0.003), 'all heard', '300 bookings around the end of the interval');
is(more_heard(), 0, 'with a notification each, none of which could stand for another');
set('meetlink.doorbell_idle_timeout', 1);
is(race(400, 0.008), 'all heard', '400 bookings while the worker leaves for want of them, and another one starts');
is(more_heard(), 0, 'with a notification each');

my $terminate = q{select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'meetlink %s'};
set('meetlink.doorbell_idle_timeout', 2000);
is(race(100, 0.01, sub { more_heard(); $other->result if $_[0] > 1; $other->start(sprintf $terminate, 'doorbell') }), 'all heard',
	'100 bookings while the worker is terminated');
$other->result;

# several at once; each must be found by a listener that looks for work only when it is notified
my @booking = map { Meetlink::Connection->new($node) } 1 .. 4;
my $found = 0;
for my $round (1 .. 100)
{
	$_->start(book()) for @booking;
	$other->start(sprintf $terminate, 'doorbell') if $round % 2;
	$_->result for @booking;
	$other->result if $round % 2;
	my $wanted = $sessions;
	my $jobs = 0;
	for (;;)
	{
		$jobs = $listener->query("select count(*) from meetlink.job where session_id = any (array(select fixture.session(n)::text from generate_series($wanted - 3, $wanted) n))");
		last if $jobs == 4 || !heard();
	}
	$found += $jobs;
	# the last ring of this round must not stand for one of the next
	$listener->query('select');
}
is($found, 400, '100 times four bookings at once are all found by who waits for notifications');

# A worker that is terminated between taking the ring and its NOTIFY: held there by a transaction that waits for
# a standby, at its commit, with the lock that NOTIFY takes.
# Some of those above may have been terminated before they could send, too; after the third in a row the bell is silent
# for a while, so first one that sends.
wait_until('no worker has failed lately', sub {
	$app->query(book());
	heard();
	return $other->query(q{select status from meetlink.health() where check_name = 'doorbell'}) eq 'ok';
});
my $waiting = Meetlink::Connection->new($node);
my $waiting_pid = $waiting->query('create table public.waiting (); select pg_backend_pid()');
$waiting->query('set synchronous_commit = on');
$waiting->start('begin; insert into public.waiting default values; notify elsewhere; commit');
my $held = sub {
	my $not = $_[0] // 0;
	return wait_until('a worker waits for the lock',
		sub { $other->query("select pid from pg_stat_activity where backend_type = 'meetlink doorbell' and wait_event_type = 'Lock' and pid <> $not") });
};
wait_until('a commit waits for a standby', sub { $other->query("select wait_event from pg_stat_activity where pid = $waiting_pid") eq 'SyncRep' });
more_heard();
$app->query(book());
my $terminated = $held->();
$other->query("select pg_terminate_backend($terminated)");
isnt($held->($terminated), $terminated, 'a worker that is terminated with the ring in its hand hands it on');
$app->query(book());
is(more_heard(), 0, 'bookings do not wait for that lock');
$other->query("select pg_cancel_backend($waiting_pid)");    # it commits nevertheless
$waiting->result;
ok(heard(), 'and the next one answers it');
ok(heard(), 'as well as what was booked meanwhile');

# the launcher
my $launcher = pid_of('doorbell launcher');
$other->query(sprintf $terminate, 'doorbell launcher');
wait_until('the launcher is gone', sub { pid_of('doorbell launcher') ne $launcher });
is(race(20, 0.1, sub { $other->query(sprintf $terminate, 'doorbell') }), 'all heard', 'bookings while the launcher is gone, and with it every worker');
wait_until('the launcher is there again', sub { $app->query('select launcher is not null from meetlink.doorbell()') eq 't' });

# a crash
$app->query(book());
kill 'KILL', wait_until('there is a worker', sub { $app->query('select worker from meetlink.doorbell()') });
wait_until('the server has crashed', sub { !eval { $app->query('select'); 1 } });
wait_until('the server is back', sub { eval { $app = Meetlink::Connection->new($node); $app->query('select launcher is not null from meetlink.doorbell()') eq 't' } });
$_ = Meetlink::Connection->new($node) for $other, $listener;
$listener->query('listen meetlink');
is(race(20, 0.01), 'all heard', 'after a crash of the worker, and with it of the server, bookings ring');
is($app->query('select mode, problem from meetlink.doorbell()'), 'preload|', 'through a worker again');

# nobody waits for the worker
$app->query('create table public.member ()');
$app->query($_) for 'alter extension meetlink add table public.member', 'alter extension meetlink drop table public.member';
pass('ALTER EXTENSION works while a worker serves the database');
$app->query('create database one template template0');
load_application($node, 'one');
$node->safe_psql('one', 'create extension meetlink; select meetlink.attach()');
my $ring = sub {
	my ($database) = @_;
	my $there = Meetlink::Connection->new($node, $database);
	$there->query('listen meetlink');
	$there->query("select fixture.book(1); delete from public.sessions");
	ok($there->notification(20), "a booking in database $database rings there");
	is($there->query('select worker is not null from meetlink.doorbell()'), 't', 'through a worker of its own');
	is(more_heard(), 0, 'and nowhere else');
	return $there;
};
for my $command ('create database two template one', 'alter database one rename to three', 'drop database two')
{
	my ($database) = $command =~ /(\w+)$/;
	$ring->($command =~ /^alter/ ? 'one' : $database);
	is(eval { $app->query($command); 'done' } // $@, 'done', $command);
}
my $there = $ring->('three');
$app->query('alter database three allow_connections false');
$there->query('drop extension meetlink cascade');
pass('DROP EXTENSION works while a worker serves the database');
wait_until('the worker leaves', sub { $app->query("select count(*) from pg_stat_activity where datname = 'three'") eq '1' });

undef $_ for $app, $other, $listener, $there;
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|segmentation/i, 'the server did not crash by itself');
done_testing();
