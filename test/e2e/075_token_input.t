# What token endpoints answer when they misbehave, and what the application may have stored: each a typed reason, no
# loop, nothing lost. At Google and at Zoom alike.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world   = Meetlink::World->new(config => { zoom => { max_per_second => 10000 }, sidecar => { http_timeout => '"5s"' } });
my $standin = $world->standin;
my $table   = 'tutor_video_provider_connections';
my $n       = 0;

# A tutor whose stored access token has run out, but is still good at the provider: it can be answered again.
sub expired_here
{
	my ($provider) = @_;
	my $tutor = $world->tutor(name => 'tutor' . ++$n, provider => $provider);
	$tutor->forget_access;
	return ($tutor, $standin->admin(GET => $tutor->account_path)->{access_token});
}

sub of_tutor { my ($tutor, $what) = @_; return $world->sql("select $what from $table where tutor_id = '" . $tutor->id . "'") }
sub token_calls { my ($tutor) = @_; return scalar @{ $standin->requests(operation => 'token', account => $tutor->{account})->{requests} } }

# Scripts what the token endpoint does for this tutor.
sub endpoint
{
	my ($tutor, %rule) = @_;
	return $standin->fault(provider => $tutor->{provider} eq 'zoom' ? 'zoom' : 'google', operation => 'token', account => $tutor->{account}, %rule);
}

sub answers { my ($tutor, $body, %more) = @_; return endpoint($tutor, effect => 'answer', status => 200, body => $body, %more) }

for my $provider (qw(google_meet zoom))
{
	# --- what is stored -------------------------------------------------------------------------------------------

	for my $case ([ 'null', 'null' ], [ 'empty', "''" ])
	{
		my ($tutor) = expired_here($provider);
		$world->sql("update $table set refresh_token_encrypted = $case->[1] where tutor_id = '" . $tutor->id . "'");
		my $session = $tutor->book;
		$world->wait_for_job($session, 'blocked', 'token_missing');
		is(token_calls($tutor), 0, "$provider: a refresh token that is $case->[0]: token_missing, and the provider is not asked");
		$tutor->reconnect;
		ok($world->link_of($session), 'and a reconnect helps');
	}

	# --- expires_in and refresh_token of the answer ---------------------------------------------------------------

	my @odd = (
		[ 'no expires_in' => {} ], [ 'expires_in 0' => { expires_in => 0 } ], [ 'a negative expires_in' => { expires_in => -5 } ],
		[ 'expires_in in a string' => { expires_in => '3599' } ], [ 'a word as expires_in' => { expires_in => 'soon' } ],
		[ 'expires_in beyond any time' => { expires_in => 9e17 } ], [ 'refresh_token null' => { expires_in => 3599, refresh_token => undef } ],
		[ 'an empty refresh_token' => { expires_in => 3599, refresh_token => '' } ], [ 'a number as refresh_token' => { expires_in => 3599, refresh_token => 7 } ]);
	for my $case (@odd)
	{
		my ($name, $more) = @$case;
		my ($tutor, $access) = expired_here($provider);
		my $refresh = of_tutor($tutor, 'refresh_token_encrypted');
		answers($tutor, { access_token => $access, token_type => 'Bearer', %$more }, times => 'forever');
		ok($world->link_of($tutor->book), "$provider: $name: the link is made");
		is(of_tutor($tutor, "token_expires_at > now() + interval '1 minute'"), 't', 'the token counts as good for a while');
		is(of_tutor($tutor, 'refresh_token_encrypted'), $refresh, 'the refresh token is kept');
		ok($world->link_of($tutor->book), 'a second session follows');
		is(token_calls($tutor), 1, 'and the token endpoint was asked once in all');
	}
	$standin->clear_faults;

	# --- large tokens ---------------------------------------------------------------------------------------------

	my ($large) = expired_here($provider);
	answers($large, { access_token => 'x' x 65536, expires_in => 3600 });
	my $session = $large->book('30 minutes');
	wait_until('the large token is stored', sub { of_tutor($large, 'length(access_token_encrypted) > 131072') eq 't' });
	my $link = $world->link_of($session, 120);
	ok($link, "$provider: an access token of 64 KB is stored, no header can carry it, and the connection recovers by itself");
	is($world->sql("select string_agg(distinct coalesce(reason, outcome), ' ') from meetlink.attempt where session_id = '$session' and outcome = 'failed'"),
		'answer_unreadable', 'the attempt in between has a typed reason');
	is(token_calls($large), 2, 'for one more refresh');
	is(of_tutor($large, "is_active and connection_status = 'connected' and length(access_token_encrypted) < 2000"), 't', 'and the tutor was not bothered');

	my ($long, $access) = expired_here($provider);
	answers($long, { access_token => $access, refresh_token => 'r' x 65536, expires_in => 3600 });
	ok($world->link_of($long->book), "$provider: a refresh token of 64 KB is stored like any other");
	$long->forget_access;
	$session = $long->book;
	$world->wait_for_job($session, 'blocked', 'grant_revoked');
	pass('sent, and refused with a typed reason, since the provider does not know it');
	$long->reconnect;
	ok($world->link_of($session), 'after which a reconnect helps');

	# --- another charset ------------------------------------------------------------------------------------------

	my ($wide) = expired_here($provider);
	my $before = of_tutor($wide, 'refresh_token_encrypted');
	endpoint($wide, effect => 'utf16');
	ok($world->link_of($wide->book), "$provider: an answer in UTF-16 is read");
	is(token_calls($wide), 1, 'at once');
	isnt(of_tutor($wide, 'refresh_token_encrypted'), $before, 'and the rotated token is kept') if $provider eq 'zoom';
	$wide->forget_access;
	ok($world->link_of($wide->book), 'as the next refresh shows');

	# --- answers that are none ------------------------------------------------------------------------------------

	my $elsewhere = $standin->url . '/elsewhere';
	for my $case (
		[ '200 with an error body',  'provider_unavailable', body => { error => 'server_error', error_description => 'try later' } ],
		[ '200 with its refusal',    'rate_limited',         status => 429, body => { error => 'rate_limit_exceeded' } ],
		[ 'HTML with status 200',    'answer_unreadable',    body => '<html>maintenance</html>' ],
		[ 'an unknown charset',      'answer_unreadable',    body => "\x{a2}\x{e9}\x{f1}", headers => { 'content-type' => 'application/json; charset=ebcdic' } ],
		[ 'an empty object',         'answer_unreadable',    body => {} ],
		[ 'a list',                  'answer_unreadable',    body => '[1,2]' ],
		[ 'an access token of null', 'answer_unreadable',    body => { access_token => undef, expires_in => 3599 } ],
		[ 'a token with a line break', 'answer_unreadable',  body => { access_token => "a\r\nX-Evil: 1", expires_in => 3599 } ],
		[ 'a redirect',              'answer_unreadable',    effect => 'redirect', location => $elsewhere ],
		[ '429',                     'rate_limited',         status => 429, body => '' ],
		[ '503 in HTML',             'provider_unavailable', status => 503, body => '<html>' ])
	{
		my ($name, $reason, %rule) = @$case;
		my ($tutor) = expired_here($provider);
		my $stored = of_tutor($tutor, 'row(refresh_token_encrypted, is_active, connection_status)');
		answers($tutor, '', %rule, times => 'forever');
		my $id  = $tutor->book;
		my $job = wait_until("$name: the job has a reason", sub { my $j = $world->job($id); $j->{reason} ? $j : undef });
		is("$job->{reason} $job->{state}", "$reason waiting", "$provider: $name: $reason, tried again");
		is(of_tutor($tutor, 'row(refresh_token_encrypted, is_active, connection_status)'), $stored, 'the connection is as it was');
		my $calls = token_calls($tutor);
		my $attempts = $world->job($id)->{attempts};
		# a rotating token whose answer cannot be read is sent once more: it may be in its grace
		cmp_ok($calls, '<=', 2 * $attempts, "nobody asks in a loop: $calls requests in $attempts attempts");
		$standin->clear_faults;
		is($world->retry($id)->{status}, 'linked', 'and once the endpoint answers, the link is made');
	}
	is(scalar @{ $standin->requests(contains => 'elsewhere')->{requests} }, 0, "$provider: no redirect was followed");
}

is($world->sql("select count(*) from meetlink.attempt where reason = 'internal_defect'"), '0', 'no attempt ended for an unnamed reason');
is($world->daemon->stop, 0, 'the daemon ends in order');
done_testing();
