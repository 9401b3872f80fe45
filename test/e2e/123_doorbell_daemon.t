# The preloaded doorbell and a real daemon: sessions get their links because a worker rings, since the daemon
# does not poll while this test runs.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;

my $world = Meetlink::World->new(postgres => q{shared_preload_libraries = 'meetlink'}, config => { sidecar => { poll_interval => '"10m"' } });
my $tutor = $world->tutor;
my $worker = q{select count(*) from pg_stat_activity where backend_type = 'meetlink doorbell' and datname = 'app'};

for my $number (1 .. 10)
{
	my $link = eval { $world->link_of($tutor->book, 20) } // '';
	like($link, qr{^https://}, "booking $number is heard and linked");
}
is($world->sql($worker), '1', 'by way of a worker');
wait_until('the worker has left', sub { $world->sql($worker) eq '0' });
like($world->link_of($tutor->book, 20), qr{^https://}, 'the first booking after it has left is heard, too');
is($world->sql(q{select status || ': ' || detail from meetlink.health() where check_name = 'doorbell'}),
	'ok: a worker sends one NOTIFY for many bookings; the queue is 0 % full', 'health() says how');
is($world->daemon->stop, 0, 'the daemon ends');

done_testing();
