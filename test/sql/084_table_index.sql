-- What the views over sessions without a link read of the user's tables; whatever attach knows of their indexes.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();

create function sequential_scans(statement text) returns bigint language plpgsql as
$$
declare
    line text;
    found_scans bigint := 0;
begin
    for line in execute 'explain (analyze, costs off, timing off, summary off) ' || statement loop
        found_scans := found_scans + (line ~ 'Seq Scan on sessions' and line !~ 'never executed')::integer;
    end loop;
    return found_scans;
end
$$;

-- attach makes no index on the user's table
select count(*) as indexes from pg_index where indrelid = 'public.sessions'::regclass \gset
select meetlink.attach() \g /dev/null
select is(count(*), :indexes::bigint, 'attach makes no index on the table: bookings pay for none') from pg_index where indrelid = 'public.sessions'::regclass;

-- the jobs are the index
select fixture.connect(fixture.ada()) \g /dev/null
select fixture.book(n, ahead => n * interval '1 minute', join_url => 'https://zoom.us/j/1') from generate_series(1, 5000) n \g /dev/null
select fixture.book(n, ahead => (6000 - n) * interval '1 day') from generate_series(5001, 5010) n \g /dev/null
select daemon_id as d from meetlink.register_daemon('one', '0.1') \gset
select meetlink.sweep(daemon_id => :d) \g /dev/null
analyze public.sessions;
analyze meetlink.job;
select is(sequential_scans('select * from meetlink.stuck_sessions'), 0::bigint, 'stuck_sessions reads no more than it shows');
select is(sequential_scans('select * from meetlink.outlook where starts_at < now() + interval ''2 days'''), 0::bigint, 'nor does the forecast');
select is((select array_agg(right(session_id::text, 2)::integer) from meetlink.stuck_sessions), '{10,9,8,7,6,5,4,3,2,1}', 'the nearest start first');
create index of_ours on public.sessions (scheduled_start_at) where join_url is null;
select is(sequential_scans('select * from meetlink.unseen'), 0::bigint, 'nor does the sweep, where the application has an index that begins with the start');
drop index of_ours;
select meetlink.detach() \g /dev/null

-- a partitioned table, whose start may be null, of sessions with several connections an owner
create table public.parts (id integer, tutor_id uuid, provider varchar(20), status varchar(20), starts timestamptz, join_url varchar(200), primary key (id)) partition by range (id);
create table public.parts_1 partition of public.parts for values from (0) to (10);
create table public.several (tutor_id uuid, provider text, is_active boolean, access text, refresh text, expires timestamptz);
select meetlink.attach('public.parts', 'public.several', '{"session": {"starts_at": "starts", "ends_at": null, "duration_minutes": null, "external_id": null, "linked_at": null},
    "connection": {"status": null, "account": null, "access_token": "access", "refresh_token": "refresh", "expires_at": "expires"}}') \g /dev/null
insert into meetlink.daemon (name, version, backend_pid, backend_start, swept_at, sweep_took) values ('slow', '0.1', 0, now(), now(), '1 minute');
select alike(hint, '%: CREATE INDEX ON public.parts USING brin (starts)', 'a partitioned table has no CONCURRENTLY') from meetlink.health() where check_name = 'sweep';
delete from meetlink.daemon;
insert into public.parts values (1, fixture.ada(), 'zoom', 'SCHEDULED', now() + interval '1 day', null), (2, fixture.ada(), 'zoom', 'JOIN_OPEN', null, null),
    (3, fixture.ada(), 'zoom', 'CANCELLED', now() + interval '1 day', null), (4, fixture.ada(), 'zoom', null, now() + interval '1 day', null),
    (5, fixture.ada(), 'zoom', 'SCHEDULED', now() - interval '2 hours', null), (6, fixture.ada(), 'zoom', 'SCHEDULED', now() - interval '30 minutes', null),
    (7, fixture.ada(), 'zoom', 'SCHEDULED', now() + interval '1 day', 'https://zoom.us/j/7'), (8, fixture.ada(), 'zoom', 'SCHEDULED', '-infinity', null);
insert into public.several values (fixture.ada(), 'zoom', false, 'x', 'x', null), (fixture.ada(), 'zoom', true, 'y', 'y', null);
select is((select string_agg(session_id || case when connection_usable then '+' else '-' end, ' ') from meetlink.stuck_sessions), '6+ 1+ 2+',
    'what wants a link, in order, also without a start; each once, with the connection that works');
select is((select array_agg(session_id order by session_id) from meetlink.job), '{1,2,5,6,8}'::text[], 'all of which are flagged');
select is((select count(*) from meetlink.drift), 0::bigint, 'and agree with their jobs');

-- what is known of other indexes
create table public.known (a integer not null, b integer, c integer unique deferrable, d text);
create unique index on public.known (a, b);
create unique index on public.known (b) where a > 0;
create unique index on public.known (lower(d));
select ok(meetlink.is_unique('public.known', 'a', 'b') and meetlink.is_unique('public.known', 'a', 'b', 'd'), 'unique together, and with more');
select ok(not meetlink.is_unique('public.known', 'a', 'd'), 'but not one of them');
select ok(not meetlink.is_unique('public.known', 'b'), 'nor in part of the table');
select ok(not meetlink.is_unique('public.known', 'c'), 'nor at commit only');
select ok(not meetlink.is_unique('public.known', 'd'), 'nor by an expression');
select * from finish();
