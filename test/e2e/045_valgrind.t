# Memory does not grow with jobs: under valgrind, four times the jobs leave the same memory behind, and
# none of it lost.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'a long test (MEETLINK_LONG_TESTS)' unless $ENV{MEETLINK_LONG_TESTS};
plan skip_all => 'no valgrind' if system('valgrind --version >/dev/null 2>&1');

my $world = Meetlink::World->new(no_daemon => 1);
my @tutors = map { $world->tutor(name => "Ann-$_", provider => $_) } qw(google_meet zoom);
# Without debugging information: valgrind 3.19 cannot read clang's.
local $ENV{MEETLINKD} = "$world->{folder}/meetlinkd";
system_or_bail('strip', '--strip-debug', '-o', $ENV{MEETLINKD}, "$ENV{MEETLINK_BUILD}/meetlinkd");
my %left;
for my $jobs (10, 40)
{
	my $report = "$world->{folder}/valgrind-$jobs.txt";
	local $ENV{MEETLINKD_WRAPPER} = "valgrind --leak-check=full --log-file=$report";
	my $daemon = $world->add_daemon(name => "valgrind-$jobs",
		config => { sidecar => { http_timeout => '"1m"', lease => '"2m"' }, log => { level => '"warning"' } });
	$daemon->start(no_wait => 1);
	$_->book_many($jobs) for @tutors;
	wait_until('all are linked', sub { die "the daemon ended\n" unless $daemon->process->is_running; $world->sql('select count(*) from sessions where join_url is null') == 0 }, 240);
	is($daemon->stop, 0, "after 2 x $jobs jobs the daemon ends well");
	my $text = slurp_file($report);
	my ($errors) = $text =~ /ERROR SUMMARY: (\d+) errors/;
	is($errors, 0, 'without an error that valgrind would report');
	for my $kind ('definitely lost', 'indirectly lost', 'still reachable')
	{
		my ($bytes) = $text =~ /$kind: ([\d,]+) bytes/;
		$left{$kind}{$jobs} = ($bytes // '0') =~ s/,//gr;
	}
	is($left{'definitely lost'}{$jobs} + $left{'indirectly lost'}{$jobs}, 0, 'nothing is lost');
}
cmp_ok($left{'still reachable'}{40}, '<=', $left{'still reachable'}{10} + 4096, 'and what is kept until the end does not grow with the jobs');
done_testing();
