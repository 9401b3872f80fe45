# GET /metrics: what it says of jobs, attempts, refreshes and times is what happened.
use strict;
use warnings;

use Meetlink::Http qw(address call);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world = Meetlink::World->new(no_daemon => 1);
my $daemon = $world->daemon;
$daemon->configure(http => { listen => '"127.0.0.1:0"' })->start;
my $url = 'http://' . address($daemon) . '/metrics';

# Samples by name and labels.
sub samples
{
	my $got = call($url);
	is($got->{status}, 200, 'metrics: 200') if $got->{status} != 200;
	return { map { /^([^#]\S*(?:\{.*\})?) (\S+)$/ ? ($1 => $2) : () } split /\n/, $got->{body} };
}

sub value
{
	my ($samples, $name, %labels) = @_;
	my @found = grep {
		my $sample = $_;
		$sample =~ /^\Q$name\E(\{|$)/ && !grep { $sample !~ /[{,]$_="\Q$labels{$_}\E"/ } keys %labels
	} keys %$samples;
	return @found == 1 ? $samples->{ $found[0] } : undef;
}

like(call($url)->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4}, 'in Prometheus\'s text format');
my $before = samples();
is(value($before, 'meetlink_build_info', version => '0.1'), 1, 'the build is told');
is(value($before, 'meetlink_in_flight'), 0, 'nothing is in flight');
is(value($before, 'meetlink_database_up'), 1, 'the database answers');

my $tutor = $world->tutor(name => 'Ann');
$world->link_of($tutor->book);
$tutor->expire_access;
$world->link_of($tutor->book);
$tutor->revoke;
$tutor->expire_access;
my $dead = $tutor->book;
$world->wait_for_job($dead, 'blocked', 'grant_revoked');

my $after;
wait_until('the count of jobs is renewed', sub { $after = samples(); value($after, 'meetlink_jobs', state => 'blocked', reason => 'grant_revoked') });
is(value($after, 'meetlink_jobs', state => 'blocked', reason => 'grant_revoked'), 1, 'one job is blocked, and why');
is(value($after, 'meetlink_attempts_total', provider => 'zoom', outcome => 'linked', reason => ''), 2, 'two attempts made a link');
is(value($after, 'meetlink_attempts_total', provider => 'zoom', outcome => 'failed', reason => 'grant_revoked'), 1, 'one failed, and why');
is(value($after, 'meetlink_token_refreshes_total', provider => 'zoom', outcome => 'refreshed'), 1, 'one refresh succeeded');
is(value($after, 'meetlink_token_refreshes_total', provider => 'zoom', outcome => 'grant_revoked'), 1, 'one did not');
is(value($after, 'meetlink_link_seconds_count', provider => 'zoom'), 2, 'the way to a link was timed twice');
cmp_ok(value($after, 'meetlink_link_seconds_sum', provider => 'zoom'), '<', 60, 'and was short');
cmp_ok(value($after, 'meetlink_provider_request_seconds_count', provider => 'zoom'), '>=', 2, 'the provider\'s answers were timed');
cmp_ok(value($after, 'meetlink_notifications_total'), '>', value($before, 'meetlink_notifications_total'), 'notifications were counted');
ok(defined value($after, 'meetlink_polls_with_work_total'), 'polls with work are counted');

my $text = call($url)->{body};
my %help = map { $_ => 1 } $text =~ /^# HELP (\S+)/mg;
my %type = map { $_ => 1 } $text =~ /^# TYPE (\S+)/mg;
is_deeply(\%help, \%type, 'every family is explained');
my $tutor_id = $tutor->id;
unlike($text, qr/$tutor_id|$dead|Bearer/, 'nobody is named');

# http.conninfo is that of the daemon here, which is no member of meetlink_gateway
my $got = call($url =~ s{/metrics}{/api/sessions/retry-meeting-link}r, body => '{"sessionId": "x"}');
is($got->{status}, 503, 'a database role that is not set up for callers: 503');
my @told = grep { $_->{event} eq 'http_not_entitled' } @{ $daemon->log };
is(scalar @told, 2, 'and the log says what it must be, at the start and then');
like($told[0]{message}, qr/HTTP callers will get 503: role "meetlinkd" of http\.conninfo is not a member of meetlink_gateway/, 'at the start: who is not what');
like($told[0]{hint}, qr/CREATE ROLE meetlink_http .* IN ROLE meetlink_gateway/, 'and what to do');
my ($code, $output) = $daemon->run('--check');
is($code, 0, '--check: links are made without it');
like($output, qr/warning: HTTP callers will get 503: .*\n.*hint: .*IN ROLE meetlink_gateway/, 'but it says so');
$world->sql('create role meetlink_web login in role meetlink_gateway');
$daemon->configure(http => { listen => '"127.0.0.1:0"', conninfo => q(") . $world->node->connstr('app') . q( user=meetlink_web") });
($code, $output) = $daemon->run('--check');
unlike($output, qr/503/, 'until it is put right');

is($daemon->stop, 0, 'SIGTERM ends it');
done_testing();
