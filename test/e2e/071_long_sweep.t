# A sweep reads the whole table, which takes seconds when that is large: nobody waits for it, tokens neither, and a
# backlog goes first.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world = Meetlink::World->new(no_daemon => 1);
my $sweeps = q{select count(*) from pg_stat_activity where usename = 'meetlinkd' and state = 'active' and query like '%meetlink.sweep(%'};

# a start with a backlog, and a session without a job, which is linked when it has been swept
my $tutor = $world->tutor(name => 'ada');
my ($lost, @backlog) = map { $tutor->book } 1 .. 41;
$world->sql("delete from meetlink.job where session_id = '$lost'");
$world->standin->fault(effect => 'delay', delay_ms => 100, operation => 'create', times => 'forever');
my $daemon = $world->add_daemon(name => 'busy sweeper', config => { sidecar => { max_in_flight => 4 }, zoom => { max_per_connection => 8 } })->start;
like($world->link_of($lost), qr/^https:/, 'a session without a job is found');
my $before = $world->sql(q{select count(*) from meetlink.attempt a, meetlink.daemon d where d.name = 'busy sweeper' and a.daemon = d.name and a.finished_at < d.swept_at - d.sweep_took});
cmp_ok($before, '>', 30, "by a sweep that let a backlog of ${\ scalar @backlog} pass");
wait_until('the backlog has links', sub { $world->sql('select count(*) from sessions where join_url is null') eq '0' });
$world->standin->clear_faults;
is($daemon->stop, 0, 'the daemon stops');

# one that lasts until it is told to end
$world->sql(q{
	create table hold_sweep as select true as hold;
	create or replace function meetlink.note_sweep(daemon_id bigint, took interval) returns void
	language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
	$$ begin while exists (select from public.hold_sweep) loop perform pg_sleep(0.02); end loop; end $$});
$daemon = $world->add_daemon(name => 'sweeper')->start;
wait_until('the sweep is on', sub { $world->sql($sweeps) == 1 });
$tutor->expire_access;
like($world->link_of($tutor->book), qr/^https:/, 'a session whose token must be refreshed first gets its link');
is($world->sql($sweeps), '1', 'while the sweep goes on');
is($world->sql(q{select count(*) from pg_stat_activity where usename = 'meetlinkd'}), '5', 'on a connection of its own');
$world->sql('delete from hold_sweep');
wait_until('the sweep has ended', sub { $world->sql(q{select count(*) from pg_stat_activity where usename = 'meetlinkd'}) == 4 });
pass('which is closed after it');

# it is no obstacle to a stop
$world->sql('insert into hold_sweep values (true)');
is($daemon->stop, 0, 'the daemon stops');
$daemon->start;
wait_until('another sweep is on', sub { $world->sql($sweeps) == 1 });
is($daemon->stop, 0, 'and in the middle of a sweep, too');

# a role that may have four connections and no more: then it is the upkeep's turn
$world->sql(q{delete from hold_sweep; alter role meetlinkd connection limit 4});
$tutor->book for 1 .. 3;
$world->sql(q{delete from meetlink.job});
$daemon->start;
wait_until('the sweep flags what has no job', sub { $world->sql('select count(*) from sessions where join_url is null') eq '0' });
pass('without room for a fifth connection it still sweeps');
ok((scalar grep { $_->{event} eq 'sweep_not_apart' } @{ $daemon->log }), 'and says what that costs');
is($daemon->stop, 0, 'the daemon ends in order');
done_testing();
