# The doorbell rings once for a transaction that made something due, when it commits, and else not at all.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Meetlink::Database;

my $node = start_server('doorbell');
my $listener = listener($node);
my $run = sub { $node->safe_psql('postgres', $_[0]); return rings($listener) };

is($run->('select fixture.book(1)'), 1, 'one booking, one ring');
is($run->('select fixture.book(n) from generate_series(2, 500) n'), 1, 'a statement of many rows, one ring');
is($run->('begin; select fixture.book(501); select fixture.book(502); update public.sessions set tutor_id = fixture.ben(); commit'), 1,
	'a transaction of many statements, one ring');
is($run->('begin; select fixture.book(600); rollback'), 0, 'a rolled-back booking does not ring');
is($run->(q{select fixture.book(601, status => 'CANCELLED')}), 0, 'nor does a session that needs no link');
is($run->(q{update public.sessions set notes = '{}'}), 0, 'nor an update that changes nothing for meetlink');
is($run->(q{update public.sessions set status = 'CANCELLED'}), 0, 'nor a cancellation');
is($run->(q{set session_replication_role = replica; select fixture.book(602)}), 0, 'nor what no trigger sees');
is($run->('select meetlink.sweep()'), 1, 'until the sweep flags it');
is($run->('select meetlink.sweep()'), 0, 'a sweep that changes nothing does not ring');
is($run->(q{update public.tutor_video_provider_connections set access_token_encrypted = 'x'}), 0, 'nor a reconnect that nothing waited for');
is($run->(q{update meetlink.job set state = 'blocked', reason = 'grant_revoked';
	update public.tutor_video_provider_connections set access_token_encrypted = 'y'}), 1, 'a reconnect that wakes jobs does');
is($run->(q{create table public.later (id uuid primary key references public.sessions deferrable initially deferred);
	create function public.later() returns trigger language plpgsql as $$ begin perform fixture.book(603); return null; end $$;
	create constraint trigger later after insert on public.later deferrable initially deferred for each row execute function public.later();
	insert into public.later values (fixture.session(602))}), 1, 'a booking made by a deferred trigger, at commit, does');

# the daemon's probe
$node->safe_psql('postgres', "select meetlink.housekeep(1, 0, 'probe 7 12')");
like($listener->query("notify meetlink, 'after the probe'"), qr/"meetlink" with payload "probe 7 12"/, 'a probe comes back with its payload');

# what the booking session is told when a column was renamed
$node->safe_psql('postgres', 'alter table public.sessions rename column provider to service');
my ($status, undef, $told) = $node->psql('postgres', 'insert into public.sessions select (jsonb_populate_record(s, jsonb_build_object(
	\'id\', fixture.session(700), \'booking_id\', b.id, \'status\', \'SCHEDULED\', \'join_url\', null))).*
	from public.sessions s, (select gen_random_uuid() as id) x, lateral (select id from public.bookings order by id limit 1) b
	where s.id = fixture.session(602) on conflict (booking_id) do update set status = \'SCHEDULED\', join_url = null, duration_minutes = 61');
is($status, 0, 'a booking works after a mapped column was renamed');
like($told, qr/WARNING:  session in "sessions" could not be flagged.*\n.*another name now.*\nHINT:  Run: SELECT meetlink\.attach/,
	'with a warning that says what to do');

$listener->quit;
$node->stop;
done_testing();
