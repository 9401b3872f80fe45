# Canary: recognisable tokens, client secrets and start_urls go through success and failure at the most verbose log level;
# afterwards no log, table, view, metric or HTTP answer holds any of them. Every secret of the stand-in has "standin-secret" in it.
use strict;
use warnings;

use HTTP::Tiny;
use Meetlink::World;
use Meetlink::Wait qw(wait_until);
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $port  = PostgreSQL::Test::Cluster::get_free_port();
my $world = Meetlink::World->new(
	postgres => "log_statement = 'none'\nlog_error_verbosity = verbose",
	config   => { log => { level => '"trace"' }, http => { listen => "\"127.0.0.1:$port\"" }, sidecar => { http_timeout => '"2s"' } });
my $standin = $world->standin;
my %secret = map { $_ => 1 } ('standin-secret', 'zoom-secret', 'google-secret', 'test key');

my $n = 0;
for my $provider (qw(google_meet zoom))
{
	my $kind = $provider eq 'zoom' ? 'zoom' : 'google';
	my @faults = (undef, map { { provider => $kind, %$_ } }
		  { operation => 'token', effect => 'cut_after' }, { operation => 'token', effect => 'not_json' }, { operation => 'token', effect => 'cut_json' },
		{ operation => 'token', effect => 'truncated' }, { operation => 'token', effect => "$kind.token." . ($kind eq 'zoom' ? 'invalid_grant' : 'expired_or_revoked') },
		{ operation => 'token', effect => "$kind.token.invalid_client" }, { operation => 'create', effect => 'cut_after' }, { operation => 'create', effect => 'cut_json' },
		{ operation => 'create', effect => 'foreign_link' }, { operation => 'create', effect => 'truncated' });
	for my $fault (@faults)
	{
		my $tutor = $world->tutor(name => 'canary' . ++$n, provider => $provider);
		$tutor->expire_access;
		$standin->fault(%$fault, account => $tutor->{account}) if $fault;
		my $id = $tutor->book;
		wait_until('the session was tried', sub { $world->sql("select count(*) from meetlink.attempt where session_id = '$id'") > 0 });
		my $account = $standin->admin(GET => $tutor->account_path);
		$secret{ $account->{$_} } = 1 for grep { defined $account->{$_} && !ref $account->{$_} && length $account->{$_} } qw(access_token refresh_token);
	}
}
my $http = HTTP::Tiny->new->get("http://127.0.0.1:$port/metrics");
is($http->{status}, 200, 'the metrics are there');
is($world->daemon->stop, 0, 'the daemon ends');

my %place = (
	'the daemon\'s log'   => $world->daemon->log_text,
	'the server\'s log'   => slurp_file($world->node->logfile),
	'the metrics'         => $http->{content},
	'sessions'            => $world->sql('select to_jsonb(s) from sessions s'));
for my $relation (split /\n/, $world->sql("select relname from pg_class where relnamespace = 'meetlink'::regnamespace and relkind in ('r', 'v')"))
{
	$place{"meetlink.$relation"} = $world->sql("select to_jsonb(x) from meetlink.$relation x");
}
$place{'meetlink.health()'} = $world->sql('select to_jsonb(h) from meetlink.health() h');
cmp_ok(length $place{'the daemon\'s log'}, '>', 10000, 'the log is verbose: ' . length($place{'the daemon\'s log'}) . ' bytes');
for my $name (sort keys %place)
{
	my @found = grep { index($place{$name}, $_) >= 0 } keys %secret;
	is(scalar @found, 0, "$name: none of " . keys(%secret) . ' secrets');
}
done_testing();
