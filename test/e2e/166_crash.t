# The server crashes right after a link could be read. Links are committed without waiting for the disk, so it may have
# forgotten them; their claims it has not: the same links come back, of the same meetings.
use strict;
use warnings;

use Meetlink::World;
use Test::More;

my $world = Meetlink::World->new(
	postgres => "wal_writer_delay = 10s\nautovacuum = off\n",    # what is forgotten here in every run
	config   => { sidecar => { http_timeout => '"2s"', lease => '"4s"', poll_interval => '"1m"' } });
my ($standin, $node, $daemon) = ($world->standin, $world->node, $world->daemon);

for my $provider ('google_meet', 'zoom')
{
	my $session = $world->tutor(name => "Tutor at $provider", provider => $provider)->book;
	my $link = $world->link_of($session);
	$daemon->process->signal('STOP');
	$node->stop('immediate');
	$node->start;
	is($world->sql("select coalesce(join_url, 'none') from sessions where id = '$session'"), 'none', "$provider: the crash has forgotten the link");
	is($world->job($session)->{state}, 'claimed', 'but not the claim');
	$daemon->process->signal('CONT');
	is($world->link_of($session), $link, 'the same link comes back');
	is(scalar @{ $standin->meetings($session) }, 1, 'of the same meeting');
	is($world->sql("select string_agg(outcome, ' ' order by id) from meetlink.attempt where session_id = '$session'"), 'rescued adopted', 'which was found again');
}
$daemon->stop;
done_testing();
