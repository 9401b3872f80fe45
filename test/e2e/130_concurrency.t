# Several sessions at once: nobody waits for the daemon longer than one of its statements, nobody
# deadlocks, and whoever commits first is right.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Meetlink::Database;

my $node = start_server('concurrency');
my $daemon = daemon_id($node, 'd');
my $other  = daemon_id($node, 'other');
my $app = $node->background_psql('postgres');    # the application
my $d   = $node->background_psql('postgres');    # the daemon
$_->query_safe(q{set statement_timeout = '60s'}) for $app, $d;

# A daemon's report on the claimed session of this number, as an expression.
sub report
{
	my ($number, $outcome, $more) = @_;
	$more //= '{}';
	return qq{(select jsonb_build_object('session_id', session_id, 'claim_id', claim_id, 'outcome', '$outcome', 'generation', 0,
		'join_url', 'https://zoom.us/j/$number', 'external_id', '$number', 'reason', 'network_error', 'stage', 'create',
		'connection_print', (select min(print) from meetlink.connection)) || '$more' from meetlink.job where session_id = fixture.session($number)::text)};
}
sub settle
{
	my (@reports) = @_;
	return "select string_agg(verdict, ' ' order by claim_id) from meetlink.settle($daemon, jsonb_build_array(" . join(', ', @reports) . '))';
}
# The report as it is now, for a later time.
sub frozen { return "'" . $node->safe_psql('postgres', 'select ' . report(@_)) . "'::jsonb" }
sub sql { return $node->safe_psql('postgres', $_[0]) }
sub fresh
{
	my (@numbers) = @_;
	my $list = join ', ', @numbers;
	sql("delete from public.sessions; delete from meetlink.orphan; select fixture.connect(fixture.ada()); select fixture.book(n) from unnest(array[$list]) n;
		select meetlink.claim($daemon, 100, '10 minutes')");
	return;
}

# An index that somebody else builds concurrently gets the jobs of a session that has booked before. An index that lacks
# rows is seen by whoever is made to use it.
$app->query_safe('select fixture.book(1)');
$node->safe_psql('postgres', 'create index concurrently job_flagged on meetlink.job (flagged_at)');
$app->query_safe('select fixture.book(2)');
$node->safe_psql('postgres', 'reindex index concurrently meetlink.job_flagged');
$app->query_safe('select fixture.book(3)');
is(sql(q{set enable_seqscan = off; set enable_bitmapscan = off; select count(*) from meetlink.job where flagged_at < 'infinity'}), 3, 'an index that another session builds gets every job that is flagged');
$node->safe_psql('postgres', 'drop index concurrently meetlink.job_flagged');
$app->query_safe('select fixture.book(4)');
is(sql('delete from public.sessions returning 1'), join("\n", (1) x 4), 'and when it is dropped, bookings go on');

# two claimers
sql('select fixture.book(n) from generate_series(1, 6) n');
$d->query_safe('begin');
is($d->query_safe("select count(*) from meetlink.claim($daemon, 4, '1 minute')"), 4, 'one daemon claims');
is($app->query_safe("select count(*) from meetlink.claim($other, 4, '1 minute')"), 2, 'another gets the rest while the first has not committed');
$d->query_safe('rollback');
is($app->query_safe("select count(*) from meetlink.claim($other, 10, '1 minute')"), 4, 'and what the first did not commit is due as before');

# a daemon claims while it settles, and counts both of the account's day
fresh(1, 2);
sql('select fixture.book(3)');
my $used = sql('select sum(used) from meetlink.daily_use');
$d->query_safe('begin');
is($d->query_safe(settle(report(1, 'failed', '{"writes": 2}'), report(2, 'linked', '{"writes": 3}'))), 'done done', 'outcomes are written');
is($app->query_safe("select count(*) from meetlink.claim($daemon, 10, '1 minute')"), 1, 'and before that is committed the same daemon claims another session of the account');
$d->query_safe('commit');
is(sql('select sum(used) from meetlink.daily_use') - $used, 1 + (2 - 1) + (3 - 1), 'all of it is counted');

# a rollback leaves nothing, on either side
sql(q{delete from public.sessions});
$app->query_safe('begin');
$app->query_safe('select fixture.book(1)');
is($d->query_safe("select count(*) from meetlink.claim($daemon, 10, '1 minute')"), 0, 'a booking that is not committed cannot be claimed');
$app->query_safe('rollback');
is($d->query_safe('select (select count(*) from meetlink.job), flagged from meetlink.sweep()'), '0|0', 'and leaves no job when it is rolled back');
fresh(1);
$app->query_safe(q{begin; update public.sessions set status = 'CANCELLED'; rollback});
is(sql("select (select fixture.job(1)), (select count(*) from meetlink.orphan)"), 'claimed|0', 'a cancellation that is rolled back leaves the claim, and no orphan');
is($d->query_safe(settle(report(1, 'linked'))), 'done', 'which is settled');

# a retry by hand while the session is claimed
fresh(1);
my $held = frozen(1, 'linked');
my $before = sql('select claim_id, attempts, lease_until from meetlink.job');
my $waiting = $node->background_psql('postgres');
$waiting->query_until(qr/asked/, "\\echo asked\nselect retry_meeting_link(fixture.session(1), '60 s') ->> 'status';\n");
$node->poll_query_until('postgres', q{select exists (select from pg_stat_activity where wait_event = 'Extension' and query ~ 'retry_meeting_link')}) or die 'nobody waits';
is(sql('select claim_id, attempts, lease_until from meetlink.job'), $before, 'a retry leaves a claim alone');
is($app->query_safe("select count(*) from meetlink.claim($other, 10, '1 minute')"), 0, 'and makes nothing due for another daemon');
is($d->query_safe(settle($held)), 'done', 'the claim is settled');
like($waiting->query('select 1'), qr/linked/, 'and that is what the retry answers');
$waiting->quit;

# a reconnect while the session is claimed, before the daemon asks for its tokens again
fresh(1);
$app->query_safe(q{update public.tutor_video_provider_connections set access_token_encrypted = 'other'});
is(sql("select claimed_by = $daemon, connection_print is null from meetlink.job"), 't|t', 'a reconnect leaves a claim alone, and leaves its mark');
is($d->query_safe("select access_token from meetlink.begin_refresh($daemon, fixture.ada()::text, 'zoom', '1 minute')"), 'other', 'the daemon sees the new tokens when it looks');

# settle while a cancellation is open, and afterwards
fresh(1, 2);
$app->query_safe(q{begin; update public.sessions set status = 'CANCELLED' where id = fixture.session(1)});
my ($one, $two) = (frozen(1, 'linked'), frozen(2, 'linked'));
is($d->query_safe(settle($one, $two)), 'busy done', 'a session that is being cancelled is busy, the rest of the batch goes on');
$app->query_safe('commit');
is($d->query_safe(settle($one)), 'lost', q(after the cancellation the meeting is nobody's));
is(sql('select join_url is null from public.sessions where id = fixture.session(1)'), 't', 'and the cancelled session has no link');

# the other order: the cancellation waits for one statement of the daemon, and wins
fresh(1);
$d->query_safe('begin');
is($d->query_safe(settle(report(1, 'linked'))), 'done', 'the link comes first');
start_waiting($node, $app, q{update public.sessions set status = 'CANCELLED' where id = fixture.session(1)});
$d->query_safe('commit');
$app->query_safe('select 1');
is(sql('select status, join_url from public.sessions where id = fixture.session(1)'), 'CANCELLED|https://zoom.us/j/1', 'then the cancellation, and both stand');
is(sql('select count(*) from meetlink.job'), 0, 'without a job');

# settled after the lease was lost
fresh(1);
$one = frozen(1, 'linked');
sql(q{update meetlink.job set lease_until = clock_timestamp() - interval '1 ms'; } . "select meetlink.housekeep($other, 0, null); select meetlink.claim($other, 1, '10 minutes')");
is($d->query_safe(settle($one)), 'lost', 'a claim that another daemon has now is lost');
is(sql("select claimed_by = $other, outcome_unknown from meetlink.job"), 't|t', 'and stays with the other, who knows that something may have happened');

# a reconnect that is not committed yet
fresh(1);
$one = frozen(1, 'failed', '{"reason": "grant_revoked", "stage": "token"}');
$app->query_safe(q{begin; update public.tutor_video_provider_connections set access_token_encrypted = 'new'});
is($d->query_safe(settle($one)), 'busy', 'a failure to authorise waits while the tutor is reconnecting');
$app->query_safe('commit');
is($d->query_safe(settle($one)), 'done', 'and is settled afterwards');
is(sql('select fixture.job(1)'), 'waiting grant_revoked', 'as something to try again');
fresh(1);
$one = frozen(1, 'failed', '{"reason": "grant_revoked", "stage": "token"}');
$d->query_safe('begin');
is($d->query_safe(settle($one)), 'done', 'the failure comes first');
$app->query_safe(q{update public.tutor_video_provider_connections set access_token_encrypted = 'newer'});
pass('the tutor reconnects without waiting for it');
$d->query_safe('commit');
is(sql('select unblocked from meetlink.sweep()'), 1, 'and the sweep sees that the block is about former tokens');

# a transaction of the application that goes through sessions in its own order
fresh(1, 2, 3);
my @reports = map { frozen($_, 'linked') } 1, 2, 3;
$app->query_safe(q{begin; update public.sessions set notes = '{}' where id = fixture.session(3)});
$d->query_safe('begin');
is($d->query_safe(settle(@reports)), 'done done busy', 'a batch passes by what the application has locked');
start_waiting($node, $app, q{update public.sessions set status = 'CANCELLED' where id = fixture.session(1); update public.sessions set status = 'CANCELLED' where id = fixture.session(3)});
$d->query_safe('commit');
$app->query_safe('commit');
is(sql(q{select count(*) filter (where status = 'CANCELLED'), count(join_url) from public.sessions}), '2|2', 'the application goes on as soon as the batch is committed: no deadlock');
is($d->query_safe(settle($reports[2])), 'lost', 'and what it cancelled is lost');

# TRUNCATE against a batch: one statement of the daemon may fail, never the application's
fresh(1, 2);
@reports = map { frozen($_, 'linked') } 1, 2;
my $batch = $node->background_psql('postgres', on_error_stop => 0);
$batch->query_safe("begin; update meetlink.job set detail = 'held' where session_id = fixture.session(1)::text");
start_waiting($node, $app, 'truncate public.sessions');
$batch->query(settle(@reports));
like($batch->{stderr}, qr/lock timeout/, 'a batch against TRUNCATE fails soon, instead of deadlocking');
$batch->quit;
$app->query_safe('select 1');
is(sql('select (select count(*) from public.sessions), (select count(*) from meetlink.job)'), '0|0', 'the application gets its way');

# REPEATABLE READ: what the daemon does meanwhile is no conflict of the application's
fresh(1, 2, 3, 4);
sql(q{update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null});
$app->query_safe('begin isolation level repeatable read; select count(*) from public.sessions');
$d->query_safe("select meetlink.claim($daemon, 100, '1 minute')");
$app->query_safe(q{update public.sessions set status = 'CANCELLED' where id = fixture.session(1)});
$app->query_safe(q{update public.sessions set scheduled_start_at = scheduled_start_at + interval '1 day', scheduled_end_at = scheduled_end_at + interval '1 day' where id = fixture.session(2)});
$app->query_safe(q{update public.sessions set tutor_id = fixture.ben() where id = fixture.session(3)});
$app->query_safe(q{update public.tutor_video_provider_connections set access_token_encrypted = 'newest'});
$app->query_safe(q{select fixture.book(5)});
$app->query_safe('commit');
pass('a REPEATABLE READ transaction cancels, moves, books and reconnects what the daemon has touched since its snapshot');
is(sql('select retired, moved from meetlink.sweep()'), '1|2', 'what it could not tell the jobs, the sweep does');

$_->quit for $app, $d;
$node->stop;
done_testing();
