# The console's API: for operators only; what is stuck by reason, paged by the server; retry by reason; charts that add
# up with what happened.
use strict;
use warnings;

use JSON::PP qw(encode_json);
use Meetlink::Http qw(address call hs256);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world  = Meetlink::World->new(no_daemon => 1);
my $secret = 'a secret of at least thirty-two bytes';
$world->sql('create role meetlink_web login in role meetlink_gateway');
my $daemon = $world->daemon;
$daemon->configure(http => { listen => '"127.0.0.1:0"', conninfo => q(") . $world->node->connstr('app') . q( user=meetlink_web"), jwt_secret => qq("$secret") })->start;
my $api      = 'http://' . address($daemon) . '/api/console';
my $operator = hs256($secret, '{"role":"meetlink_operator"}');

sub get { my ($path, $token) = @_; return call("$api/$path", token => $token // $operator) }
sub encoded { my ($text) = @_; return $text =~ s/([^A-Za-z0-9-])/sprintf '%%%02X', ord $1/ger }

my $ann = $world->tutor(name => 'Ann');
$ann->book_many(3);
wait_until('Ann\'s sessions have their links', sub { $world->sql("select count(*) from sessions where join_url is not null") == 3 });
$ann->revoke;
$ann->expire_access;
$ann->book_many(25);
my $bob = $world->tutor(name => 'Bob');
$world->sql("update tutor_video_provider_connections set is_active = false, connection_status = 'disconnected' where tutor_id = '" . $bob->id . "'");
my $bobs = $bob->book('30 minutes');
wait_until('all the others are blocked', sub { $world->sql("select count(*) from meetlink.job where state = 'blocked'") == 26 });

# --- who ------------------------------------------------------------------------------------------

my $tutor = hs256($secret, sprintf '{"role":"authenticated","sub":"%s"}', $ann->id);
for my $path ('overview', 'stuck', 'connections', 'charts', "sessions/$bobs")
{
	is(get($path, $tutor)->{status}, 403, "$path is not for tutors");
	is(call("$api/$path")->{status}, 401, "$path is not for nobody");
}
is(call("$api/retry", body => '{}', token => $tutor)->{status}, 403, 'retry is not for tutors');

# --- overview -------------------------------------------------------------------------------------

my $overview = get('overview')->{json};
is_deeply($overview->{totals}, { stuck => 26, due => 0, waiting => 0, blocked => 26, gave_up => 0, linked_last_hour => 3 }, 'what there is');
is_deeply([ map { "$_->{reason} $_->{acts} $_->{sessions}" } @{ $overview->{groups} } ],
	[ 'connection_inactive tutor 1', 'grant_revoked tutor 25' ], 'by reason, the nearest start first');
ok($_->{problem} && $_->{advice} && $_->{nearest_start} =~ /Z$/, "$_->{reason}: says what to do") for @{ $overview->{groups} };
ok((grep { $_->{check_name} eq 'attachment' && $_->{status} eq 'ok' } @{ $overview->{health} }), 'health');
is_deeply([ map { [ @{$_}{qw(name alive in_flight)} ] } @{ $overview->{daemons} } ], [ [ 'daemon', JSON::PP::true, 0 ] ], 'the daemon is alive');

# --- stuck ----------------------------------------------------------------------------------------

my $stuck = get('stuck?limit=1')->{json};
is($stuck->{sessions}[0]{session_id}, $bobs, 'the nearest comes first');
is($stuck->{sessions}[0]{reason}, 'connection_inactive', 'with its reason');
like($stuck->{sessions}[0]{starts_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'and its start in UTC');
my (@pages, @ids, $next);
do
{
	my $page = get('stuck?reason=grant_revoked&limit=10' . (defined $next ? '&after=' . encoded($next) : ''))->{json};
	push @pages, scalar @{ $page->{sessions} };
	push @ids, map { $_->{session_id} } @{ $page->{sessions} };
	$next = $page->{next};
} while (defined $next && @pages < 9);
is_deeply(\@pages, [ 10, 10, 5 ], 'those of a reason, page by page');
is(join(' ', @ids), join(' ', split /\n/, $world->sql("select id from sessions where tutor_id = '" . $ann->id . "' and join_url is null order by scheduled_start_at, id")),
	'each once, in order');
is(get("stuck?$_")->{status}, 400, "$_: 400") for 'limit=0', 'limit=501', 'after=x', "after=1'%20x", 'after=99999999999999999999%20x', 'colour=red';
is_deeply(get('stuck?reason=nonsense')->{json}, { sessions => [], next => undef }, 'of a reason that is not there is nothing');

# --- one session, connections ---------------------------------------------------------------------

my $one = get("sessions/$bobs")->{json};
is($one->{session}{state}, 'failed', 'a session\'s state');
is($one->{timeline}[0]{event}, 'verdict', 'and story');
is(get('sessions/abc')->{status}, 404, 'no such session: 404');

my $connections = get('connections?limit=1')->{json};
is($connections->{connections}[0]{owner}, $bob->id, 'the connection that hurts soonest');
$connections = get('connections?limit=1&after=' . encoded($connections->{next}))->{json};
is($connections->{connections}[0]{owner}, $ann->id, 'then the next');
is($connections->{connections}[0]{blocked_sessions}, 25, 'with what waits for it');
is($connections->{next}, undef, 'and no more');
unlike(encode_json($connections), qr/token_encrypted|"access_token"|"refresh_token"/, 'no token');

# --- charts ---------------------------------------------------------------------------------------

for my $case ([ hour => 60, 60 ], [ day => 96, 900 ])
{
	my ($span, $count, $width) = @$case;
	my $chart = get("charts?span=$span")->{json};
	my @buckets = @{ $chart->{buckets} };
	is_deeply([ scalar @buckets, $chart->{bucket_s} ], [ $count, $width ], "$span: $count buckets of $width s");
	my ($linked, %failed) = 0;
	for my $bucket (@buckets)
	{
		$linked += $bucket->{linked};
		$failed{$_} += $bucket->{failed}{$_} for keys %{ $bucket->{failed} };
		cmp_ok($bucket->{p50_ms}, '<=', $bucket->{p99_ms}, "$span: half were no slower than nearly all") if $bucket->{linked};
	}
	is($linked, 3, "$span: the links");
	is($failed{$_}, $world->sql("select count(*) from meetlink.attempt where outcome = 'failed' and reason = '$_'"), "$span: failures for $_")
	  for 'grant_revoked', 'connection_inactive';
	is($buckets[-1]{backlog}, 26, "$span: what is left");
	is($buckets[0]{backlog}, 0, "$span: and was not there at first");
}
is(get('charts?span=week')->{status}, 400, 'another span: 400');

# --- retry ----------------------------------------------------------------------------------------

sub retry { my (%body) = @_; return call("$api/retry", body => encode_json(\%body), token => $operator) }
is(retry(reason => 'nonsense')->{status}, 400, 'a reason that does not exist: 400');
is(retry(reason => 5)->{status}, 400, 'or is no text: 400');
is(retry(limit => 0)->{status}, 400, 'a limit of 0: 400');
is(retry(colour => 'red')->{status}, 400, 'a key that is not known: 400');
is(call("$api/retry", body => 'reason=x', token => $operator, type => 'application/x-www-form-urlencoded')->{status}, 415, 'a form: 415');
$ann->reconnect;
wait_until('Ann\'s sessions have their links', sub { $world->sql("select count(*) from sessions where join_url is null") == 1 });
is_deeply(retry(reason => 'grant_revoked')->{json}, { changed => 0 }, 'nothing is left of what a reconnect cured');
$world->sql("alter table tutor_video_provider_connections disable trigger all;
	update tutor_video_provider_connections set is_active = true, connection_status = 'connected' where tutor_id = '" . $bob->id . "';
	alter table tutor_video_provider_connections enable trigger all");
is_deeply(retry(reason => 'connection_inactive', owner => $bob->id, provider => 'zoom', limit => 100)->{json}, { changed => 1 }, 'what nobody saw cured is tried again');
$world->link_of($bobs);
is(get('overview')->{json}{totals}{stuck}, 0, 'nothing is stuck');
is((get('charts')->{json}{buckets})->[-1]{backlog}, 0, 'nor left');

is($daemon->stop, 0, 'SIGTERM ends it');
unlike($daemon->log_text, qr/internal_defect/, 'no defect');
done_testing();
