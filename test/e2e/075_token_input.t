# What token endpoints answer when they misbehave, and what the application may have stored: each a typed reason, no
# loop, nothing lost. And the operator's errors: said once, probed by one job, healed by themselves.
use strict;
use warnings;

use JSON::PP qw(encode_json);
use Meetlink::Ciphertext qw(decrypt_cbc);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world   = Meetlink::World->new(config => { zoom => { max_per_second => 10000 }, sidecar => { http_timeout => '"5s"' } });
my $standin = $world->standin;
my $table   = 'tutor_video_provider_connections';

sub answer_of
{
	my ($tutor, $body, %more) = @_;
	return $standin->fault(provider => $tutor->{provider} eq 'zoom' ? 'zoom' : 'google', operation => 'token', account => $tutor->{account},
		effect => 'answer', status => 200, body => $body, %more);
}

sub stored { my ($tutor) = @_; return $world->sql("select refresh_token_encrypted, is_active, connection_status from $table where tutor_id = '" . $tutor->id . "'") }

# --- what is stored -----------------------------------------------------------------------------------------

for my $case ([ 'null', 'null' ], [ 'empty', "''" ])
{
	my $tutor = $world->tutor(name => "refresh-$case->[0]", provider => 'google_meet');
	$tutor->expire_access;
	$world->sql("update $table set refresh_token_encrypted = $case->[1] where tutor_id = '" . $tutor->id . "'");
	my $session = $tutor->book;
	$world->wait_for_job($session, 'blocked', 'token_missing');
	pass("a refresh token that is $case->[0]: token_missing");
	$tutor->reconnect;
	ok($world->link_of($session), 'and a reconnect helps');
}

# --- expires_in ---------------------------------------------------------------------------------------------

for my $case ([ 'missing' => undef ], [ 'zero' => 0 ], [ 'negative' => -5 ], [ 'string' => '3599' ], [ 'word' => 'soon' ])
{
	my ($name, $value) = @$case;
	my $tutor = $world->tutor(name => "expires-$name", provider => 'google_meet');
	my $access = $standin->admin(GET => $tutor->account_path)->{access_token};
	$world->sql("update $table set token_expires_at = now() - interval '1 hour' where tutor_id = '" . $tutor->id . "'");
	my %body = (access_token => $access, token_type => 'Bearer');
	$body{expires_in} = $value if defined $value;
	answer_of($tutor, \%body, times => 'forever');
	ok($world->link_of($tutor->book), "expires_in $name: the link is made");
	is($world->sql("select token_expires_at between now() + interval '1 minute' and now() + interval '2 hours' from $table where tutor_id = '" . $tutor->id . "'"),
		't', 'and the token counts as good for a while, so that nobody refreshes in a loop');
}
$standin->clear_faults;

# --- a large token --------------------------------------------------------------------------------------------

my $large = $world->tutor(name => 'large', provider => 'google_meet');
$world->sql("update $table set token_expires_at = now() - interval '1 hour' where tutor_id = '" . $large->id . "'");
my $token = 'x' x 65536;
answer_of($large, { access_token => $token, expires_in => 3600 });
my $session = $large->book;
wait_until('the large token is stored', sub { $world->sql("select length(access_token_encrypted) > 131072 from $table where tutor_id = '" . $large->id . "'") eq 't' });
pass('a token of 64 KB is stored');
wait_until('the API was asked', sub { $world->job($session)->{reason} });
isnt($world->job($session)->{reason}, 'internal_defect', 'an API that cannot take it: ' . $world->job($session)->{reason});
$large->reconnect;
$world->sql("select meetlink.retry_stuck()");
ok($world->link_of($session), 'and a reconnect helps');

# --- answers that are none --------------------------------------------------------------------------------------

my %nonsense = (
	'200 with an error body' => { body => { error => 'server_error', error_description => 'try later' } },
	'HTML with status 200'   => { body => '<html>maintenance</html>' },
	'another charset'        => { body => "\xff\xfe{\0}\0", headers => { 'content-type' => 'application/json; charset=utf-16' } },
	'a redirect'             => { effect => 'redirect', location => 'https://example.org/elsewhere' },
	'429'                    => { status => 429, body => '' },
	'503 in HTML'            => { status => 503, body => '<html>' });
my $n = 0;
for my $name (sort keys %nonsense)
{
	my $tutor = $world->tutor(name => 'nonsense' . ++$n, provider => 'google_meet');
	$tutor->expire_access;
	my $before = stored($tutor);
	my %answer = (provider => 'google', operation => 'token', account => $tutor->{account}, effect => 'answer', status => 200, %{ $nonsense{$name} });
	$answer{body} = "not json \x{e9}" if $name eq 'another charset';
	$standin->fault(%answer, times => 'forever');
	my $id = $tutor->book;
	my $job = wait_until("$name: the job has a reason", sub { my $j = $world->job($id); $j->{reason} ? $j : undef });
	isnt($job->{reason}, 'internal_defect', "$name: $job->{reason} ($job->{state})");
	is(stored($tutor), $before, 'the connection is as it was');
	cmp_ok(scalar @{ $standin->requests(operation => 'token', account => $tutor->{account})->{requests} }, '<', 8, 'and nobody asks in a loop');
	$standin->clear_faults;
}

# --- the operator's errors --------------------------------------------------------------------------------------

my @tutors = map { $world->tutor(name => "op$_") } 1 .. 20;
$_->expire_access for @tutors;
$standin->admin(POST => 'clients', { provider => 'zoom', client_id => 'zoom-client', client_secret => 'changed' });
my @sessions = map { $_->book } @tutors;
wait_until('every job is blocked', sub { $world->sql("select count(*) from meetlink.job where provider = 'zoom' and state = 'blocked' and reason = 'client_rejected'") eq '20' });
pass('a wrong client secret blocks all 20 jobs with the operator\'s reason');
my $asked = () = @{ $standin->requests(operation => 'token', provider => 'zoom', status => 401)->{requests} };
cmp_ok($asked, '<=', 12, "after $asked requests");
is($world->sql("select count(*) from meetlink.health() where check_name = 'backlog: client_rejected' and status = 'error'"), '1', 'health() says it once');
is($world->sql("select count(*) from $table where not is_active or connection_status <> 'connected'"), '0', 'and no tutor is to blame');
$standin->admin(POST => 'clients', { provider => 'zoom', client_id => 'zoom-client', client_secret => 'zoom-secret' });
$world->sql("update meetlink.provider_block set probe_at = now()");    # the minute is over
$world->link_of($_, 120) for @sessions;
is($world->sql('select count(*) from meetlink.provider_block'), '0', 'once the secret is right again, the probe succeeds and all of them get their links');

# --- key rotation -----------------------------------------------------------------------------------------------

is($world->daemon->stop, 0, 'the daemon ends');
my $wrong = $world->add_daemon(name => 'wrong', key => 'not the key')->start;
$session = $tutors[0]->book;
$world->wait_for_job($session, 'blocked', 'token_undecryptable');
is($world->sql("select acts from meetlink.stuck_sessions where session_id = '$session'"), 'operator', 'a wrong key is the operator\'s error');
is($world->sql("select count(*) from $table where not is_active"), '0', 'and no tutor\'s');
$wrong->stop;

my $connections = $world->sql("select count(*) from $table where access_token_encrypted <> ''");
my $new = $world->add_daemon(name => 'new', key => 'new key',
	config => { tokens => { previous_keys => '["test key"]', cipher => '"aes-256-gcm"' }, zoom => { max_per_second => 10000 } })->start;
ok($world->link_of($session), 'with the former key among the previous ones it heals at the start');
my ($code, $output) = $new->run('--reencrypt');
is($code, 0, '--reencrypt beside a running daemon succeeds') or diag $output;
like($output, qr/"event":"reencrypted"/, 'and tells its progress');
is($world->sql("select count(*) from $table where access_token_encrypted <> '' and access_token_encrypted not like 'v2:%'"), '0',
	"all $connections connections are in the authenticated format");
($code, $output) = $new->run('--reencrypt');
like($output, qr/"rewritten":0/, 'a second run finds nothing to do');
$new->stop;
my $only_new = $world->add_daemon(name => 'only-new', key => 'new key', config => { tokens => { cipher => '"aes-256-gcm"' } })->start;
ok($world->link_of($tutors[1]->book), 'and the former key is not needed any more');

# --- ahead of time ----------------------------------------------------------------------------------------------

$world->sql("update $table set token_expires_at = now() - interval '59 days' - interval '1 hour' where tutor_id = '" . $tutors[2]->id . "'");
$world->sql("update meetlink.refresh set refreshed_at = null, last_at = null where owner_id = '" . $tutors[2]->id . "'");
$world->sql("update $table set token_expires_at = now() - interval '61 days' where tutor_id = '" . $tutors[3]->id . "'");
$world->sql("update meetlink.refresh set refreshed_at = null, last_at = null where owner_id = '" . $tutors[3]->id . "'");
wait_until('an idle connection is refreshed', sub {
	$world->sql("select token_expires_at > now() from $table where tutor_id = '" . $tutors[3]->id . "'") eq 't' });
pass('a refresh token that nobody used for 61 days is used, so that it does not die');

is($only_new->stop, 0, 'the daemon ends in order');
done_testing();
