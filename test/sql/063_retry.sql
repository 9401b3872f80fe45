-- retry: what can be told in one session. It waits for nobody here, because no daemon is running; e2e/015_retry_function
-- has the rest.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
select throws_ok($$select retry_meeting_link('x')$$, 'ML001', null, 'before attach: a clear error');
select meetlink.attach(mapping => '{"grant_to": ["authenticated"]}') \g /dev/null
select fixture.connect(fixture.ada()) \g /dev/null
select fixture.book(1), fixture.book(2, join_url => 'https://zoom.us/j/2'), fixture.book(3, status => 'CANCELLED'), fixture.book(4, fixture.ben()) \g /dev/null

-- 'status action reason' of an answer
create function says(a jsonb) returns text language sql as $$ select concat_ws(' ', a ->> 'status', coalesce(a ->> 'action', '-'), coalesce(a ->> 'reason', '-')) $$;
grant execute on function says(jsonb) to public;

-- ids
select is(says(retry_meeting_link(null::text)), 'invalid none invalid', 'null');
select is(says(retry_meeting_link(null::uuid)), 'invalid none invalid', 'a null uuid');
select is(says(retry_meeting_link(null::bigint)), 'invalid none invalid', 'a null number');
select is(says(retry_meeting_link(v)), 'invalid none invalid', format('%L', left(v, 30)))
from unnest(array['', 'abc', '42', '00000000-0000-0000-0000-00000000000', '''; drop table public.sessions; --', repeat('a', 1000000), E'\u2603', '10000000-0000-0000-0000-000000000001x',
                  '{"id": 1}', '10000000-0000-0000-0000-000000000001; select 1', '../../etc/passwd', '%']) v;
select is(says(retry_meeting_link(42::bigint)), 'invalid none invalid', 'a number, where keys are uuids');
select is(says(retry_meeting_link('00000000-0000-0000-0000-000000000000')), 'not_found none not_found', 'an unknown one');
select is(says(retry_meeting_link(fixture.session(2)::text)), 'linked - -', 'text');
select is(says(retry_meeting_link(fixture.session(2))), 'linked - -', 'uuid');
select is(says(retry_meeting_link(upper(fixture.session(2)::text))), 'linked - -', 'another notation');
select is(says(retry_meeting_link(session_uuid => fixture.session(2))), 'linked - -', 'by the name of the argument');
select is(retry_meeting_link(id => upper(fixture.session(2)::text)) ->> 'session_id', fixture.session(2)::text, 'the answer has the id in normal form');
select is(says(retry_meeting_link(fixture.session(3)::text)), 'not_schedulable none not_schedulable', 'a session that needs no link');

-- nobody is there to carry it out
select is(says(retry_meeting_link(fixture.session(1)::text)), 'queued contact_support pending', 'no daemon: queued, and whom to tell');
select is(retry_meeting_link(fixture.session(1)::text) ->> 'message', 'The retry is queued, but no meetlink daemon is running to carry it out', 'in words');
select is(says(retry_meeting_link(fixture.session(1)::text, wait => null)), 'queued contact_support pending', 'a null wait is none');
select is(says(retry_meeting_link(fixture.session(1)::text, wait => '-1 s')), 'queued contact_support pending', 'so is a negative one');
create function after(state text, reason text) returns text language plpgsql as
$$
declare
    said text;
begin
    update meetlink.job j set state = after.state, reason = after.reason where session_id = fixture.session(1)::text;
    said := says(retry_meeting_link(fixture.session(1)::text));
    return said || ', ' || fixture.job(1);
end
$$;
select is(after('waiting', 'network_error'), 'queued wait pending, due network_error', 'a waiting job is due');
select is(after('blocked', 'grant_revoked'), 'queued wait pending, due grant_revoked', 'a blocked one');
select is(after('gave_up', 'session_over'), 'queued wait pending, due session_over', 'one that was given up');
delete from meetlink.job;
select retry_meeting_link(fixture.session(1)::text) \g /dev/null
select is(fixture.job(1), 'due', 'one that does not exist');
select is((select (owner_id, provider, starts_at, ends_at)::text from meetlink.job where session_id = fixture.session(1)::text),
    (select (tutor_id::text, provider, scheduled_start_at, scheduled_end_at)::text from public.sessions where id = fixture.session(1)), 'is made, with what the session says');
update meetlink.job set state = 'claimed', claim_id = 7, claimed_by = 7, lease_until = now() + interval '1 hour' where session_id = fixture.session(1)::text;
select retry_meeting_link(fixture.session(1)::text) \g /dev/null
select is((select state || ' ' || claim_id from meetlink.job where session_id = fixture.session(1)::text), 'claimed 7', 'one that is claimed is left to its daemon');

-- a daemon that does not answer
select daemon_id as d from meetlink.register_daemon('d', '0.1') \gset
select is(says(retry_meeting_link(fixture.session(1)::text, '0')), 'working wait pending', 'wait => 0: how it stands');
update meetlink.job set state = 'blocked', reason = 'grant_revoked', claim_id = null, claimed_by = null, lease_until = null where session_id = fixture.session(1)::text;
select is(says(retry_meeting_link(fixture.session(1)::text, '0')), 'queued wait grant_revoked', 'asked for, and not begun');
select is(says(retry_meeting_link(fixture.session(1)::text, '100 ms')), 'queued wait grant_revoked', 'the same after a wait');
set statement_timeout = '700ms';
select is(says(retry_meeting_link(fixture.session(1)::text, '1 hour')), 'queued wait grant_revoked', 'a wait beyond statement_timeout ends before it');
set statement_timeout = '400ms';
select is(says(retry_meeting_link(fixture.session(1)::text, '1 hour')), 'queued wait grant_revoked', 'one that is too short for any wait, too');
reset statement_timeout;

-- transactions
begin;
insert into public.profiles (role) values ('student');
select is(says(retry_meeting_link(fixture.session(1)::text, '1 hour')), 'queued wait pending', 'a transaction that has written does not wait');
rollback;
begin isolation level serializable;
select is(says(retry_meeting_link(fixture.session(1)::text, '0')), 'queued wait grant_revoked', 'SERIALIZABLE');
commit;
begin read only;
select throws_ok($$select retry_meeting_link('x')$$, '25006', 'cannot execute retry_meeting_link() in a read-only transaction', 'READ ONLY');
rollback;

-- who may
create function as_user(who text, session integer) returns text language plpgsql as
$$
declare
    said text;
begin
    perform set_config('request.jwt.claims', who, true);
    set local role authenticated;
    said := says(public.retry_meeting_link(fixture_session.id, '0')) from (select ('10000000-0000-0000-0000-' || lpad(session::text, 12, '0')) as id) fixture_session;
    reset role;
    return said;
end
$$;
select is(as_user('{"sub": "00000000-0000-0000-0000-00000000000a"}', 1), 'queued wait grant_revoked', 'the owner');
select is(as_user('{"sub": "00000000-0000-0000-0000-00000000000c"}', 1), 'forbidden none forbidden', 'a student of the session');
select is(as_user('{"sub": "00000000-0000-0000-0000-00000000000b"}', 1), 'not_found none not_found', 'a stranger');
select is(as_user('{}', 1), 'not_found none not_found', 'nobody');
select is(as_user('{"sub": "00000000-0000-0000-0000-00000000000a"}', 9), 'not_found none not_found', 'a session that is not there answers the stranger alike');
select is(as_user('{"sub": "00000000-0000-0000-0000-00000000000a"}', 2), 'linked - -', 'the owner of a session with its link');
select is(as_user('{"sub": "00000000-0000-0000-0000-00000000000c"}', 2), 'forbidden none forbidden', 'which its student does not get here');
set role anon;
select throws_ok($$select public.retry_meeting_link('x')$$, '42501', null, 'a role that is not in grant_to');
set role meetlink_operator;
select is(public.retry_meeting_link('10000000-0000-0000-0000-000000000004', '0') ->> 'status', 'queued', 'an operator may retry anything');
reset role;
set role service_role;
select throws_ok($$select public.retry_meeting_link('x')$$, '42501', null, 'BYPASSRLS alone does not grant the call');
reset role;

-- other key types
select is(meetlink.normal_key(k, t), v, format('%s as %s', k, t)) from (values
    ('042', 'bigint', '42'), (' 7', 'integer', '7'), ('1e3', 'bigint', null), ('9223372036854775808', 'bigint', null), ('2147483648', 'integer', null), ('x', 'integer', null),
    ('', 'text', null), ('it''s', 'text', 'it''s'), ('A', 'character varying', 'A'), (null, 'text', null), (null, 'uuid', null),
    ('{10000000-0000-0000-0000-00000000000A}', 'uuid', '10000000-0000-0000-0000-00000000000a')) x(k, t, v);
select is(meetlink.jwt_subject(), null, 'no claims, no subject');
create function subject(claims text) returns text language plpgsql as
$$
begin
    perform set_config('request.jwt.claims', claims, true);
    return meetlink.jwt_subject();
end
$$;
select is(subject(c), s, format('the subject of %L', c))
from (values ('{"sub": "a"}', 'a'), ('{"sub": ""}', null), ('{"sub": null}', null), ('[]', null), ('no json', null), ('"a"', null), ('', null)) x(c, s);
select * from finish();
