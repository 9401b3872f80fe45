# A sweep reads the whole table, which takes seconds when that is large: nobody waits for it, tokens neither.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world = Meetlink::World->new(no_daemon => 1);
my $sweeps = q{select count(*) from pg_stat_activity where usename = 'meetlinkd' and state = 'active' and query like '%meetlink.sweep(%'};

# one that lasts until it is told to end
$world->sql(q{
	create table hold_sweep as select true as hold;
	create or replace function meetlink.note_sweep(daemon_id bigint, took interval) returns void
	language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
	$$ begin while exists (select from public.hold_sweep) loop perform pg_sleep(0.02); end loop; end $$});
my $daemon = $world->add_daemon(name => 'sweeper')->start;
wait_until('the sweep is on', sub { $world->sql($sweeps) == 1 });
my $tutor = $world->tutor(name => 'ada');
$tutor->expire_access;
like($world->link_of($tutor->book), qr/^https:/, 'a session whose token must be refreshed first gets its link');
is($world->sql($sweeps), '1', 'while the sweep goes on');
is($world->sql(q{select count(*) from pg_stat_activity where usename = 'meetlinkd'}), '4', 'on a connection of its own');
$world->sql('delete from hold_sweep');
wait_until('the sweep has ended', sub { $world->sql(q{select count(*) from pg_stat_activity where usename = 'meetlinkd'}) == 3 });
pass('which is closed after it');

# it is no obstacle to a stop
$world->sql('insert into hold_sweep values (true)');
is($daemon->stop, 0, 'the daemon stops');
$daemon->start;
wait_until('another sweep is on', sub { $world->sql($sweeps) == 1 });
is($daemon->stop, 0, 'and in the middle of a sweep, too');

# a role that may have three connections and no more: then it is the upkeep's turn
$world->sql(q{delete from hold_sweep; alter role meetlinkd connection limit 3});
$tutor->book while $world->sql('select count(*) from sessions') < 3;
$world->sql(q{delete from meetlink.job});
$daemon->start;
wait_until('the sweep flags what has no job', sub { $world->sql('select count(*) from sessions where join_url is null') eq '0' });
pass('without room for a fourth connection it still sweeps');
ok((scalar grep { $_->{event} eq 'sweep_not_apart' } @{ $daemon->log }), 'and says what that costs');
is($daemon->stop, 0, 'the daemon ends in order');
done_testing();
