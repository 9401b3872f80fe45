-- Claiming: nearest session first, for a bounded lease, by one daemon, and never for a session that needs
-- no link any more.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
\ir ../fixture/other_session.sql
select no_plan();

select throws_ok($$select meetlink.register_daemon('first', '0.1')$$, 'ML001', null, 'a daemon cannot start before attach');
select meetlink.attach() \g /dev/null
update meetlink.attachment set generated_version = '0.0';
select throws_ok($$select meetlink.register_daemon('first', '0.1')$$, 'ML003', null, 'nor on objects of another version');
select meetlink.attach() \g /dev/null
create temp table daemon as select * from meetlink.register_daemon('first', '0.1');
select is((select (released, tenant) from daemon), (0, (select id from meetlink.tenant)), 'a first start releases nothing, and learns the tenant');
select daemon_id as first from daemon \gset
select daemon_id as second from meetlink.register_daemon('second', '0.1') \gset

-- order, and what is handed out
select fixture.connect(fixture.ada(), 'zoom'), fixture.connect(fixture.ben(), 'google_meet', 'bens') \g /dev/null
select fixture.book(n, fixture.ada(), make_interval(hours => 10 - n)) from generate_series(1, 5) n \g /dev/null
select fixture.book(6, fixture.ben(), '30 minutes', 'google_meet'), fixture.book(7, fixture.ben(), '20 hours', 'zoom') \g /dev/null
create temp table got as select * from meetlink.claim(:first, 3, '1 minute');
select is((select array_agg(right(session_id, 1)) from got), '{6,5,4}'::text[], 'the nearest sessions, nearest first');
select ok((g.provider, g.owner_id, g.access_token, g.refresh_token, g.connection_found, g.connection_usable, g.attempt, g.generation, g.outcome_unknown)
          = ('google_meet', fixture.ben()::text, 'bens-access', 'bens-refresh', true, true, 1, 0, false)
          and (g.starts_at, g.ends_at, g.token_expires_at) = (s.scheduled_start_at, s.scheduled_end_at, c.token_expires_at)
          and g.connection_print = (select print from meetlink.connection where owner = fixture.ben()) and g.title is null,
    'with its session and its connection')
from got g join public.sessions s on s.id::text = g.session_id
join public.tutor_video_provider_connections c on c.tutor_id = s.tutor_id where right(session_id, 1) = '6';
select is((select count(distinct claim_id) from got), 3::bigint, 'each claim has an identity of its own');
select ok((select bool_and(state = 'claimed' and claimed_by = :first and attempts = 1
                           and lease_until between clock_timestamp() + '50 s' and clock_timestamp() + '1 minute')
           from meetlink.job where session_id in (select session_id from got)), 'the job says who has it, and for how long');
select is((select array_agg(right(session_id, 1)) from meetlink.claim(:second, 10, '1 minute')), '{3,2,1,7}'::text[],
    'another daemon gets the others, and no job is handed out twice');
select is_empty(format('select * from meetlink.claim(%s, 10, ''1 minute'')', :first), 'then nothing is due');

-- a tutor without a connection for the session's provider
update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null;
select is((select (connection_found, connection_usable, access_token, connection_print)::text
           from meetlink.claim(:first, 10, '1 minute') where right(session_id, 1) = '7'), '(f,f,,)', 'no connection for that provider: said so');
update public.tutor_video_provider_connections set connection_status = 'needs_reauth' where provider = 'google_meet';
update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null;
select is((select (connection_found, connection_usable)::text from meetlink.claim(:first, 1, '1 minute')), '(t,f)', 'one that must be reconnected: found, not usable');

-- beginning where a claim before has ended
update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null;
select starts_at as passed from meetlink.job where right(session_id, 1) = '4' \gset
select is((select array_agg(right(session_id, 1)) from meetlink.claim(:first, 2, '1 minute', '{}', :'passed')), '{4,3}'::text[], 'a claim may pass by sessions that start earlier');
select is((select array_agg(right(session_id, 1)) from meetlink.claim(:first, 2, '1 minute')), '{6,5}'::text[], 'which the next one from the start takes');
update meetlink.job set starts_at = null where right(session_id, 1) = '2';
select is((select array_agg(right(session_id, 1) order by claim_id) from unnest(meetlink.claim_jobs(:first, 10, '1 minute', '{}', now() + interval '1 year'))), '{2}'::text[],
    'a job without a time comes last, and is not passed by');
update meetlink.job j set starts_at = s.scheduled_start_at from public.sessions s where s.id::text = j.session_id and j.starts_at is null;

-- statistics of a table that was empty when they were made: neither a claim nor settling may read all of it
begin;
set local client_min_messages = warning;
create function pg_temp.add_jobs() returns void language sql as
$$ insert into meetlink.job (session_id, owner_id, provider, starts_at, ends_at)
   select gen_random_uuid(), 'somebody', 'zoom', now() + interval '1 year', now() + interval '2 years' from generate_series(1, 20000) $$;
select pg_temp.add_jobs() \g /dev/null
delete from meetlink.job where owner_id = 'somebody';
analyze meetlink.job;
select pg_temp.add_jobs() \g /dev/null
update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null where state = 'claimed';
create function pg_temp.rows_read() returns bigint language sql as
$$ select coalesce(sum(pg_stat_get_xact_tuples_returned(i) + pg_stat_get_xact_tuples_fetched(i)), 0)::bigint
   from (select 'meetlink.job'::regclass union all select indexrelid from pg_index where indrelid = 'meetlink.job'::regclass) t(i) $$;
select pg_temp.rows_read() as before \gset
create temp table claimed on commit drop as select * from meetlink.claim(:first, 5, '1 minute');
select cmp_ok(pg_temp.rows_read() - :before, '<', 100::bigint, 'a claim reads what it takes, whatever the planner has heard of the table');
select pg_temp.rows_read() as before \gset
select is((select count(*) from meetlink.settle(:first, (select jsonb_agg(jsonb_build_object('session_id', session_id, 'claim_id', claim_id, 'outcome', 'linked',
            'join_url', 'https://zoom.us/j/1', 'external_id', '1', 'writes', 1)) from claimed)) where verdict = 'done'), 5::bigint, 'settled');
select cmp_ok(pg_temp.rows_read() - :before, '<', 200::bigint, 'and settling likewise');
rollback;

-- skipping
update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null;
select is((select array_agg(right(session_id, 1)) from meetlink.claim(:first, 10, '1 minute', array[fixture.ada() || '/zoom'])), '{6,7}'::text[],
    'a connection at its limit is skipped');
update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null;
select is((select array_agg(right(session_id, 1)) from meetlink.claim(:first, 10, '1 minute', '{/zoom}')), '{6}'::text[], 'so is a provider that is down');
select is((select array_agg(right(session_id, 1)) from meetlink.claim(:first, 2, '1 minute', '{/google_meet}')), '{5,4}'::text[], 'which does not hold up the other');
begin;
update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null, owner_id = nullif(owner_id, fixture.ben()::text),
    provider = case when right(session_id, 1) = '7' then 'teams' else provider end;
select is((select array_agg(right(session_id, 1)) from unnest(meetlink.claim_jobs(:first, 10, '1 minute', '{/zoom,/google_meet}', '-infinity'))), '{7}'::text[], 'a provider that nobody knows is claimed, so that it is told');
select is((select array_agg(right(session_id, 1)) from unnest(meetlink.claim_jobs(:first, 10, '1 minute', array['somebody/google_meet', fixture.ada() || '/zoom']))), '{6}'::text[], 'and a session without an owner, whoever is busy');
rollback;

-- a session that needs none any more, unseen by the triggers
update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null;
set session_replication_role = replica;
update public.sessions set status = 'CANCELLED' where id = fixture.session(5);
delete from public.sessions where id = fixture.session(4);
reset session_replication_role;
select is((select array_agg(right(session_id, 1)) from meetlink.claim(:first, 3, '1 minute')), '{6}'::text[], 'claims of unwanted sessions are not handed out');
select is((select count(*) from meetlink.job where right(session_id, 1) in ('4', '5')), 0::bigint, 'but retired on the way');

-- locked jobs
update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null;
select fixture.other('begin') \g /dev/null
select fixture.other('update meetlink.job set detail = null where right(session_id, 1) = ''6''') \g /dev/null
select is((select array_agg(right(session_id, 1)) from meetlink.claim(:first, 1, '1 minute')), '{3}'::text[], 'a job that somebody has locked is left out, without waiting');
select fixture.other('rollback') \g /dev/null
select is((select array_agg(right(session_id, 1)) from meetlink.claim(:first, 1, '1 minute')), '{6}'::text[], 'and taken the next time');

-- a table that is locked as a whole: an error soon, and nothing is claimed
select fixture.other('begin') \g /dev/null
select fixture.other('lock table public.sessions') \g /dev/null
select throws_ok(format('select * from meetlink.claim(%s, 1, ''1 minute'')', :first), '55P03', null, 'a locked table is not waited for');
select fixture.other('rollback') \g /dev/null
select is((select count(*) from meetlink.job where state = 'due'), 3::bigint, 'and leaves the jobs due');

-- renewal
select is((select array_agg(r) from meetlink.renew(:first, (select array_agg(claim_id) || 999999::bigint from meetlink.job where state = 'claimed'), '5 minutes') r),
    (select array_agg(claim_id) from meetlink.job where state = 'claimed'), 'renewed are one''s own claims, and no others');
select ok((select bool_and(lease_until > clock_timestamp() + '4 minutes') from meetlink.job where state = 'claimed'), 'for a new lease');
select is_empty(format('select meetlink.renew(%s, array(select claim_id from meetlink.job where state = ''claimed''), ''1 minute'')', :second),
    'not another daemon''s');
update meetlink.job set lease_until = clock_timestamp() - interval '1 ms' where right(session_id, 1) = '6';
select is((select count(*) from meetlink.renew(:first, array(select claim_id from meetlink.job where state = 'claimed'), '5 minutes')), 1::bigint,
    'nor one whose lease is over');

-- a daemon that is started anew takes back what its predecessor had, if that is gone
update meetlink.job set state = 'claimed', claim_id = nextval('meetlink.claim_id'), claimed_by = :second, lease_until = clock_timestamp() + interval '1 hour',
    attempts = 1;
select is((select released from meetlink.register_daemon('second', '0.1')), 0, 'the same name, while the predecessor''s database session lives: nothing is taken');
update meetlink.daemon set backend_start = backend_start - interval '1 second' where id = :second;
select is((select released from meetlink.register_daemon('other', '0.1')), 0, 'another name takes nothing');
select is((select released from meetlink.register_daemon('second', '0.1')), 5, 'the same name, its session gone: all are released');
select is((select (count(*), bool_and(outcome_unknown), min(reason), count(claim_id)) from meetlink.job where state = 'due'), (5::bigint, true, 'daemon_lost'::text, 0::bigint),
    'due at once, and what was done is unknown');
select is((select count(*) from meetlink.attempt where outcome = 'rescued' and daemon = 'second'), 5::bigint, 'with an attempt each that says so');

-- a start follows a changed configuration
update meetlink.job set state = 'blocked', reason = (array['client_rejected', 'token_undecryptable', 'grant_revoked', 'link_rejected', 'no_connection'])[n]
from (select session_id, row_number() over (order by session_id) n from meetlink.job) o where o.session_id = job.session_id;
select meetlink.register_daemon('third', '0.1') \g /dev/null
select is((select array_agg(reason order by reason) from meetlink.job where state = 'due'), '{client_rejected,link_rejected,token_undecryptable}'::text[],
    'a start tries again what waits for the operator, whose configuration may have cured it, and nothing else');

-- a daemon that stops takes its leave
select daemon_id as idle from meetlink.register_daemon('idle', '0.1') \gset
update meetlink.daemon set heartbeat_at = '2000-01-01' where id <> :idle;
select ok(meetlink.daemon_alive(), 'a daemon is alive');
update meetlink.job set state = 'claimed', claim_id = nextval('meetlink.claim_id'), claimed_by = :idle, lease_until = clock_timestamp() + interval '1 hour';
select meetlink.unregister_daemon(:idle) \g /dev/null
select ok(not meetlink.daemon_alive(), 'it stops: nobody waits for it any more');
select ok(exists (select from meetlink.daemon where id = :idle) and count(*) = 5, 'its claims, whose outcome is unknown, stay its own until their leases are over')
from meetlink.job where claimed_by = :idle and lease_until > now();
update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null;
select meetlink.unregister_daemon(:idle) \g /dev/null
select ok(not exists (select from meetlink.daemon where id = :idle), 'without claims it is gone at once');

-- an argument that is null
select is_empty(format('select * from meetlink.claim(%s, 10, ''1 minute'', null)', :first), 'claims nothing');

-- a crash of the server must not forget a claim
begin;
set local synchronous_commit = off;
select meetlink.claim(0, 1, '1 minute') \g /dev/null
select is(current_setting('synchronous_commit'), 'on', 'claims are committed synchronously, whatever the database''s default');
commit;

select * from finish();
