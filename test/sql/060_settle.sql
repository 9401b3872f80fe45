-- Settling: every outcome and verdict, fenced by the claim, never over a link that is there, never waiting
-- for a lock, and no row's trouble is another row's.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
\ir ../fixture/other_session.sql
select no_plan();
select meetlink.attach() \g /dev/null
select daemon_id as first from meetlink.register_daemon('first', '0.1') \gset
select daemon_id as second from meetlink.register_daemon('second', '0.1') \gset
select fixture.connect(fixture.ada()) \g /dev/null
create function print() returns bigint language sql as $$ select print from meetlink.connection where owner = fixture.ada() $$;

-- books and claims the sessions of these numbers
create function claimed(daemon bigint, variadic numbers integer[]) returns void language plpgsql as
$$
begin
    perform fixture.book(n) from unnest(numbers) n;
    perform meetlink.claim(daemon, 1000, '1 minute');
end
$$;
-- one outcome, as the daemon sends it
create function outcome(number integer, what text, more jsonb default '{}') returns jsonb language sql as
$$
    select jsonb_build_object('session_id', j.session_id, 'claim_id', j.claim_id, 'outcome', what, 'attempt_ms', 1500, 'generation', 0,
                              'connection_print', print())
           || case what when 'linked' then jsonb_build_object('join_url', 'https://zoom.us/j/' || number, 'external_id', number::text)
                        when 'failed' then jsonb_build_object('reason', 'network_error', 'stage', 'create') else '{}' end || more
    from meetlink.job j where j.session_id = fixture.session(number)::text
$$;
create function settled(daemon bigint, variadic outcomes jsonb[]) returns text language sql as
$$
    select string_agg(s.verdict, ' ' order by o.n)
    from meetlink.settle(daemon, to_jsonb(outcomes)) s join unnest(outcomes) with ordinality o(o, n) on (o.o ->> 'claim_id')::bigint = s.claim_id
$$;
create function url(number integer) returns text language sql as $$ select join_url from public.sessions where id = fixture.session(number) $$;
create function history(number integer) returns text language sql as
$$ select string_agg(concat_ws(' ', outcome, reason), ', ' order by id) from meetlink.attempt where session_id = fixture.session(number)::text $$;

-- plans that were made when the tables were small: no batch may read all of a backlog that comes at once
begin;
create function pg_temp.rows_read() returns bigint language sql as
$$ select sum(pg_stat_get_xact_tuples_returned(r) + pg_stat_get_xact_tuples_fetched(r))::bigint
   from unnest('{meetlink.job,public.sessions}'::regclass[]) t, lateral (select t union all select indexrelid from pg_index where indrelid = t) i(r) $$;
select fixture.book(n) from generate_series(1, 20) n \g /dev/null
analyze meetlink.job, public.sessions;
select meetlink.claim(:first, 20, '1 minute') \g /dev/null
select settled(:first, outcome(n, 'linked')) from generate_series(1, 10) n \g /dev/null
select settled(:first, outcome(n, 'failed')) from generate_series(11, 20) n \g /dev/null
update meetlink.job set state = 'due', reason = null;
select meetlink.claim(:first, 10, '1 minute') \g /dev/null
select fixture.book(n, ahead => '1 year') from generate_series(21, 3000) n \g /dev/null
select jsonb_agg(outcome(n, 'linked')) as links from generate_series(11, 15) n \gset
select jsonb_agg(outcome(n, 'failed')) as failures from generate_series(16, 20) n \gset
select pg_temp.rows_read() as before \gset
select is((select count(*) from meetlink.settle(:first, :'links') where verdict = 'done'), 5::bigint, 'five links');
select cmp_ok(pg_temp.rows_read() - :before, '<', 200::bigint, 'are written without a look at the other 3,000 sessions and jobs');
select pg_temp.rows_read() as before \gset
select is((select count(*) from meetlink.settle(:first, :'failures') where verdict = 'done'), 5::bigint, 'five failures');
select cmp_ok(pg_temp.rows_read() - :before, '<', 200::bigint, 'are recorded likewise');
rollback;
discard plans;

-- linked
select claimed(:first, 1, 2) \g /dev/null
select is(settled(:first, outcome(1, 'linked', '{"timings": {"http_ms": 12.5}}'), outcome(2, 'linked', '{"adopted": true}')), 'done done', 'linked: done');
select ok(join_url = 'https://zoom.us/j/1' and meeting_external_id = '1' and meeting_created_at > now() - interval '1 minute' and status = 'SCHEDULED',
    'link, id and time are in the session') from public.sessions where id = fixture.session(1);
select is(fixture.job(1), null, 'its job is gone');
select is(history(1) || ', ' || history(2), 'linked, adopted', 'the history tells a new meeting from one that was found');
select ok(timings @> '{"http_ms": 12.5, "attempt_ms": 1500}' and finished_at - started_at between '1499 ms' and '1501 ms' and daemon = 'first'
          and owner_id = fixture.ada()::text and provider = 'zoom' and attempt = 1 and external_id = '1' and next_at is null,
    'with who, what and where the time went') from meetlink.attempt where session_id = fixture.session(1)::text;

-- durability: a crash may forget links, since their claims are on disk, and the next attempt looks for the meetings
create function commit_of(variadic outcomes jsonb[]) returns text language plpgsql as
$$ begin perform settled((select id from meetlink.daemon where name = 'first'), variadic outcomes); return current_setting('synchronous_commit'); end $$;
select claimed(:first, 3, 4) \g /dev/null
begin;
select is(commit_of(outcome(3, 'linked'), outcome(4, 'linked')), 'off', 'nobody waits for the disk with links');
rollback;
begin;
select is(commit_of(outcome(3, 'linked'), outcome(4, 'failed')), 'on', 'but with what nobody would find again');
rollback;
begin;
select outcome(3, 'linked') as o \gset
update public.sessions set join_url = 'https://example.org/by-hand' where id = fixture.session(3);
select is(commit_of(:'o', outcome(4, 'linked')), 'on', 'such as a meeting that is an orphan now');
rollback;
begin;
set local synchronous_commit = remote_apply;
select is(commit_of(outcome(3, 'linked'), outcome(4, 'linked')), 'remote_apply', 'who asks for more gets it');
rollback;
delete from public.sessions where id in (fixture.session(3), fixture.session(4));

-- failures: what follows is decided by the reason
select claimed(:first, 10, 11, 12, 13, 14) \g /dev/null
update meetlink.job set starts_at = now() - interval '2 hours', ends_at = now() - interval '1 hour' where session_id = fixture.session(13)::text;
select is(settled(:first,
    outcome(10, 'failed', '{"http_status": 503, "provider_code": "backendError", "detail": "busy", "retry_after_s": 600}'),
    outcome(11, 'failed', '{"reason": "grant_revoked", "stage": "token", "http_status": 400}'),
    outcome(12, 'failed', '{"reason": "session_over", "stage": "claim"}'),
    outcome(13, 'failed', '{"reason": "provider_unavailable"}'),
    outcome(14, 'failed', '{"reason": "link_rejected"}')), 'done done done done done', 'failures are done too');
select is((select array_agg(fixture.job(n) order by n) from generate_series(10, 14) n),
    '{"waiting network_error","blocked grant_revoked","gave_up session_over","gave_up provider_unavailable","blocked link_rejected"}'::text[],
    'a retry waits, what needs a person is blocked, what is over is given up');
select ok(due_at between clock_timestamp() + '590 s' and clock_timestamp() + '600 s' and http_status = 503 and provider_code = 'backendError' and detail = 'busy'
          and stage = 'create' and attempts = 1 and num_nulls(claim_id, claimed_by, lease_until) = 3, 'with Retry-After, and the provider''s own words')
from meetlink.job where session_id = fixture.session(10)::text;
select is((select a.next_at from meetlink.attempt a where session_id = fixture.session(10)::text),
    (select due_at from meetlink.job where session_id = fixture.session(10)::text), 'the attempt says when the next is');
select is((select next_at from meetlink.attempt where session_id = fixture.session(11)::text), null, 'or that there is none');

select claimed(:first, 15) \g /dev/null
select settled(:first, outcome(15, 'failed')) \g /dev/null
select ok(due_at < clock_timestamp() + '2 s', 'without a Retry-After the first retry comes within a second') from meetlink.job where session_id = fixture.session(15)::text;

-- what is unknown stays so, though an attempt has looked and its own create was refused
update meetlink.job set state = 'claimed', claim_id = nextval('meetlink.claim_id'), claimed_by = :first, lease_until = now(), outcome_unknown = true;
select settled(:first, outcome(10, 'failed', '{"stage": "token"}'), outcome(11, 'failed', '{"stage": "create", "outcome_unknown": false, "generation": 2}'),
               outcome(14, 'failed', '{"stage": "create", "outcome_unknown": true}')) \g /dev/null
select is((select array_agg((outcome_unknown, generation)::text order by session_id) from meetlink.job where right(session_id, 2) in ('10', '11', '14')),
    '{"(t,0)","(t,2)","(t,0)"}'::text[], 'an unknown outcome stays unknown, and the generation is kept');

-- odd reports do not hurt the batch
delete from public.sessions;
select claimed(:first, 20, 21, 22, 23) \g /dev/null
select is(settled(:first, outcome(20, 'failed', '{"reason": "from_the_future"}'), outcome(21, 'failed', '{"reason": null}'),
                  outcome(22, 'failed', '{"retry_after_s": 1e300}'), outcome(23, 'linked')), 'done done done done', 'an unknown reason and an endless Retry-After: done');
select is((select array_agg(fixture.job(n) order by n) from generate_series(20, 23) n),
    array['waiting internal_defect', 'waiting internal_defect', 'waiting network_error', null], 'an unknown reason is a defect of ours');
select ok(due_at between clock_timestamp() + '23 hours' and clock_timestamp() + '24 hours', 'and nobody may ask for more than a day')
from meetlink.job where session_id = fixture.session(22)::text;
select is_empty(format('select * from meetlink.settle(%s, ''[]'')', :first), 'an empty batch is fine');

-- given back
delete from public.sessions;
select claimed(:first, 30) \g /dev/null
select is(settled(:first, outcome(30, 'released')), 'done', 'released: done');
select is((select (state, attempts, due_at <= clock_timestamp())::text from meetlink.job), '(due,0,t)', 'due again at once, and the attempt does not count');
select is(history(30), 'released', 'but is told');

-- fencing
select claimed(:first, variadic '{}') \g /dev/null
create temp table late as select outcome(30, 'linked') as o;
select is(settled(:second, (select o from late)), 'lost', 'another daemon cannot settle');
update meetlink.job set claim_id = nextval('meetlink.claim_id');
select is(settled(:first, (select o from late)), 'lost', 'nor can a former claim');
select is((select (url(30), fixture.job(30))::text), '(,claimed)', 'nothing was written');
select is(history(30), 'released, lost, lost', 'the history has the meetings that are nobody''s');
select is((select external_id from meetlink.attempt where outcome = 'lost' limit 1), '30', 'by name');

-- what a person did meanwhile
select claimed(:first, 31, 32, 33) \g /dev/null
create temp table meanwhile as select n, outcome(n, 'linked') as o from generate_series(30, 33) n;
update public.sessions set join_url = 'https://example.org/by-hand' where id = fixture.session(30);
update public.sessions set status = 'CANCELLED' where id = fixture.session(31);
delete from public.sessions where id = fixture.session(32);
set session_replication_role = replica;
update public.sessions set join_url = 'https://example.org/unseen' where id = fixture.session(33);
reset session_replication_role;
select is(settled(:first, variadic array(select o from meanwhile order by n)), 'lost lost lost lost', 'linked by hand, cancelled, deleted, linked unseen: lost');
select is((select array_agg(url(n) order by n) from generate_series(30, 33) n), array['https://example.org/by-hand', null, null, 'https://example.org/unseen'],
    'a link that somebody typed in is never overwritten');
select is((select count(*) from meetlink.job), 0::bigint, 'and no job is left');

-- locks
delete from public.sessions;
select claimed(:first, 40, 41, 42) \g /dev/null
select fixture.other('begin') \g /dev/null
select fixture.other('update public.sessions set notes = ''{}'' where id = fixture.session(40)') \g /dev/null
select fixture.other('update meetlink.job set detail = null where session_id = fixture.session(41)::text') \g /dev/null
create temp table busy as select outcome(40, 'linked') as a, outcome(41, 'linked') as b, outcome(42, 'linked') as c;
select is((select settled(:first, a, b, c) from busy), 'busy busy done', 'a locked session, and a locked job, are busy; nobody waits, and the others are done');
select is((select array_agg(fixture.job(n) order by n) from generate_series(40, 42) n), '{claimed,claimed,NULL}'::text[], 'busy ones stay claimed');
select is(history(40), null, 'without an attempt');
select fixture.other('commit') \g /dev/null
select is((select settled(:first, a, b) from busy), 'done done', 'and are done when they are sent again');

-- a session that was moved while its meeting was being made
delete from public.sessions;
select claimed(:first, 44, 45, 46, 47) \g /dev/null
create function times(number integer) returns jsonb language sql as $$
    select jsonb_build_object('starts_at', floor(extract(epoch from starts_at)), 'ends_at', floor(extract(epoch from ends_at)))
    from meetlink.session where id = fixture.session(number) $$;
create temp table before_it as select n, outcome(n, 'linked', times(n)) as o from generate_series(44, 47) n;
update public.sessions set scheduled_start_at = scheduled_start_at + '1 hour', scheduled_end_at = scheduled_end_at + '1 hour' where id = fixture.session(44);
update public.sessions set scheduled_end_at = scheduled_end_at + '1 hour' where id = fixture.session(45);
update public.sessions set scheduled_end_at = scheduled_start_at where id = fixture.session(46);
select is(settled(:first, variadic array(select o from before_it order by n)), 'moved moved done done', 'another time than its meeting: moved, if it is one for a meeting');
select is((select (url(44), fixture.job(44), history(44))::text), '(,claimed,)', 'the claim goes on, and nobody sees a link');
select is((select (s.starts_at, s.ends_at)::text from before_it b, meetlink.settle(:first, jsonb_build_array(b.o)) s where b.n = 44),
    (select (scheduled_start_at, scheduled_end_at)::text from public.sessions where id = fixture.session(44)), 'and the daemon is told the new one');
select is(settled(:first, outcome(44, 'linked', times(44) || '{"detail": "it was moved"}'), outcome(45, 'linked', (select o from before_it where n = 45) - 'ends_at')), 'done done',
    'at the new time, or for any time: done');
select is((select detail from meetlink.attempt where session_id = fixture.session(44)::text), 'it was moved', 'with what the daemon has to tell');

-- a table that is locked as a whole
select claimed(:first, 43) \g /dev/null
select fixture.other('begin') \g /dev/null
select fixture.other('lock table public.sessions') \g /dev/null
select is(settled(:first, outcome(43, 'linked')), 'busy', 'a locked table: a link alone is busy, before anybody deadlocks');
select throws_ok(format('select settled(%s, outcome(43, ''linked''), outcome(43, ''linked''))', :first), '55P03', null, 'and a batch is an error');
select fixture.other('rollback') \g /dev/null
select is(settled(:first, outcome(43, 'linked')), 'done', 'and the same outcome can be sent again');

-- the application's table says no
delete from public.sessions;
select claimed(:first, 50, 51, 52, 53, 54) \g /dev/null
alter table public.sessions add constraint not_51 check (join_url not like '%/51');
create function public.refuse() returns trigger language plpgsql as
$$
begin
    case right(new.id::text, 2)
    when '50' then raise exception 'no meetings on my table';
    when '52' then return null;
    when '53' then new.join_url := null;
    else null;
    end case;
    return new;
end
$$;
create trigger refuse before update of join_url on public.sessions for each row execute function public.refuse();
select is(settled(:first, outcome(50, 'linked'), outcome(51, 'linked'), outcome(52, 'linked'), outcome(53, 'linked'), outcome(54, 'linked')),
    'rejected rejected rejected rejected done', 'a trigger or constraint that refuses a link: rejected, which is no success');
select is((select array_agg(fixture.job(n) order by n) from generate_series(50, 54) n), array['waiting write_rejected', 'waiting write_rejected',
    'waiting write_rejected', 'waiting write_rejected', null], 'that session waits with write_rejected, the others go on');
select is((select array_agg((stage, outcome_unknown, detail)::text order by session_id) from meetlink.job where state = 'waiting'),
    array['(settle,t,"no meetings on my table")', '(settle,t,"new row for relation ""sessions"" violates check constraint ""not_51""")',
          '(settle,t,"a trigger of the table discarded the link")', '(settle,t,"a trigger of the table discarded the link")'],
    'the reason says what the table said, and that there is a meeting to be looked for');
select is(history(52), 'failed write_rejected', 'in the history too');
select is(url(54), 'https://zoom.us/j/54', 'a good row of the same batch is linked');
drop trigger refuse on public.sessions;
alter table public.sessions drop constraint not_51;

-- the trigger that retires jobs is disabled
delete from public.sessions;
select claimed(:first, 55) \g /dev/null
alter table public.sessions disable trigger user;
select is(settled(:first, outcome(55, 'linked')), 'done', 'with disabled triggers a link is written');
alter table public.sessions enable trigger user;
select is((select count(*) from meetlink.job), 0::bigint, 'and its job is retired all the same');

-- a reconnect while the daemon was busy failing
select claimed(:first, 60, 61, 62) \g /dev/null
create temp table failing as select outcome(60, 'failed', '{"reason": "grant_revoked"}') as a, outcome(61, 'failed', '{"reason": "request_rejected"}') as b;
select fixture.connect(fixture.ada(), tokens => 'fresh') \g /dev/null
select is((select settled(:first, a, b) from failing), 'done done', 'the tutor reconnected meanwhile');
select is(fixture.job(60), 'waiting grant_revoked', 'a block on the former connection becomes a retry');
select is(fixture.job(61), 'blocked request_rejected', 'a block for another cause stays one');
select is(settled(:first, outcome(62, 'failed', '{"reason": "grant_revoked"}')), 'done', 'the same about the connection that is stored now');
select is(fixture.job(62), 'blocked grant_revoked', 'is a block');

-- the application's own rules keep working: a policy, and an audit trigger with the writer's rights
delete from public.sessions;
create role settle_owner;
create table public.audit (what text, whose name, as_role name);
alter table public.audit enable row level security;
create function public.audit() returns trigger language plpgsql as
$$ begin insert into public.audit values (tg_table_name, session_user, current_user); return null; end $$;
create trigger audit after update on public.sessions for each row execute function public.audit();
create trigger audit after update on public.tutor_video_provider_connections for each row execute function public.audit();
create policy nothing on public.sessions as restrictive using (false);
create policy nothing on public.tutor_video_provider_connections as restrictive using (false);
grant create, usage on schema public to settle_owner;
select meetlink.detach() \g /dev/null
alter table public.sessions owner to settle_owner;
alter table public.tutor_video_provider_connections owner to settle_owner;
alter table public.audit owner to settle_owner;
grant references, select on public.bookings, public.profiles to settle_owner;
select meetlink.attach() \g /dev/null
select daemon_id as third from meetlink.register_daemon('third', '0.1') \gset
select fixture.book(70) \g /dev/null
set role meetlink_sidecar;
create temp table theirs as select * from meetlink.claim(:third, 1, '1 minute');
select is((select verdict from theirs t, meetlink.settle(:third, jsonb_build_array(jsonb_build_object('session_id', t.session_id, 'claim_id', t.claim_id,
    'outcome', 'linked', 'join_url', 'https://zoom.us/j/70', 'external_id', '70', 'generation', 0)))), 'done', 'under a RESTRICTIVE policy that lets nobody pass, a link is written');
select is((select stored from theirs t, meetlink.begin_refresh(:third, t.owner_id, 'zoom', '1 minute') b,
    meetlink.store_tokens(:third, t.owner_id, 'zoom', b.fence, b.access_token, b.refresh_token, 'a', 'r', '1 hour', null)), true, 'tokens are stored');
select is((select meetlink.disconnect(:third, t.owner_id, 'zoom', b.fence, 'a', 'r', 'grant_revoked', null)
           from theirs t, meetlink.begin_refresh(:third, t.owner_id, 'zoom', '1 minute') b), true, 'and a connection is marked');
reset role;
select is((select array_agg(distinct what || ' ' || as_role order by what || ' ' || as_role) from public.audit),
    '{"sessions settle_owner","tutor_video_provider_connections settle_owner"}'::text[], 'an audit trigger sees the tables'' owner');


-- links of different lengths, between them a statement, and an index that summarizes what comes
select brin_summarize_new_values('meetlink.attempt_finished') \g /dev/null
select claimed(:first, 61, 62, 63) \g /dev/null
select is(settled(:first, outcome(61, 'linked', '{"outcome_unknown": true, "external_id": "a"}'),
                  outcome(62, 'linked', jsonb_build_object('outcome_unknown', true, 'external_id', repeat('b', 900))), outcome(63, 'linked')),
    'done done done', 'a batch with links that are to be looked for once more');
select is((select count(*) from meetlink.orphan where session_id in (fixture.session(61)::text, fixture.session(62)::text, fixture.session(63)::text)), 2::bigint, 'which they are');

-- what no daemon of ours sends
select claimed(:first, 64, 65, 66) \g /dev/null
create temp table odd as select outcome(64, 'linked', '{"outcome_unknown": true}') as twice, outcome(65, 'linked') as words, outcome(66, 'linked') as other;
select is((select string_agg(s.verdict, ' ') from odd, meetlink.settle(:first, jsonb_build_array(twice, twice)) s), 'done', 'a link that is told twice is recorded once');
select is((select count(*) from meetlink.attempt where session_id = fixture.session(64)::text), 1::bigint, 'with one attempt');
select is((select string_agg(s.verdict, ' ') from odd, meetlink.settle(:first, jsonb_build_array(words || jsonb_build_object('claim_id', words ->> 'claim_id'))) s),
    'done', 'a number may be a text');
select throws_ok(format('select meetlink.record_links(%s, %L, ''[]'')', :first, (select jsonb_build_array(other) from odd)), '22023', null, 'verdicts that are no object');

-- what is asked before anything that is nearly never needed
select ok(not meetlink.has_rows('meetlink.readers'), 'a table without rows');
begin;
select meetlink.expect_readers('1 minute') \g /dev/null
select ok(meetlink.has_rows('meetlink.readers'), 'has one, once somebody reads');
rollback;
select ok(not meetlink.has_rows('meetlink.readers'), 'and what was rolled back does not count');
select throws_ok($$select meetlink.has_rows('public.sessions')$$, '22023', null, 'of the application''s tables it tells nothing');
select throws_ok($$select meetlink.has_rows('meetlink.session')$$, '22023', null, 'nor of a view');

select * from finish();
