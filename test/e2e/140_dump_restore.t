# pg_dump and restore into another server: attachment, jobs, history, triggers, generated objects and
# rights are there and work, and the schema is the one that a fresh installation has. The tables and the
# database belong to a role that is no superuser.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Meetlink::Database;

my $mapping = '{"grant_to": ["authenticated"]}';

sub install
{
	my ($node, $database) = @_;
	$node->safe_psql('postgres', "create database $database owner app_owner");
	load_application($node, $database);
	$node->safe_psql($database, qq{
		alter table public.sessions owner to app_owner;
		alter table public.tutor_video_provider_connections owner to app_owner;
		grant references, select on public.bookings, public.profiles to app_owner;
		create extension meetlink;
		grant usage on schema meetlink to app_owner;
		grant execute on function meetlink.attach(regclass, regclass, jsonb), meetlink.detach(boolean) to app_owner;
		set role app_owner;
		select meetlink.attach(mapping => '$mapping')});
	return;
}

# pg_dump's order depends on history; its lines do not. Tokens of \restrict are random.
sub schema_of
{
	my ($node, $database) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/schema.sql";
	$node->command_ok([ 'pg_dump', '--schema-only', '--file', $file, $node->connstr($database) ], "the schema of $database can be dumped");
	return join "\n", sort grep { $_ ne '' && !/^(--|SET|\\|SELECT pg_catalog\.setval)/ } split /\n/, slurp_file($file);
}

my $node = start_server('source', attach => 0);
$node->safe_psql('postgres', 'create role app_owner');
install($node, 'app');
$node->safe_psql('app', q{
	select fixture.book(n) from generate_series(1, 5) n;
	select meetlink.register_daemon('d', '0.1');
	create temp table c as select * from meetlink.claim(1, 3, '1 hour');
	select meetlink.settle(1, (select jsonb_agg(jsonb_build_object('session_id', session_id, 'claim_id', claim_id, 'outcome',
		case when session_id = fixture.session(1)::text then 'linked' else 'failed' end, 'generation', 3, 'reason', 'grant_revoked', 'stage', 'token',
		'join_url', 'https://zoom.us/j/1', 'external_id', '1', 'connection_print', (select print from meetlink.connection)))
		from c where session_id <> fixture.session(3)::text));
	select meetlink.end_refresh(1, fixture.ada()::text, 'zoom', fence, 'provider_timeout', 'no answer')
	from meetlink.begin_refresh(1, fixture.ada()::text, 'zoom', '1 minute')});
my $contents = q{select (select jsonb_agg(j order by session_id) from meetlink.job j), (select jsonb_agg(a order by id) from meetlink.attempt a),
	(select jsonb_agg(r) from meetlink.refresh r), (select jsonb_agg(a) from meetlink.attachment a), (select id from meetlink.tenant),
	(select last_value from meetlink.claim_id), (select jsonb_agg(s order by session_id) from (select session_id, reason, state from meetlink.stuck_sessions) s)};
my $before = $node->safe_psql('app', $contents);

# into another server
my $target = start_server('target', attach => 0);
my $dump = "$PostgreSQL::Test::Utils::tmp_check/app.dump";
my $roles = "$PostgreSQL::Test::Utils::tmp_check/roles.sql";
$node->command_ok([ 'pg_dumpall', '--roles-only', '--file', $roles, '--dbname', $node->connstr('postgres') ], 'pg_dumpall of the roles');
$node->command_ok([ 'pg_dump', '--format=custom', '--file', $dump, $node->connstr('app') ], 'pg_dump');
$target->psql('postgres', slurp_file($roles), on_error_stop => 0);
$target->safe_psql('postgres', 'create database app owner app_owner');
$target->command_ok([ 'pg_restore', '--exit-on-error', '--dbname', $target->connstr('app'), $dump ], 'pg_restore');

is($target->safe_psql('app', $contents), $before, 'attachment, tenant, jobs, history and refreshes are restored as they were');
is($target->safe_psql('app', 'select flagged, retired, moved, unblocked from meetlink.sweep()'), '0|0|0|0', 'and fit the sessions, so restoring flagged nothing anew');

# it works
$target->safe_psql('app', 'select fixture.book(6)');
is($target->safe_psql('app', 'select fixture.job(6)'), 'due', 'a booking is flagged');
$target->safe_psql('app', q{update public.tutor_video_provider_connections set access_token_encrypted = 'new'});
is($target->safe_psql('app', 'select fixture.job(2)'), 'due grant_revoked', 'a reconnect wakes what was blocked');
my $daemon = $target->safe_psql('app', q{set role meetlink_sidecar; select daemon_id from meetlink.register_daemon('d', '0.1')});
is($target->safe_psql('app', "set role meetlink_sidecar; select min(claim_id) > 3 and count(*) = 4 from meetlink.claim($daemon, 10, '1 hour')"), 't',
	'the daemon claims, with claims that were never used before');
is($target->safe_psql('app', "set role meetlink_sidecar; select verdict from meetlink.settle($daemon, (select jsonb_agg(jsonb_build_object('session_id',
	'10000000-0000-0000-0000-000000000003', 'claim_id', 3, 'outcome', 'linked', 'join_url', 'https://zoom.us/j/3', 'external_id', '3', 'generation', 0))))"), 'lost',
	'a claim of the source server is nobody\'s here');
is($target->safe_psql('app', q{set role authenticated; set request.jwt.claims = '{"sub": "00000000-0000-0000-0000-00000000000a"}';
	select public.retry_meeting_link(id => '10000000-0000-0000-0000-000000000001') ->> 'status'}), 'linked', 'a role in grant_to may retry');
$target->safe_psql('app', 'set role app_owner; select meetlink.attach()');
pass('the owner attaches again');

# the same schema as a fresh installation
install($target, 'fresh');
my $restored = schema_of($target, 'app') =~ s/\bapp\b/fresh/gr;
is($restored, schema_of($target, 'fresh'), 'restored, its schema is that of a fresh installation');

$target->safe_psql('app', 'set role app_owner; select meetlink.detach()');
is($target->safe_psql('app', q{select count(*) from pg_trigger where tgname like 'meetlink%'}), 0, 'and it can be detached');

$_->stop for $node, $target;
done_testing();
