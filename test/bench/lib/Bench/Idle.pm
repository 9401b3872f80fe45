package Bench::Idle;

# A daemon with nothing to do: what it asks of the database, and of the processor.
use strict;
use warnings;

use Bench::Links;
use Meetlink::Standin;
use Meetlink::Wait qw(wait_until);
use Time::HiRes qw(sleep);

my $seconds = 120;    # from one sweep to the next

sub run
{
	my ($server, $report) = @_;
	my $standin = Meetlink::Standin->new(folder => $server->folder, plain => 1);
	Bench::Links::fresh($server, $standin, 0);
	$server->attach('links');
	my $daemon = Bench::Links::meetlinkd($server, $standin, 256);
	wait_until('the daemon is registered', sub { $server->sql('links', 'select count(*) from meetlink.daemon') });
	print "# idle for $seconds s\n";
	sleep 5;    # its start is over
	my $statements = sub { $server->sql('links', q{select coalesce(sum(calls), 0) from pg_stat_statements s join pg_roles r on r.oid = s.userid where rolname = 'meetlinkd' and toplevel}) };
	$server->sql('links', 'create extension if not exists pg_stat_statements; select pg_stat_statements_reset() \g /dev/null');
	my $cpu = sub { open(my $stat, '<', '/proc/' . $daemon->pid . '/stat') or die $!; my @field = split ' ', (<$stat> =~ s/^.*\) //r); ($field[11] + $field[12]) / 100 };
	my $before = $cpu->();
	sleep $seconds;
	my ($asked, $used) = ($statements->() * 60 / $seconds, 100 * ($cpu->() - $before) / $seconds);
	$daemon->stop;
	$report->row('idle: statements a minute', $asked, '<= 15', $asked <= 15);
	$report->row('idle: share of a core', sprintf('%.2f %%', $used), '<= 0.1 %', $used <= 0.1);
	return;
}

1;
