-- The HTTP gateway's side: whom it may become, that it may do nothing as itself, and the bulk form.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
set client_min_messages = warning;

create role gateway_web login in role meetlink_gateway;
create role gateway_boss superuser;
create role gateway_stranger;
select meetlink.attach(mapping => '{"grant_to": ["authenticated", "service_role", "gateway_boss"]}');

-- whom it may become
create function members() returns name[] language sql as
$$
    select array_agg(r.rolname order by r.rolname) from pg_auth_members m join pg_roles r on r.oid = m.roleid
    where m.member = 'meetlink_gateway'::regrole
$$;
select is(members(), '{authenticated,meetlink_operator,service_role}', 'attach lets the gateway become the roles of grant_to, but no superuser');
select results_eq('select role, anything from meetlink.request_roles() order by role',
    $$values ('authenticated', false), ('meetlink_operator', true), ('service_role', true)$$,
    'callers are served under these roles; operators and who bypasses row-level security may retry anything');

-- as itself it may do nothing
set session authorization gateway_web;
select throws_ok('select * from public.sessions', '42501', null, 'the gateway reads no table of the application');
select throws_ok('select * from meetlink.stuck_sessions', '42501', null, 'nor a view of meetlink');
select throws_ok($$select public.retry_meeting_link('x')$$, '42501', null, 'it retries nothing as itself');
select throws_ok('select meetlink.request_missing()', '42501', null, 'nor all that is missing');
select throws_ok('set role gateway_stranger', '42501', null, 'it cannot become a role that is not in grant_to');
select throws_ok('set role gateway_boss', '42501', null, 'nor a superuser that is');
select throws_ok('set role meetlink_sidecar', '42501', null, 'nor the daemon, which can read tokens');
select is(meetlink.http_status('{"status": "blocked", "reason": "grant_revoked"}'), 401, 'it knows the status of an answer');

-- the bulk form
reset session authorization;
select fixture.connect(fixture.ada());
select fixture.book(n) from generate_series(1, 4) n;
select fixture.book(5, ahead => '-1 day');
alter table public.sessions disable trigger all;
select fixture.book(6);
alter table public.sessions enable trigger all;
update meetlink.job set state = 'blocked', reason = 'token_missing' where session_id = fixture.session(1)::text;
update meetlink.job set state = 'waiting', reason = 'network_error' where session_id = fixture.session(2)::text;
set role meetlink_operator;
select results_eq('select cardinality(session_ids), seen, daemon from meetlink.request_missing()', 'values (5, 0::bigint, false)',
    'every upcoming session is asked for, none that is over; and nobody is there to carry it out');
reset role;
select is((select string_agg(j.state, ', ' order by j.session_id) from meetlink.job j where j.session_id < fixture.session(5)::text), 'due, due, due, due', 'what was stuck is due');
select is(fixture.job(6), 'due', 'so is a session that no trigger saw');
select is((select ends_at from meetlink.job where session_id = fixture.session(6)::text),
    (select scheduled_end_at from public.sessions where id = fixture.session(6)), 'with the times that it has');

create function outcomes() returns setof text language sql as
$$
    select concat_ws(' ', right(o.session_id, 1), o.answer ->> 'status', o.answer ->> 'reason')
    from meetlink.outcomes(array(select fixture.session(n)::text from generate_series(1, 4) n) || array[fixture.session(9)::text], 0) o order by 1
$$;
select is(array(select outcomes()), '{9 not_found not_found}', 'nothing has become of them yet, but that one does not exist');
update public.sessions set join_url = 'https://example.zoom.us/j/1' where id = fixture.session(1);
update public.sessions set status = 'CANCELLED' where id = fixture.session(2);
insert into meetlink.attempt (session_id, claim_id, attempt, daemon, started_at, outcome, reason)
select fixture.session(n)::text, n, 1, 'd', now(), 'failed', 'grant_revoked' from generate_series(3, 4) n;
update meetlink.job set state = 'blocked', reason = 'grant_revoked' where session_id = fixture.session(3)::text;
select is(array(select outcomes()), '{1 linked,2 not_schedulable not_schedulable,3 blocked grant_revoked,9 not_found not_found}',
    'linked, cancelled, failed since; the one that is due again is not settled');
select results_eq('select state, reason, jobs from meetlink.job_counts() order by state, reason',
    $$values ('blocked', 'grant_revoked', 1::bigint), ('due', '', 3::bigint)$$, 'jobs are counted by state and reason, that of the session that is over, too');

select meetlink.attach(mapping => '{"grant_to": ["authenticated"]}');
select is(members(), '{authenticated,meetlink_operator}', 'a role that grant_to no longer names is left');
select meetlink.detach();
select is(members(), '{meetlink_operator}', 'detach leaves them all');

drop role gateway_web, gateway_boss, gateway_stranger;
select * from finish();
