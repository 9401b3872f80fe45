-- The daily budget: counted per account and UTC day, the nearest sessions first, part of it kept for those that
-- cannot wait; what is refused waits for 00:00 UTC and is no attempt.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
select meetlink.attach() \g /dev/null
select daemon_id as daemon from meetlink.register_daemon('d', '0.1') \gset
select fixture.connect(fixture.ada()) \g /dev/null
select fixture.connect(fixture.ben(), 'google_meet') \g /dev/null

create function used() returns bigint language sql as $$ select meetlink.used_today(fixture.ada()::text, 'zoom', now()) $$;
create function outcome(number integer, what text, more jsonb) returns jsonb language sql as
$$
    select jsonb_build_object('session_id', j.session_id, 'claim_id', j.claim_id, 'outcome', what, 'generation', 0,
                              'reason', 'network_error', 'stage', 'create', 'join_url', 'https://zoom.us/j/' || number, 'external_id', number) || more
    from meetlink.job j where j.session_id = fixture.session(number)::text
$$;
create function settled(daemon bigint, variadic outcomes jsonb[]) returns text language sql as
$$ select string_agg(verdict, ' ') from meetlink.settle(daemon, to_jsonb(outcomes)) $$;
create function states() returns text language sql as
$$ select string_agg(what || ' ' || n, ', ' order by what) from (select concat_ws(' ', provider, state, reason) as what, count(*) as n from meetlink.job group by 1) t $$;

-- extension/src/budget.cpp reads and writes by position
select is((select array_agg(attname || ' ' || format_type(atttypid, atttypmod) order by attnum) from pg_attribute
           where attrelid = 'meetlink.daily_use'::regclass and attnum > 0),
    array['owner_id text', 'provider text', 'day date', 'daemon_id bigint', 'used integer'], 'the columns of daily_use are those that C++ knows, in its order');
select is((select array_agg(attname || ' ' || format_type(atttypid, atttypmod) order by attnum) from pg_attribute
           where attrelid = 'meetlink.daily_budget'::regclass and attnum > 0),
    array['provider text', 'all_of_it integer', 'least_urgent integer'], 'and so are those of daily_budget');

-- times
select is(meetlink.next_utc_day('2026-11-22 23:59:59.9+00'), '2026-11-23 00:00+00'::timestamptz, 'the next UTC day begins at 00:00 UTC');
set timezone = 'Pacific/Auckland';
select is(meetlink.next_utc_day('2026-11-23 00:00+00'), '2026-11-24 00:00+00'::timestamptz, 'wherever the server is');
reset timezone;

-- 90 sessions that can wait, of which 80 may go today
select fixture.book(n, ahead => interval '3 days' + n * interval '1 minute') from generate_series(1, 90) n \g /dev/null
select fixture.book(n, fixture.ben(), interval '30 days', 'google_meet') from generate_series(101, 103) n \g /dev/null
select is((select count(*) from meetlink.claim(:daemon, 83, '1 minute')), 83::bigint, 'a batch is filled, past what the budget refuses');
select is(states(), 'google_meet claimed 3, zoom claimed 80, zoom waiting daily_limit 10', '80 may be made today, at the provider that counts');
select is((select min(right(session_id, 3)::integer) from meetlink.job where state = 'waiting'), 81, 'the nearest first');
select ok(bool_and(due_at = meetlink.next_utc_day(now()) and attempts = 0 and claim_id is null), 'the others wait for 00:00 UTC, and this was no attempt')
from meetlink.job where state = 'waiting';

-- those that cannot wait
select fixture.book(n, ahead => n * interval '1 second') from generate_series(201, 225) n \g /dev/null
select is((select count(*) from meetlink.claim(:daemon, 100, '1 minute')), 20::bigint, 'sessions that start soon get the rest');
select is((select max(right(session_id, 3)::integer) from meetlink.job where state = 'claimed' and provider = 'zoom'), 220, 'the nearest of them');
select is_empty(format('select * from meetlink.claim(%s, 100, ''1 minute'')', :daemon), 'then nothing more');

-- what was really sent
select is(settled(:daemon, outcome(1, 'linked', '{"writes": 1}'), outcome(2, 'released', '{"writes": 0}'), outcome(3, 'failed', '{"writes": 0}'),
                  outcome(4, 'linked', '{"writes": 3}')), 'done done done done', 'attempts end');
select is(used(), 100::bigint, 'a created link counts 1, what never reached the provider 0, a link that took three requests 3');
select is((select count(distinct (owner_id, provider)) from meetlink.daily_use), 1::bigint, 'for the account of the provider that counts');
select is((select count(*) from meetlink.claim(:daemon, 100, '1 minute')), 0::bigint, 'nothing is left: 96 are claimed, and 4 were sent');
select settled(:daemon, outcome(6, 'failed', '{"writes": 0}'), outcome(7, 'failed', '{"writes": 0}')) \g /dev/null
select fixture.book(n, ahead => n * interval '1 second') from generate_series(226, 229) n \g /dev/null
select is((select count(*) from meetlink.claim(:daemon, 100, '1 minute')), 2::bigint, 'what was claimed in vain is there for others');

-- a session that moves near
select fixture.book(301, ahead => interval '4 days') \g /dev/null
update meetlink.daily_use set used = case when daemon_id > 0 then 80 else 0 end;
select meetlink.claim(:daemon, 100, '1 minute') \g /dev/null
select is(fixture.job(301), 'waiting daily_limit', 'one that can wait');
update public.sessions set scheduled_start_at = now() + interval '30 minutes', scheduled_end_at = now() + interval '90 minutes' where id = fixture.session(301);
select is(fixture.job(301), 'due daily_limit', 'is due at once when it is moved to a time soon');

-- the next day
update meetlink.daily_use set day = day - 1;
update meetlink.job set state = 'due', claim_id = null, claimed_by = null, lease_until = null;
select is((select count(*) > 20 from meetlink.claim(:daemon, 100, '1 minute')), true, 'the next day they go on');
update meetlink.daily_use set day = day - 2;
select meetlink.sweep() \g /dev/null
select is((select count(*) from meetlink.daily_use), 0::bigint, 'and former days are forgotten');

-- a link that the application's table refuses has cost what it cost
delete from public.sessions;
select fixture.book(401) \g /dev/null
select meetlink.claim(:daemon, 1, '1 minute') \g /dev/null
alter table public.sessions add constraint no_links check (join_url is null) not valid;
select is(settled(:daemon, outcome(401, 'linked', '{"writes": 3}')), 'rejected', 'a link that the table refuses');
select is(used(), 3::bigint, 'counts the requests that it took');
alter table public.sessions drop constraint no_links;

-- an account that no request can be sent for: all its sessions learn why, and none waits for tomorrow
delete from public.sessions;
update meetlink.daily_use set used = 0;
delete from public.tutor_video_provider_connections where tutor_id = fixture.ada();
select fixture.book(500 + n, ahead => interval '3 days' + n * interval '1 minute') from generate_series(1, 90) n \g /dev/null
create function all_fail(daemon bigint) returns bigint language sql as
$$
    select count(*) from meetlink.settle(daemon, (
        select jsonb_agg(outcome(right(c.session_id, 3)::integer, 'failed', '{"writes": 0, "reason": "no_connection", "stage": "claim"}'))
        from meetlink.claim(daemon, 100, '1 minute') c))
$$;
select is(all_fail(:daemon), 80::bigint, 'the budget holds ten back, although nothing is sent');
select is(states(), 'zoom blocked no_connection 80, zoom due daily_limit 10', 'what was not sent is offered to them');
select is(all_fail(:daemon), 10::bigint, 'they are tried');
select is(states(), 'zoom blocked no_connection 90', 'and wait for what the others wait for');
select is(used(), 0::bigint, 'nothing was sent');

-- given back just when others were refused: the sweep offers it
update meetlink.job set state = 'waiting', reason = 'daily_limit', stage = 'claim', due_at = meetlink.next_utc_day(now()) where right(session_id, 3) in ('501', '502', '503');
update meetlink.daily_use set used = case when daemon_id > 0 then 78 else 0 end;
select meetlink.sweep() \g /dev/null
select is(states(), 'zoom blocked no_connection 87, zoom due daily_limit 2, zoom waiting daily_limit 1', 'two of three that were refused may be tried after all');
update meetlink.daily_use set used = 100 where daemon_id > 0;
update meetlink.job set state = 'waiting', due_at = meetlink.next_utc_day(now()) where state = 'due';
select meetlink.sweep() \g /dev/null
select is(states(), 'zoom blocked no_connection 87, zoom waiting daily_limit 3', 'nothing is offered of a day that is used up');

-- a row of jobs that is none
select lives_ok(format($$select meetlink.within_budget(%s, array[row(null, 'o', 'zoom', null, null, 'claimed', now(), now(), 0, 0, false, 1, 1, now(), null, null, null, null, null, null)::meetlink.job,
                                                     row('s', 'o', 'zoom', null, null, 'claimed', now(), now(), 0, 0, false, null, 1, now(), null, null, null, null, null, null)::meetlink.job, null])$$, :daemon),
    'jobs without a session or a claim are not counted');

select * from finish();
