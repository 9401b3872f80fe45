-- retry_stuck: what it selects, the nearest start first, and who may call it.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
select meetlink.attach() \g /dev/null
select fixture.connect(fixture.ada()), fixture.connect(fixture.ben(), 'google_meet') \g /dev/null
select fixture.book(n, ahead => n * interval '1 hour') from generate_series(1, 4) n \g /dev/null
select fixture.book(5, fixture.ben(), provider => 'google_meet'), fixture.book(6, ahead => '-3 hours'), fixture.book(7) \g /dev/null
update meetlink.job set state = 'blocked', reason = 'client_rejected' where session_id <> fixture.session(7)::text;
update meetlink.job set state = 'waiting', reason = 'rate_limited', due_at = now() + interval '1 hour' where session_id = fixture.session(4)::text;
create function due() returns text language sql as
$$ select string_agg(right(session_id, 1), ' ' order by session_id) from meetlink.job where state = 'due' $$;
create procedure again() language sql as
$$ update meetlink.job set state = 'blocked', reason = 'client_rejected' where session_id not in (fixture.session(7)::text, fixture.session(4)::text) $$;

select is((select string_agg(right(session_id, 1) || ' ' || was || ' ' || was_reason, ', ') from meetlink.retry_stuck(max => 1)), '1 blocked client_rejected',
    'max: the nearest start comes first, and it says what it was');
call again();
select is((select count(*) from meetlink.retry_stuck(reason => 'rate_limited')), 1::bigint, 'by reason');
select is(due(), '4 7', 'waiting jobs too');
select is((select string_agg(job_provider, ',') from meetlink.retry_stuck(provider => 'google_meet')), 'google_meet', 'by provider');
call again();
select is((select string_agg(owner_id, ',') from meetlink.retry_stuck(owner => fixture.ben()::text)), fixture.ben()::text, 'by owner');
select is((select count(*) from meetlink.retry_stuck()), 3::bigint, 'and everything');
select is(due(), '1 2 3 4 5 7', 'except what is over');
select is((select count(*) from meetlink.retry_stuck()), 0::bigint, 'what is due already is left alone');
select throws_ok($$ select meetlink.retry_stuck('nonsense') $$, '22023', 'reason "nonsense" does not exist', 'an unknown reason is an error');
select throws_ok($$ select meetlink.retry_stuck(max => -1) $$, '22023', 'max must not be negative', 'and so is a negative max');
set role authenticated;
select throws_ok($$ select * from meetlink.retry_stuck() $$, '42501', null, 'end users may not call it');
reset role;
set role meetlink_operator;
select lives_ok($$ select * from meetlink.retry_stuck() $$, 'operators may');
reset role;
select * from finish();
