# The daemon under AddressSanitizer and UndefinedBehaviorSanitizer, leaks included: the core stories leave
# no report.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $binary = "$ENV{MEETLINK_BUILD}/asan/meetlinkd";
plan skip_all => 'build/asan/meetlinkd is not built (make sanitized)' unless -x $binary;
$ENV{MEETLINKD}     = $binary;
$ENV{ASAN_OPTIONS}  = 'detect_leaks=1:exitcode=99:detect_stack_use_after_return=1';
$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1:halt_on_error=1:exitcode=99';

my $world   = Meetlink::World->new(config => { sidecar => { http_timeout => '"3s"', poll_interval => '"200ms"' } });
my $standin = $world->standin;
for my $provider (qw(google_meet zoom))
{
	my $tutor = $world->tutor(name => "Ann-$provider", provider => $provider);
	ok($world->link_of($tutor->book), "$provider: linked");
	$tutor->expire_access;
	ok($world->link_of($tutor->book), "$provider: refreshed and linked");
	for my $effect (qw(not_json empty truncated body_size cut_before cut_after hang foreign_link))
	{
		$standin->fault(effect => $effect, operation => 'create');
		my $session = $tutor->book;
		wait_until("$effect was noticed", sub { $world->sql("select reason from meetlink.attempt where session_id = '$session' limit 1") });
		$effect eq 'foreign_link' ? is($world->retry($session)->{status}, 'linked', "$provider: $effect, retried by hand") : ok($world->link_of($session), "$provider: $effect, and linked");
	}
	$tutor->revoke;
	my $session = $tutor->book;
	$world->wait_for_job($session, 'blocked', 'grant_revoked');
	$tutor->reconnect;
	ok($world->link_of($session), "$provider: revoked, reconnected and linked");
}
$world->node->restart;
my $tutor = $world->tutor(name => 'Later');
ok($world->link_of($tutor->book), 'after a restart of the server');
my $hold = $standin->fault(effect => 'hold', operation => 'create');
$tutor->book;
$standin->wait_for_held($hold);
is($world->daemon->stop, 0, 'stopped with work in flight, it exits 0: no leak');
$standin->clear_faults;
my ($code, $output) = $world->daemon->run('--once');
is($code, 0, '--once exits 0');
unlike($world->daemon->log_text . $output, qr/Sanitizer|runtime error/, 'and there is no report');
done_testing();
