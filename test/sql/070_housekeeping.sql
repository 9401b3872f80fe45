-- Housekeeping: promotion, rescue, the probe, the sweep for each kind of drift, giving up, forgetting.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
\ir ../fixture/other_session.sql
select no_plan();
select meetlink.attach() \g /dev/null
select daemon_id as first from meetlink.register_daemon('first', '0.1') \gset
select fixture.connect(fixture.ada()) \g /dev/null

-- nothing to do
select is((select (known, due, orphans, promoted, rescued, next_due_in)::text from meetlink.housekeep(:first, 7, null)), '(t,f,f,0,0,)', 'with nothing to do: known, and that is all');
select is((select in_flight from meetlink.daemon where id = :first), 7, 'the heartbeat says how much is in flight');
select is((select known from meetlink.housekeep(999999, 0, null)), false, 'an unknown daemon is told to register again');
update meetlink.daemon set heartbeat_at = '2000-01-01';
select meetlink.housekeep(:first, 0, null) \g /dev/null
select ok((select heartbeat_at > now() - interval '1 minute' from meetlink.daemon where id = :first), 'and when it was alive');

select is((select (heard_at, breakers)::text from meetlink.daemon where id = :first), '(,[])', 'it has heard nothing yet, and no breaker is open');
select meetlink.housekeep(:first, 0, null, '3 s', '[{"provider": "zoom"}]') \g /dev/null
select ok(heard_at between now() - interval '4 s' and clock_timestamp() - interval '2 s' and breakers @> '[{"provider": "zoom"}]', 'it tells when it heard its probe, and of its breakers')
from meetlink.daemon where id = :first;
select meetlink.housekeep(:first, 0, null) \g /dev/null
select ok(heard_at is not null and breakers = '[]', 'what it heard is kept; a breaker that it does not tell of is closed') from meetlink.daemon where id = :first;

-- promotion
select fixture.book(n) from generate_series(1, 3) n \g /dev/null
update meetlink.job set state = 'waiting', reason = 'network_error', due_at = now() + (right(session_id, 1)::integer - 2) * interval '1 hour';
select ok(due and promoted = 2 and next_due_in between '59 minutes' and '1 hour', 'what waits is due when its time has come, and the next time is told')
from meetlink.housekeep(:first, 0, null);
select is((select array_agg(fixture.job(n) order by n) from generate_series(1, 3) n), '{"due network_error","due network_error","waiting network_error"}'::text[],
    'only that');
select is((select (due, promoted)::text from meetlink.housekeep(:first, 0, null)), '(t,0)', 'due stays due');

-- rescue
update meetlink.job set state = 'claimed', claim_id = nextval('meetlink.claim_id'), claimed_by = :first, lease_until = clock_timestamp() + interval '1 hour', attempts = 1;
select is((select (due, rescued)::text from meetlink.housekeep(:first, 0, null)), '(f,0)', 'a running lease is left alone');
update meetlink.job set lease_until = clock_timestamp() - interval '1 ms' where session_id <> fixture.session(3)::text;
update meetlink.job set attempts = 4 where session_id = fixture.session(2)::text;
select is((select rescued from meetlink.housekeep(:first, 0, null)), 2, 'a lease that is over is taken back');
select is((select array_agg(fixture.job(n) order by n) from generate_series(1, 3) n), '{"due daemon_lost","waiting daemon_lost","claimed network_error"}'::text[],
    'due at once, or after a while when the job has lost several daemons');
select ok(bool_and(outcome_unknown), 'what was done is unknown') from meetlink.job where state <> 'claimed';
select is((select array_agg((outcome, reason, daemon, attempt)::text order by attempt) from meetlink.attempt), '{"(rescued,daemon_lost,first,1)","(rescued,daemon_lost,first,4)"}'::text[],
    'with an attempt that says whose it was');
select fixture.other('begin') \g /dev/null
update meetlink.job set lease_until = clock_timestamp() - interval '1 ms' where state = 'claimed';
select fixture.other('update meetlink.job set detail = null') \g /dev/null
select is((select (promoted, rescued)::text from meetlink.housekeep(:first, 0, null)), '(0,0)', 'what somebody has locked is left to the next time');
select fixture.other('rollback') \g /dev/null

-- the sweep, each kind of drift
delete from public.sessions;
set session_replication_role = replica;
select fixture.book(10) \g /dev/null
reset session_replication_role;
select fixture.book(n) from generate_series(11, 15) n \g /dev/null
update meetlink.job set state = 'blocked', reason = 'no_connection' where session_id in (fixture.session(13)::text, fixture.session(14)::text);
update meetlink.job set reason = 'link_rejected' where session_id = fixture.session(14)::text;
set session_replication_role = replica;
delete from public.sessions where id = fixture.session(11);
update public.sessions set scheduled_start_at = '2030-01-01', scheduled_end_at = '2030-01-02' where id = fixture.session(12);
update public.sessions set tutor_id = fixture.ben() where id = fixture.session(15);
reset session_replication_role;
select is((select array_agg(kind || right(session_id, 3) order by session_id) from meetlink.drift),
    '{missing010,unwanted011,moved012,reconnected013,moved015}'::text[], 'jobs and sessions disagree in every way');
select is((select (flagged, retired, moved, unblocked, given_up)::text from meetlink.sweep()), '(1,1,2,1,0)', 'one sweep finds all');
select is((select array_agg(fixture.job(n) order by n) from generate_series(10, 15) n),
    array['due', null, 'due', 'due no_connection', 'blocked link_rejected', 'due'], 'and puts them right');
select is((select (starts_at, owner_id = fixture.ada()::text)::text from meetlink.job where session_id = fixture.session(12)::text), '("2030-01-01 00:00:00+00",t)', 'with the new start');
select is((select owner_id from meetlink.job where session_id = fixture.session(15)::text), fixture.ben()::text, 'and the new owner');
select is((select (flagged, retired, moved, unblocked, given_up)::text from meetlink.sweep()), '(0,0,0,0,0)', 'a second sweep finds nothing');
set session_replication_role = replica;
select fixture.book(n) from generate_series(16, 18) n \g /dev/null
reset session_replication_role;
create function swept() returns boolean language sql as $$ select bool_or(swept_at is not null) from meetlink.daemon $$;
select is((select flagged from meetlink.sweep(2, :first)), 2, 'a sweep is bounded');
select ok(not swept(), 'and has not seen all');
select is((select flagged from meetlink.sweep(2, :first)), 1, 'it goes on');
select ok(swept(), 'until it has');

-- a booking that is flagging the same session right now
set session_replication_role = replica;
select fixture.book(20), fixture.book(21) \g /dev/null
reset session_replication_role;
select fixture.other('begin') \g /dev/null
select fixture.other('update public.sessions set scheduled_start_at = ''2031-01-01'', scheduled_end_at = ''2031-01-02'' where id = fixture.session(20)') \g /dev/null
select is((select flagged from meetlink.sweep()), 1, 'a session that somebody is flagging is left to him, and the others are flagged');
select is(fixture.job(21), 'due', 'without waiting for the end of his transaction');
select fixture.other('commit') \g /dev/null
select is((select starts_at from meetlink.job where session_id = fixture.session(20)::text), '2031-01-01'::timestamptz, 'his flag stands');
select fixture.other('begin') \g /dev/null
select fixture.other('update meetlink.job set detail = null') \g /dev/null
set session_replication_role = replica;
delete from public.sessions where id = fixture.session(21);
reset session_replication_role;
select is((select (flagged, retired, moved)::text from meetlink.sweep()), '(0,0,0)', 'a job that somebody has locked is left, and not counted');
select fixture.other('rollback') \g /dev/null
select is((select retired from meetlink.sweep()), 1, 'until the next sweep');

-- giving up
delete from public.sessions;
select fixture.book(30, ahead => '-2 hours'), fixture.book(31, ahead => '-30 minutes'), fixture.book(32, ahead => '-2 hours'), fixture.book(33, ahead => '-2 hours'),
       fixture.book(34, ahead => '-2 hours') \g /dev/null
update meetlink.job set state = 'blocked', reason = 'no_connection', detail = 'none' where session_id = fixture.session(32)::text;
update meetlink.job set state = 'waiting', reason = 'network_error' where session_id = fixture.session(33)::text;
update meetlink.job set state = 'claimed', claim_id = 1, claimed_by = :first, lease_until = clock_timestamp() + interval '1 hour' where session_id = fixture.session(34)::text;
select is((select given_up from meetlink.sweep()), 3, 'sessions that are over are given up');
select is((select array_agg(fixture.job(n) order by n) from generate_series(30, 34) n),
    array['gave_up session_over', 'due', 'gave_up session_over', 'gave_up session_over', 'claimed'], 'not one that runs, nor one that is being worked on');
select is((select array_agg(detail order by session_id) from meetlink.job where state = 'gave_up'),
    '{"no attempt was made","before that: no_connection: none","before that: network_error"}'::text[], 'what was wrong with it is kept');
select is((select (flagged, given_up)::text from meetlink.sweep()), '(0,0)', 'given up stays given up');

-- forgetting
update meetlink.job set starts_at = now() - interval '32 days', ends_at = now() - interval '31 days';
set session_replication_role = replica;
update public.sessions set scheduled_start_at = now() - interval '32 days', scheduled_end_at = now() - interval '31 days';
reset session_replication_role;
insert into meetlink.attempt (session_id, claim_id, attempt, daemon, started_at, finished_at, outcome)
select n, 1, 1, 'd', now() - n * interval '1 day', now() - n * interval '1 day', 'linked' from generate_series(28, 33) n;
insert into meetlink.daemon (name, version, backend_pid, backend_start, heartbeat_at)
values ('silent', '0', 0, now(), now() - interval '2 days'), ('working', '0', 0, now(), now() - interval '2 days'), ('quiet', '0', 0, now(), now() - interval '2 hours');
update meetlink.job set claimed_by = (select id from meetlink.daemon where name = 'working') where state = 'claimed';
select meetlink.sweep() \g /dev/null
select is((select array_agg(session_id order by session_id) from meetlink.attempt where daemon = 'd'), '{28,29}'::text[], 'attempts are kept for 30 days');
select is((select count(*) from meetlink.job where state = 'gave_up' and session_id <> fixture.session(31)::text), 0::bigint, 'given-up jobs likewise');
select is((select array_agg(name order by name) from meetlink.daemon), '{first,quiet,working}'::text[], 'daemons are forgotten after a day of silence, unless they hold a claim');

-- as the daemon's role
set role meetlink_sidecar;
select lives_ok(format('select meetlink.housekeep(%s, 0, ''probe 1''), meetlink.sweep()', :first), 'the daemon''s role can do all this');
reset role;

select * from finish();
