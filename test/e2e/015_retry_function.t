# SELECT retry_meeting_link(id): the link, or the reason, in the answer of one statement; for everybody
# who may ask, and honest whenever it cannot wait.
use strict;
use warnings;

use JSON::PP qw(decode_json);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $world   = Meetlink::World->new(no_daemon => 1, postgres => "max_worker_processes = 8\nmax_connections = 60");
my $standin = $world->standin;
my $tutor   = $world->tutor(name => 'Ann');
my $link    = qr{^https://[a-z0-9.]*zoom\.us/};

sub attempts { return $world->sql("select count(*) from meetlink.attempt where session_id = '$_[0]'") }

# A session that is blocked until somebody retries it.
sub stuck
{
	my ($of) = @_;
	$standin->fault(effect => 'zoom.3161', operation => 'create', account => $of->account);
	my $session = $of->book;
	$world->wait_for_job($session, 'blocked', 'hosting_not_allowed');
	return $session;
}

# --- no daemon
my $session = $tutor->book;
my ($answer, $took) = split /\|/, $world->sql(
	"select a, extract(epoch from clock_timestamp() - statement_timestamp()) < 5 from (select retry_meeting_link('$session', '1 minute') a offset 0) x");
$answer = decode_json($answer);
is("$answer->{status} $answer->{action} $took", 'queued contact_support t', 'without a daemon the answer comes at once, and says who must act');
like($answer->{message}, qr/no meetlink daemon is running/, 'and why');
$world->daemon->start;
ok($world->link_of($session), 'the queued retry is done when the daemon starts');

# --- linked, blocked, waiting, given up
$answer = $world->retry($session);
is("$answer->{success} $answer->{status} $answer->{message}", '1 linked Session already has a meeting link', 'a session with a link answers with it');
like($answer->{join_url}, $link, 'the link is in the answer');
is($answer->{reason}, undef, 'and no reason');

$session = stuck($tutor);
$answer  = $world->retry($session);
is("$answer->{status} $answer->{message}", 'linked Meeting link created successfully', 'a blocked session is linked by the retry, within the statement');
is($answer->{join_url}, $world->sql("select join_url from sessions where id = '$session'"), 'the answer holds the link that was stored');
is(attempts($session), 2, 'by one more attempt');

$standin->fault(effect => 'zoom.3161', operation => 'create', times => 2);
$session = $tutor->book;
$world->wait_for_job($session, 'blocked');
$answer = $world->retry($session);
is(join(' ', map { $_ // '' } @{$answer}{qw(status reason action attempts success)}), 'blocked hosting_not_allowed check_account 2 0',
	'a retry that fails answers with the reason and what to do');
like($answer->{details}, qr/not allowed meeting hosting/, q(in the provider's own words));
is($answer->{error}, 'Failed to create meeting link', 'and the error that the application knows');

my $fault = $standin->fault(effect => 'zoom.per_second', operation => 'create', times => 'forever', retry_after_s => 40);
$session = $tutor->book;
$world->wait_for_job($session, 'waiting', 'rate_limited');
$answer = $world->retry($session);
is("$answer->{status} $answer->{reason}", 'waiting rate_limited', 'one that is to be repeated answers with the time of the next try');
like($answer->{retry_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'as ISO 8601');
$standin->clear_faults;
is($world->retry($session)->{status}, 'linked', 'and is linked once the provider relents');

$session = $tutor->book('-3 hours');
$world->wait_for_job($session, 'gave_up', 'session_over');
$answer = $world->retry($session);
is("$answer->{status} $answer->{reason}", 'gave_up session_over', 'a session that is over is given up again');

# --- revoke, reconnect, retry
$tutor->revoke;
$tutor->forget_access;
$session = $tutor->book;
$world->wait_for_job($session, 'blocked', 'grant_revoked');
$answer = $world->retry($session);
is("$answer->{status} $answer->{error} $answer->{action}", 'blocked Video provider authentication expired disconnect_reconnect',
	'a dead grant says that the tutor must reconnect');
$tutor->reconnect;
is($world->retry($session)->{status}, 'linked', 'after the reconnect the retry links it');

# --- two at once
$session = stuck($tutor);
$fault   = $standin->fault(effect => 'hold', operation => 'create');
my @callers = map { $world->later("select retry_meeting_link('$session', '1 minute')") } 1, 2;
$world->wait_for_retries(2);
$standin->wait_for_held($fault);
$standin->release($fault);
my @answers = map { $_->wait_for_end; decode_json($_->output) } @callers;
is("$answers[0]{status} $answers[1]{status}", 'linked linked', 'two retries at once are both answered');
is($answers[0]{join_url}, $answers[1]{join_url}, 'with the same link');
is(attempts($session), 2, 'from one attempt');
is(scalar @{ $standin->meetings($session) }, 1, 'and one meeting');

# --- more callers than background workers
my @tutors  = map { $world->tutor(name => "Many$_") } 1 .. 10;
my @stuck   = map { stuck($_) } @tutors;
@callers = map { $world->later("select retry_meeting_link('$_', '30 s')") } @stuck;
is(join(' ', map { $_->wait_for_end } @callers), join(' ', (0) x 10), 'ten callers and eight worker processes: none gets an error');
@answers = map { decode_json($_->output) } @callers;
is(scalar(grep { $_->{status} eq 'linked' || ($_->{status} eq 'queued' && $_->{message} =~ /worker/) } @answers), 10,
	'each is answered with its link, or that no worker was free');
ok($world->link_of($_), 'and linked') for @stuck;

# --- the caller has written before
$session = stuck($tutor);
my ($inside) = split /\n/, $world->sql("begin; update profiles set full_name = 'Ann B.' where id = '" . $tutor->id
	  . "'; select retry_meeting_link('$session', '1 minute'); commit");
$answer = decode_json($inside);
is("$answer->{status} $answer->{action}", 'queued wait', 'in a transaction that has changed something it is queued');
like($answer->{message}, qr/begins when this transaction commits/, 'and says so');
ok($world->link_of($session), 'and done after COMMIT');
$session = stuck($tutor);
$world->sql("begin; update profiles set full_name = 'Ann C.' where id = '" . $tutor->id . "'; select retry_meeting_link('$session'); rollback");
is($world->job($session)->{state}, 'blocked', 'after ROLLBACK nothing was asked for');

# --- time limits
$fault = $standin->fault(effect => 'hold', operation => 'create');
$answer = $world->retry($session, wait => '1 hour', before => "set statement_timeout = '1500ms'; ");
is("$answer->{status} $answer->{reason}", 'working hosting_not_allowed', 'statement_timeout cuts the wait short: an answer, not an error');
$standin->release($fault);
ok($world->link_of($session), 'the attempt goes on');

my @more = map { $world->tutor(name => "Row$_") } 1 .. 4;
@stuck = map { stuck($_) } @more;
$standin->fault(effect => 'hold', operation => 'create') for @stuck;
my $list = join ', ', map { "'$_'" } @stuck;
is($world->sql("with a as materialized (select retry_meeting_link(id, '2 s') a from sessions where id in ($list))
		select count(*), count(*) filter (where a ->> 'status' in ('working', 'queued')), extract(epoch from clock_timestamp() - statement_timestamp()) < 6 from a"),
	'4|4|t', 'a SELECT over four stuck sessions shares one deadline');
$standin->clear_faults;
ok($world->link_of($_), 'and each is done') for @stuck;

$standin->fault(effect => 'hold', operation => 'create', times => 'forever');
my $crowded = $world->tutor(name => 'Crowded');
$crowded->book_many(1000);
my $of = "from sessions where tutor_id = '" . $crowded->id . "'";
is($world->sql("with a as materialized (select retry_meeting_link(id, '1 s') a $of)
		select count(*), count(*) filter (where a ->> 'status' in ('working', 'queued')), extract(epoch from clock_timestamp() - statement_timestamp()) < 120 from a"),
	'1000|1000|t', 'one over a thousand, too: row by row it would wait for a quarter of an hour');
$world->sql("delete $of");
$standin->clear_faults;

# --- a cancelled call
$session = stuck($tutor);
$fault   = $standin->fault(effect => 'hold', operation => 'create');
my $caller = $world->later("select retry_meeting_link('$session', '5 minutes')");
$standin->wait_for_held($fault);
$world->wait_for_retries(1);
# it looks now and then, and so does not wait at every moment
$world->sql(q{select pg_cancel_backend(pid) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query ~ '^select retry_meeting_link'});
isnt($caller->wait_for_end, 0, 'a waiting call can be cancelled');
like($caller->output, qr/canceling statement due to user request/, 'like any statement');
$standin->release($fault);
ok($world->link_of($session), 'what it asked for is done all the same');

# --- transactions of other kinds
$session = stuck($tutor);
my (undef, $repeatable) = split /\n/, $world->sql(
	"begin isolation level repeatable read; select count(*) from sessions; select retry_meeting_link('$session', '30 s'); commit");
is(decode_json($repeatable)->{status}, 'linked', 'REPEATABLE READ sees the outcome too');
$session = stuck($tutor);
my ($status, undef, $error) = $world->node->psql('app', "begin read only; select retry_meeting_link('$session')");
like($error, qr/cannot execute retry_meeting_link\(\) in a read-only transaction/, 'READ ONLY is refused like any write');

# --- ids
is($world->sql("select retry_meeting_link(null::text) ->> 'status', retry_meeting_link(null::uuid) ->> 'error', retry_meeting_link('no uuid') ->> 'status',
		retry_meeting_link('') ->> 'status', retry_meeting_link(gen_random_uuid()) ->> 'status', retry_meeting_link(42::bigint) ->> 'status'"),
	'invalid|Session ID is required|invalid|invalid|not_found|invalid', 'ids that are null, malformed, unknown or of another type get an answer');
is($world->sql("select meetlink.retry(upper('$session'), '30 s') ->> 'status'"), 'linked', 'an id may be in another notation');

# --- end users
sub claims { return qq(set request.jwt.claims = '{"sub": "$_[0]"}'; ) }
sub as { return $world->retry($_[1], before => 'set role authenticated; ' . claims($_[0])) }
my $stranger = $world->tutor(name => 'Stranger');
$session = stuck($tutor);
is(as($tutor->student, $session)->{status}, 'forbidden', 'the student sees the session, but may not retry it');
is(as($stranger->id, $session)->{status}, 'not_found', 'for a stranger it does not exist');
is($world->retry($session, before => 'set role authenticated; ')->{status}, 'not_found', 'nor for somebody without claims');
is(attempts($session), 1, 'none of them caused an attempt');
is(as($tutor->id, $session)->{status}, 'linked', 'the tutor gets the link');
$session = stuck($tutor);
$world->sql(q(select meetlink.attach(mapping => '{"grant_to": ["authenticated", "service_role"]}')));
is($world->retry($session, before => 'set role service_role; ')->{status}, 'linked', 'a role that row-level security does not bind may retry any session, without claims');
(undef, undef, $error) = $world->node->psql('app', "set role anon; select retry_meeting_link('$session')");
like($error, qr/permission denied for function/, 'who was not granted it, may not call it');

# --- a hostile search_path
$world->sql(q{create schema evil; grant usage on schema evil to public;
	create function evil.never() returns void language plpgsql as $$ begin raise exception 'evil was here'; end $$;
	create function evil.never(text, text) returns boolean language plpgsql as $$ begin raise exception 'evil was here'; end $$;
	create function evil.never(uuid, uuid) returns boolean language plpgsql as $$ begin raise exception 'evil was here'; end $$;
	create operator evil.= (leftarg = text, rightarg = text, function = evil.never);
	create operator evil.= (leftarg = uuid, rightarg = uuid, function = evil.never);
	create function evil.clock_timestamp() returns timestamptz language plpgsql as $$ begin raise exception 'evil was here'; end $$;
	create function evil.pg_notify(text, text) returns void language plpgsql as $$ begin raise exception 'evil was here'; end $$;
	alter function auth.uid() set search_path = pg_catalog;  -- the application's, and called by its policies as the caller
	create view evil.job as select 1 / 0; create view evil.session as select 1 / 0});
$session = stuck($tutor);
is(decode_json($world->sql("set role authenticated; " . claims($tutor->id)
		  . "set search_path = evil, public, pg_catalog; select public.retry_meeting_link('$session'::text, '30 s'::pg_catalog.interval)"))->{status},
	'linked', q(nothing of the caller's search_path is used));

# --- a daemon that was stopped is not waited for
$session = stuck($tutor);
is($world->daemon->stop, 0, 'the daemon ends well');
is($world->sql('select count(*), meetlink.daemon_alive() from meetlink.daemon'), '0|f', 'and takes its leave of the database');
$answer = $world->retry($session, wait => '10 minutes');
is("$answer->{status} $answer->{action}", 'queued contact_support', 'from then on a retry says at once that no daemon is running');
$world->daemon->start;
ok($world->link_of($session), 'the next start does what was queued');

# --- the request cannot be committed by itself
$session = stuck($tutor);
my $server = $world->node;
my $inside_app = $server->background_psql('app');
$inside_app->query_safe('select 1');
$server->safe_psql('postgres', 'alter database app allow_connections false');
$answer = decode_json($inside_app->query_safe("select retry_meeting_link('$session', '1 minute')"));
$server->safe_psql('postgres', 'alter database app allow_connections true');
$inside_app->quit;
is("$answer->{status} $answer->{action}", 'queued wait', 'a worker that fails (here the database takes no connections): the retry is queued with the caller\'s transaction');
like($answer->{message}, qr/because the background worker that was to commit it failed; the server log says why/, 'and says so');
like(slurp_file($server->logfile), qr/FATAL: .*database "app" is not currently accepting connections/, 'as does the server log');
ok($world->link_of($session), 'it is done all the same');

$session = stuck($tutor);
$server->append_conf('postgresql.conf', 'max_worker_processes = 0');
$server->restart;
$answer = $world->retry($session, wait => '1 minute');
is("$answer->{status} $answer->{action}", 'queued wait', 'a server without a free background worker: the retry is queued at once');
like($answer->{message}, qr/begins when this transaction commits, because no background worker was free to wait with/, 'and says why');
ok($world->link_of($session), 'and is done after COMMIT');
done_testing();
