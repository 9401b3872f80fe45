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
is($world->sql("select count(*) from meetlink.attempt where outcome = 'linked'"), 2, 'the table of attempts says the same');

# --- what passes: work in flight, and work that nobody announced
my $other = $world->tutor(name => 'Ben');
my $hold  = $world->standin->fault(effect => 'hold', operation => 'create', account => $other->account);
my $held  = $other->book;
$world->standin->wait_for_held($hold);
is(value(samples(), 'meetlink_in_flight'), 1, 'a session whose answer the provider keeps back is in flight');
$world->standin->release($hold);
$world->link_of($held);
wait_until('and not for longer', sub { value(samples(), 'meetlink_in_flight') == 0 });

$world->standin->fault(effect => 'zoom.3161', operation => 'create', account => $other->account);
my $quiet = $other->book;
$world->wait_for_job($quiet, 'blocked', 'hosting_not_allowed');
my $polls = value(samples(), 'meetlink_polls_with_work_total');
$world->sql("update meetlink.job set state = 'due', due_at = now() where session_id = '$quiet'");
ok($world->link_of($quiet), 'a session that is due without a ring of the doorbell is found by a poll');
cmp_ok(value(samples(), 'meetlink_polls_with_work_total'), '>', $polls, 'which is counted');

# --- the application's table refuses the link
$world->sql(q{
	create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no links on Sundays'; end $$;
	create trigger refuse before update of join_url on sessions for each row when (new.join_url is not null) execute function refuse()});
my ($linked, $timed) = map { value(samples(), $_->[0], provider => 'zoom', %{ $_->[1] }) }
	[ 'meetlink_attempts_total', { outcome => 'linked' } ], [ 'meetlink_link_seconds_count', {} ];
my $refused = $other->book;
$world->wait_for_job($refused, 'waiting', 'write_rejected');
wait_until('a link that the table refuses is counted as what it is',
	sub { value(samples(), 'meetlink_attempts_total', provider => 'zoom', outcome => 'failed', reason => 'write_rejected') });
my $now = samples();
is(value($now, 'meetlink_attempts_total', provider => 'zoom', outcome => 'linked'), $linked, 'not as a link');
is(value($now, 'meetlink_link_seconds_count', provider => 'zoom'), $timed, 'nor is its time one to a link');
my @events = grep { ($_->{session} // '') eq $refused } @{ $daemon->log };
is_deeply([ map { $_->{event} } @events ], ['attempt_failed'], 'the log tells of a failed attempt, and of no link');
is("$events[0]{reason} $events[0]{stage} $events[0]{detail}", 'write_rejected settle no links on Sundays', 'why, in the words of the table');
is($world->sql("select outcome || ' ' || reason from meetlink.attempt where session_id = '$refused'"), 'failed write_rejected', 'like the history');
$world->sql('drop trigger refuse on sessions');
is($world->retry($refused)->{status}, 'linked', 'once the table takes it, the meeting that was made is found');
is(scalar @{ $world->standin->meetings($refused) }, 1, 'and stays the only one');

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
