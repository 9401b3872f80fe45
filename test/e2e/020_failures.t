# Everything that a provider can do wrong: the right reason on that one row, everything else goes on, no
# secret gets out, and in the end there is exactly one meeting.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $world   = Meetlink::World->new(config => { sidecar => { http_timeout => '"2s"' } });
my $standin = $world->standin;
my $link    = { google_meet => qr{^https://meet\.google\.com/}, zoom => qr{^https://[a-z0-9.]*zoom\.us/} };
my %healthy = map { ($_ => $world->tutor(name => "Healthy-$_", provider => $_)) } keys %$link;
my $redirect = $standin->url . '/v2/redirected';

# [effect, more of the fault, reason, what mends it]. The mend: self (the next try), retry (by hand),
# reconnect. Faults whose mend is "self" happen once, others until they are cleared; a refresh at Zoom whose
# outcome is unknown is repeated within the attempt, so there they happen twice.
my @common = (
	[ 'not_json',        {}, 'answer_unreadable',    'self' ],
	[ 'empty',           {}, 'answer_unreadable',    'self' ],
	[ 'cut_json',        {}, 'answer_unreadable',    'self' ],
	[ 'truncated',       {}, 'network_error',        'self' ],
	[ 'body_size',       {}, 'answer_unreadable',    'self' ],
	[ 'ok_without_link', {}, 'link_missing',         'retry' ],
	[ 'foreign_link',    {}, 'link_rejected',        'retry' ],
	[ 'javascript_link', {}, 'link_rejected',        'retry' ],
	[ 'http_link',       {}, 'link_rejected',        'retry' ],
	[ 'redirect',        { location => $redirect }, 'answer_unreadable', 'self' ],
	[ 'cut_before',      {}, 'network_error',        'self' ],
	[ 'cut_after',       {}, 'network_error',        'self' ],
	[ 'cut_after',       { reset => \1 }, 'network_error', 'self' ],
	[ 'hang',            {}, 'provider_timeout',     'self' ],
	[ 'hang_after',      {}, 'provider_timeout',     'self' ],
	(map { [ 'answer', { status => 429, body => '{}', retry_after_s => 4, retry_after_form => $_ }, 'rate_limited', 'self', 4 ] } qw(seconds http_date iso)),
	[ 'answer', { status => 503, body => '', retry_after_s => 4 }, 'provider_unavailable', 'self', 4 ]);
my %create = (
	google_meet => [
		@common,
		[ 'google.rateLimitExceeded',       {}, 'rate_limited',         'self' ],
		[ 'google.userRateLimitExceeded',   {}, 'rate_limited',         'self' ],
		[ 'google.quotaExceeded',           {}, 'quota_exceeded',       'retry', 3600 ],
		[ 'google.502_html',                {}, 'provider_unavailable', 'self' ],
		[ 'google.backendError',            {}, 'provider_unavailable', 'self' ],
		[ 'google.conflict',                {}, 'provider_unavailable', 'self' ],
		[ 'google.accessNotConfigured',     {}, 'api_disabled',         'retry' ],
		[ 'google.forbidden',               {}, 'calendar_forbidden',   'retry' ],
		[ 'google.invalidConferenceType',   {}, 'meet_unavailable',     'retry' ],
		[ 'google.insufficientPermissions', {}, 'scope_missing',        'reconnect' ],
		[ 'google.badRequest',              {}, 'request_rejected',     'retry' ],
		[ 'google.timeRangeEmpty',          {}, 'invalid_schedule',     'retry' ],
		[ 'google.authError',               {}, 'token_rejected',       'reconnect' ],
		[ 'google.authError.403',           {}, 'token_rejected',       'reconnect' ],
	],
	zoom => [
		@common,
		[ 'zoom.per_second',     {}, 'rate_limited',         'self' ],
		[ 'zoom.concurrent',     {}, 'rate_limited',         'self' ],
		[ 'zoom.daily',          {}, 'daily_limit',          'retry' ],
		[ 'zoom.user_daily',     {}, 'daily_limit',          'retry' ],
		[ 'zoom.user_daily.no_header', {}, 'daily_limit',    'retry' ],
		[ 'zoom.user_daily.300', {}, 'daily_limit',          'retry' ],
		[ 'zoom.502_html',       {}, 'provider_unavailable', 'self' ],
		[ 'zoom.4711',           {}, 'app_scope_missing',    'retry' ],
		[ 'zoom.300.validation', {}, 'request_rejected',     'retry' ],
		[ 'zoom.3161',           {}, 'hosting_not_allowed',  'retry' ],
		[ 'zoom.200',            {}, 'plan_required',        'retry' ],
		[ 'zoom.1001',           {}, 'account_gone',         'reconnect' ],
		[ 'zoom.124',            {}, 'token_rejected',       'reconnect' ],
	]);
my %token = (
	google_meet => [
		[ 'google.token.expired_or_revoked',    {}, 'grant_revoked',        'reconnect' ],
		[ 'google.token.invalid_rapt',          {}, 'reauth_policy',        'reconnect' ],
		[ 'google.token.invalid_client',        {}, 'client_rejected',      'retry' ],
		[ 'google.token.admin_policy_enforced', {}, 'blocked_by_admin',     'reconnect' ],
		[ 'google.token.unsupported_grant_type', {}, 'request_rejected',    'retry' ],
		[ 'google.token.rate_limit_exceeded',   {}, 'rate_limited',         'self' ],
		[ 'google.token.server_error',          {}, 'provider_unavailable', 'self' ],
		[ 'google.token.502_html',              {}, 'provider_unavailable', 'self' ],
		[ 'not_json',                           {}, 'answer_unreadable',    'self' ],
		[ 'cut_before',                         {}, 'network_error',        'self' ],
		[ 'cut_after',                          {}, 'network_error',        'self' ],
		[ 'hang',                               {}, 'provider_timeout',     'self' ],
	],
	zoom => [
		[ 'zoom.token.invalid_grant',       {}, 'grant_revoked',        'reconnect' ],
		[ 'zoom.token.invalid_token_old',   {}, 'grant_revoked',        'reconnect' ],
		[ 'zoom.token.invalid_client',      {}, 'client_rejected',      'retry' ],
		[ 'zoom.token.unauthorized_client', {}, 'client_rejected',      'retry' ],
		[ 'zoom.token.rate_limit',          {}, 'rate_limited',         'self' ],
		[ 'zoom.token.502_html',            {}, 'provider_unavailable', 'self' ],
		[ 'zoom.token.503',                 {}, 'provider_unavailable', 'self' ],
		[ 'cut_before',                     {}, 'network_error',        'self' ],
		[ 'hang',                           {}, 'provider_timeout',     'self' ],
		# Zoom has rotated the token, and the answer with the new one is lost
		[ 'cut_after',                      {}, 'grant_response_lost',  'reconnect' ],
	]);

my @cases;
for my $provider (qw(google_meet zoom))
{
	push @cases, map { my $operation = $_; map { [ $provider, $operation, @$_ ] } @{ ($operation eq 'create' ? \%create : \%token)->{$provider} } } qw(create token);
}

# First everything fails ...
my $number = 0;
for my $case (@cases)
{
	my ($provider, $operation, $effect, $more, $reason, $mend, $after) = @$case;
	my $what  = join ' ', $provider, $operation, $effect, map { ref $more->{$_} ? $_ : $more->{$_} } grep { !/location|body/ } sort keys %$more;
	my $tutor = $world->tutor(name => 'Tutor' . ++$number, provider => $provider);
	my $times = $reason eq 'grant_response_lost' ? 1 : $mend ne 'self' ? 'forever' : "$provider $operation" eq 'zoom token' && $reason ne 'rate_limited' ? 2 : 1;
	my $fault = $standin->fault(effect => $effect, operation => $operation, account => $tutor->account, times => $times, %$more);
	$tutor->forget_access if $operation eq 'token';
	my $session = $tutor->book;

	my $attempt = "from meetlink.attempt where session_id = '$session'";
	my ($got, $outcome, $wait) = split /\|/, wait_until("$what has an outcome",
		sub { $world->sql("select reason, outcome, coalesce(extract(epoch from next_at - finished_at), -1) $attempt order by id limit 1") });
	is("$got $outcome", "$reason failed", "$what: $reason");
	my ($blocks, $for_all) = map { $_ eq 't' } split /\|/, $world->sql("select disposition = 'block', disposition = 'block' and scope = 'provider' from meetlink.reason where code = '$reason'");
	is($world->job($session)->{state}, 'blocked', 'blocked') if $blocks;
	if ($for_all)
	{
		# It holds up everybody, and every token that is refreshed meanwhile has it tried again (076_operator_errors.t):
		# the next cases must not meet it.
		$standin->admin(DELETE => "faults/$fault");
		$fault = undef;
		wait_until("$what: the operator has mended it", sub { $world->retry($session)->{status} eq 'linked' });
	}
	cmp_ok($wait, '>', 0, "next try in $wait s") unless $blocks;
	ok($wait > $after * 0.5 && $wait < $after * 1.3 + 1, "after $wait s, about the $after s it asked for") if $after;
	ok($world->link_of($healthy{$provider}->book), 'others go on');
	$case = [ $what, $provider, $tutor, $session, $fault, $mend ];
}

# ... then it is mended.
for my $case (@cases)
{
	my ($what, $provider, $tutor, $session, $fault, $mend) = @$case;
	$standin->admin(DELETE => "faults/$fault") if $fault;
	if ($mend eq 'reconnect')
	{
		$world->wait_for_job($session, 'blocked');
		$tutor->reconnect;
	}
	is($world->retry($session)->{status}, 'linked', "$what: linked by a retry") if $mend eq 'retry';
	like($world->link_of($session), $link->{$provider}, "$what: mended by: $mend");
	is(scalar @{ $standin->meetings($session) }, 1, 'with exactly one meeting');
}
is($world->sql('select count(*) from meetlink.job'), 0, 'in the end no job is left');
is($world->sql("select count(*) from meetlink.attempt where reason = 'internal_defect' or outcome <> 'failed' and reason is not null"), 0, 'and nothing failed in meetlink itself');
is(scalar @{ $standin->requests(contains => 'redirected')->{requests} }, 0, 'no redirect was followed');

# --- secrets
is($world->daemon->stop, 0, 'the daemon ends well');
my $secret = qr/standin-secret|google-secret|zoom-secret|test key|start_url|Authorization|Bearer /i;
my ($leak) = $world->daemon->log_text =~ /(.{0,60}$secret.{0,20})/;
is($leak, undef, 'the log, at level debug, holds no secret');
for my $table (split /\n/, $world->sql("select oid::regclass from pg_class where relkind = 'r' and (relnamespace = 'meetlink'::regnamespace and relname <> 'reason' or oid in ('sessions'::regclass, 'tutor_video_provider_connections'::regclass))"))
{
	($leak) = $world->sql("select t from $table t") =~ /(.{0,60}$secret.{0,20})/;
	is($leak, undef, "nor does table $table");
}
unlike($world->node->logfile ? PostgreSQL::Test::Utils::slurp_file($world->node->logfile) : '', qr/standin-secret|google-secret|zoom-secret/, q(nor the server's log));
done_testing();
