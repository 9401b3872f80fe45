# DROP EXTENSION leaves an application that works, also in sessions that were there before; installed and
# attached again, the same sessions flag again.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Meetlink::Database;

my $node = start_server('drop_extension');
my $app = $node->background_psql('postgres');
my $everything = sub {
	my ($number) = @_;
	$app->query_safe("select fixture.book($number)");
	$app->query_safe("update public.sessions set scheduled_start_at = scheduled_start_at + interval '1 hour', scheduled_end_at = scheduled_end_at + interval '1 hour'");
	$app->query_safe('update public.tutor_video_provider_connections set access_token_encrypted = gen_random_uuid()::text');
	$app->query_safe("delete from public.sessions where id <> fixture.session($number)");
	return;
};

# all statements of the module are planned in this session
$everything->(1);
is($node->safe_psql('postgres', 'select fixture.job(1)'), 'due', 'a session flags');
my ($status, undef, $error) = $node->psql('postgres', 'drop extension meetlink');
isnt($status, 0, 'DROP EXTENSION alone refuses while attached');
like($error, qr/trigger meetlink_flag_insert on table sessions depends on/, 'and says what depends on it');
$node->safe_psql('postgres', 'drop extension meetlink cascade');
is($node->safe_psql('postgres', q{select (select count(*) from pg_trigger where tgname like 'meetlink%'),
	(select count(*) from pg_namespace where nspname = 'meetlink'), (select count(*) from pg_proc where proname like '%retry_meeting_link%')}), '0|0|0',
	'DROP EXTENSION CASCADE takes triggers, schema and functions with it');
$everything->(2);
is($node->safe_psql('postgres', 'select count(*) from public.sessions'), 1, 'and the same session of the application books, moves, reconnects and deletes');

$node->safe_psql('postgres', 'create extension meetlink; select meetlink.attach()');
is($node->safe_psql('postgres', 'select flagged from meetlink.sweep()'), 1, 'installed again, the sweep finds what was booked meanwhile');
$everything->(3);
is($node->safe_psql('postgres', 'select count(*), min(fixture.job(3)) from meetlink.job'), '1|due', 'and the same session flags again');

# a table that is dropped while attached
my (undef, undef, $refusal) = $node->psql('postgres', 'drop table public.sessions');
like($refusal, qr/view meetlink.session depends on table sessions/, 'dropping the sessions table names what depends on it');
$app->query_safe('begin; set local client_min_messages = warning; drop table public.sessions cascade; rollback');
$everything->(4);
is($node->safe_psql('postgres', 'select fixture.job(4)'), 'due', 'rolled back, everything works as before');

$app->quit;
$node->stop;
done_testing();
