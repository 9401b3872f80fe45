-- What open pages hear: settling names its sessions while there are readers, and marks tell states apart.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
set client_min_messages = warning;
select meetlink.attach() \g /dev/null
select fixture.connect(fixture.ada()) \g /dev/null
select fixture.book(n) from generate_series(1, 3) n \g /dev/null

create function mark(number integer) returns integer language sql as
$$ select m.mark from meetlink.session_marks(array[fixture.session(number)::text]) m $$;
create function changed(what text, statement text) returns text language plpgsql as
$$
declare
    before integer := mark(1);
begin
    execute statement;
    return public.is(mark(1) <> before, true, what);
end
$$;

select is(mark(1), mark(1), 'the same state has the same mark');
select changed('a job that is blocked', $$update meetlink.job set state = 'blocked', reason = 'grant_revoked' where session_id = fixture.session(1)::text$$);
select changed('for another reason', $$update meetlink.job set reason = 'token_missing' where session_id = fixture.session(1)::text$$);
select changed('that is due again', $$update meetlink.job set state = 'due' where session_id = fixture.session(1)::text$$);
create temp table before as select mark(1) as mark;
select daemon_id as d from meetlink.register_daemon('d', '0.1') \gset
create temp table mine as select * from meetlink.claim(:d, 3, '1 minute');
select is(mark(1), (select mark from before), 'but not one that is taken: the link is being made all the same');
select changed('a link typed in by hand', $$update public.sessions set join_url = 'https://zoom.us/j/1' where id = fixture.session(1)$$);
select changed('a cancelled session', $$update public.sessions set status = 'CANCELLED' where id = fixture.session(1)$$);
select changed('another time', $$update public.sessions set scheduled_start_at = scheduled_start_at + interval '1 hour' where id = fixture.session(1)$$);
select changed('a session that is gone', $$delete from public.sessions where id = fixture.session(1)$$);
select is((select count(*) from meetlink.session_marks(array[fixture.session(1)::text, fixture.session(2)::text])), 2::bigint, 'it has a mark all the same');

-- notifications (e2e/171_events hears them)
create function settle(number integer, daemon bigint) returns text language sql as
$$
    select verdict from meetlink.settle(daemon, (select jsonb_agg(jsonb_build_object('session_id', m.session_id, 'claim_id', m.claim_id, 'generation', 0,
        'outcome', 'linked', 'join_url', 'https://zoom.us/j/' || number, 'external_id', number::text, 'timings', '{}'::jsonb, 'attempt_ms', 1))
        from mine m where m.session_id = fixture.session(number)::text))
$$;
select is((select count(*) from meetlink.readers where until > clock_timestamp()), 0::bigint, 'without readers nobody is told');
select is(settle(2, :d), 'done', 'settling does without');
select meetlink.expect_readers('1 minute') \g /dev/null
select is((select count(*) from meetlink.readers where until > clock_timestamp()), 1::bigint, 'a daemon has readers');
select meetlink.expect_readers('1 second') \g /dev/null
select ok((select until from meetlink.readers) > clock_timestamp() + interval '30 seconds', 'another''s are no reason to end that sooner');
select is(settle(3, :d), 'done', 'settling does');
select is((select count(*) from meetlink.attempt a where a.outcome = 'linked' and (a.timings ->> 'age_ms')::double precision between 1 and 60000), 2::bigint,
    'each link says how long the session had been flagged');

select cmp_ok(meetlink.console_mark(), '>=', 0::bigint, 'the console''s mark is a number');
select * from finish();
