# Canary: recognisable tokens, client secrets and start_urls go through success and failure at the most verbose log level;
# afterwards no log, table, view, metric or HTTP answer holds any of them, and no memory of the daemon holds a token
# any more. Every token and start_url of the stand-in has "standin-secret" in it.
use strict;
use warnings;

use Meetlink::Http qw(address call);
use Meetlink::Memory qw(found_in_memory);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $key    = 'canary-of-an-encryption-key-0123456789';
my $former = 'canary-of-a-former-encryption-key-01234';
my %client = map { ($_ => "canary-of-the-client-secret-of-$_") } qw(google zoom);
my $world  = Meetlink::World->new(
	no_daemon => 1,
	postgres  => "log_statement = 'none'\nlog_error_verbosity = verbose\nlog_min_messages = debug1");
$world->sql("create role meetlink_http login in role meetlink_gateway");
my $standin = $world->standin;
my $conninfo = $world->node->connstr('app');
my $daemon  = $world->add_daemon(
	name => 'canary', key => $key,
	config => {
		log     => { level => '"trace"' },
		http    => { listen => '"127.0.0.1:0"', conninfo => "\"$conninfo user=meetlink_http\"" },
		tokens  => { previous_keys => "[\"$former\"]" },
		sidecar => { http_timeout => '"2s"' },
		map { ($_ => { client_secret => "\"$client{$_}\"" }) } keys %client
	})->start;
my $url    = 'http://' . address($daemon);
my %secret = map { ($_ => 1) } 'standin-secret', $key, $former, values %client;

sub tutor
{
	my ($name, $provider) = @_;
	my $kind = $provider eq 'zoom' ? 'zoom' : 'google';
	return $world->tutor(name => $name, provider => $provider, key => $key, account_options => { client_secret => $client{$kind} });
}

sub remember
{
	my ($tutor) = @_;
	my $account = $standin->admin(GET => $tutor->account_path);
	$secret{ $account->{$_} } = 1 for grep { defined $account->{$_} && !ref $account->{$_} && length $account->{$_} } qw(access_token refresh_token);
	return;
}

my @answers;    # of the daemon's HTTP server, with their headers

sub asked
{
	my (@call) = @_;
	my $answer = call(@call);
	push @answers, join "\n", (map { "$_: $answer->{headers}{$_}" } sort keys %{ $answer->{headers} }), $answer->{body} // '';
	return $answer;
}

my $n = 0;
my %reason;
for my $provider (qw(google_meet zoom))
{
	my $kind = $provider eq 'zoom' ? 'zoom' : 'google';
	my $token = sub { map { { provider => $kind, operation => 'token', effect => $_ } } @_ };
	my $create = sub { map { { provider => $kind, operation => 'create', effect => $_ } } @_ };
	my @faults = (
		undef,
		$token->(qw(cut_before cut_after not_json cut_json empty truncated utf16 redirect), "$kind.token.invalid_client",
			$kind eq 'zoom' ? qw(zoom.token.invalid_grant zoom.token.4711 zoom.token.500 zoom.token.rate_limit)
			: qw(google.token.expired_or_revoked google.token.bad_request google.token.invalid_rapt google.token.502_html)),
		# the endpoint repeats what it was sent, as words and as a code
		{ provider => $kind, operation => 'token', effect => 'answer', status => 400, echo => sub { { error => 'invalid_grant', error_description => "bad: $_[0]{refresh_token}" } } },
		{ provider => $kind, operation => 'token', effect => 'answer', status => 400, echo => sub { { error => $_[0]{refresh_token} } } },
		{ provider => $kind, operation => 'create', effect => 'answer', status => 400, echo => sub {
			{ code => 300, message => "no: Bearer $_[0]{access_token}", errors => [ { field => $_[0]{access_token}, message => 'no' } ],
				error => { message => "no: $_[0]{access_token}", errors => [ { reason => $_[0]{access_token} } ] } } } },
		$create->(qw(cut_before cut_after not_json cut_json truncated foreign_link javascript_link ok_without_link), $kind eq 'zoom' ? qw(zoom.124 zoom.4711 zoom.500) : qw(google.authError google.backendError google.forbidden)));
	for my $fault (@faults)
	{
		my $tutor = tutor('canary' . ++$n, $provider);
		remember($tutor);
		$tutor->expire_access;
		my %rule = %{ $fault // {} };
		my $echo = delete $rule{echo};
		$rule{body} = $echo->($standin->admin(GET => $tutor->account_path)) if $echo;
		my $rule = $fault && $standin->fault(%rule, account => $tutor->{account}, times => 'forever');
		my $id = $tutor->book;
		wait_until('the session was tried', sub { $world->sql("select count(*) from meetlink.attempt where session_id = '$id'") > 0 });
		my $answer = asked("$url/api/sessions/retry-meeting-link", body => "{\"sessionId\": \"$id\"}");
		$reason{ $answer->{json}{reason} // 'linked' }++ if $answer->{json};
		$standin->admin(DELETE => "faults/$rule") if $rule;
		# an operator's error would stop the others
		$world->sql("delete from meetlink.provider_block; select meetlink.retry_stuck(reason => 'client_rejected')") if $fault && $fault->{effect} =~ /invalid_client/;
		remember($tutor);
	}
}
cmp_ok(scalar keys %reason, '>=', 8, scalar(@answers) . ' sessions were tried, with the outcomes ' . join ' ', sort keys %reason);
asked("$url$_") for qw(/metrics /healthz /readyz /nowhere);
asked("$url/api/sessions/create-missing-meetings", method => 'POST', type => 'application/json', body => '');
asked("$url/api/sessions/retry-meeting-link", body => $_) for '{"sessionId": "standin"}', '{broken', '';

# --- memory ---------------------------------------------------------------------------------------------------

# A round of successes, so that what follows is about their tokens too.
my @last = map { tutor("last$_->[0]", $_->[1]) } [ 1, 'zoom' ], [ 2, 'google_meet' ], [ 3, 'zoom' ], [ 4, 'google_meet' ];
for my $tutor (@last) { remember($tutor); $tutor->expire_access; $world->link_of($tutor->book); remember($tutor) }
$world->sql("update meetlink.job set state = 'blocked', reason = 'link_rejected' where state in ('due', 'waiting')");
# Looking for the meetings that attempts without an answer may have made takes tokens too, at its own time.
wait_until('the daemon is idle', sub {
	$world->sql("update meetlink.orphan set due_at = clock_timestamp() + interval '1 day' where lease_until is null;
		select (select count(*) from meetlink.job where state in ('due', 'claimed', 'waiting'))
		+ (select count(*) from meetlink.refresh where held_by is not null)
		+ (select count(*) from meetlink.orphan where lease_until is not null)") eq '0' });
my @tokens = grep { /standin-secret./ } keys %secret;
SKIP:
{
	skip 'AddressSanitizer keeps freed memory, and brings an allocator of its own', 4
	  if ($ENV{MEETLINKD} // '') =~ /asan/ || ($ENV{MEETLINKD_WRAPPER} // '') ne '';
	my %found = found_in_memory($daemon->process->pid, @tokens, $key, $former, values %client);
	# What it needs for its life is there, which also proves that the search finds what is there: the positive control.
	ok($found{ $client{$_} }, "the client secret of $_ is in the daemon's memory: it is needed") for qw(google zoom);
	is(join(' ', grep { $found{$_} } $key, $former), '', 'neither encryption key is, once the cipher\'s keys are derived');
	my @kept = grep { $found{$_} } @tokens;
	is(scalar @kept, 0, 'none of ' . scalar(@tokens) . ' tokens is, in plain text') or diag join "\n", map { "$found{$_} x $_" } @kept;
}

# --- logs, tables, views, answers -----------------------------------------------------------------------------

is($daemon->stop, 0, 'the daemon ends');
my ($code, $output) = $daemon->run('--check');
my %place = (
	'the daemon\'s log'     => $daemon->log_text,
	'the output of --check' => $output,
	'the server\'s log'     => slurp_file($world->node->logfile),
	'the HTTP answers'      => join("\n", @answers));
# every table and view that anybody has, the application's too
for my $relation (split /\n/, $world->sql("select c.oid::regclass from pg_class c where c.relkind in ('r', 'v', 'm', 'p')
	and c.relnamespace in ('meetlink'::regnamespace, 'public'::regnamespace)"))
{
	$place{$relation} = $world->sql("select to_jsonb(x) from $relation x");
}
$place{'meetlink.health()'}   = $world->sql('select to_jsonb(h) from meetlink.health() h');
$place{'meetlink.forecast()'} = $world->sql("select to_jsonb(f) from meetlink.forecast('30 days') f");
$place{'meetlink.explain()'}  = $world->sql('select to_jsonb(e) from sessions s, meetlink.explain(s.id::text) e');

sub canaries_in { my ($text) = @_; return grep { index($text, $_) >= 0 } keys %secret }

# The positive control: the same search finds a canary that is planted in a copy of each place.
my @blind = grep { my $copy = $place{$_}; substr($copy, int(length($copy) / 2), 0) = $tokens[0]; !canaries_in($copy) } keys %place;
is("@blind", '', 'a canary that is planted is found in each of ' . keys(%place) . ' places');
$world->sql("insert into meetlink.attempt (session_id, claim_id, attempt, daemon, started_at, outcome, reason, detail)
	values ('planted', 0, 1, 'x', now(), 'failed', 'internal_defect', 'HTTP 400: $tokens[0]')");
ok(canaries_in($world->sql('select to_jsonb(x) from meetlink.attempt x')), 'one that is planted in a table too');
$world->sql("delete from meetlink.attempt where session_id = 'planted'");

cmp_ok(length $place{'the daemon\'s log'}, '>', 30000, 'the log is verbose: ' . length($place{'the daemon\'s log'}) . ' bytes');
cmp_ok(scalar @answers, '>', 40, scalar(@answers) . ' HTTP answers were kept');
like($place{'the HTTP answers'}, qr/meetlink_token_refreshes_total/, 'the metrics among them');
for my $name (sort keys %place)
{
	is(join(' ', canaries_in($place{$name})), '', "$name: none of " . keys(%secret) . ' secrets');
}
done_testing();
