-- The index of sessions without a link: made by attach where that takes a moment, named where it would not; what the
-- views ask for is what it holds; and what attach knows of the tables' other indexes.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();

create function its_definition() returns text language sql as
$$ select pg_get_indexdef(to_regclass('public.meetlink_unlinked')) $$;
create function sequential_scans(statement text) returns bigint language plpgsql as
$$
declare
    line text;
    found_scans bigint := 0;
begin
    for line in execute 'explain ' || statement loop
        found_scans := found_scans + (line ~ 'Seq Scan on sessions')::integer;
    end loop;
    return found_scans;
end
$$;

-- a small table
select meetlink.attach() \g /dev/null
select is(its_definition(), 'CREATE INDEX meetlink_unlinked ON public.sessions USING btree (scheduled_start_at) WHERE (join_url IS NULL)', 'attach makes it on a small table');
select is(i.relowner, t.relowner, 'for the table''s owner') from pg_class i, pg_class t where i.oid = 'public.meetlink_unlinked'::regclass and t.oid = 'public.sessions'::regclass;
select oid as made from pg_class where relname = 'meetlink_unlinked' \gset
select meetlink.attach() \g /dev/null
select is('public.meetlink_unlinked'::regclass::oid, :made::oid, 'attached again, it is left as it is');

-- the views use it
select fixture.connect(fixture.ada()) \g /dev/null
select fixture.book(n, ahead => n * interval '1 minute', join_url => 'https://zoom.us/j/1') from generate_series(1, 5000) n \g /dev/null
select fixture.book(n, ahead => n * interval '1 day') from generate_series(5001, 5010) n \g /dev/null
analyze public.sessions;
analyze meetlink.job;
select is(sequential_scans('select * from meetlink.stuck_sessions'), 0::bigint, 'stuck_sessions reads no more than it shows');
select is(sequential_scans('select * from meetlink.outlook where starts_at < now() + interval ''2 days'''), 0::bigint, 'nor does the forecast');
select is(sequential_scans('select * from meetlink.drift'), 0::bigint, 'nor does the sweep');

-- a half made one, and one of other columns, are made anew
update pg_index set indisvalid = false where indexrelid = 'public.meetlink_unlinked'::regclass;
select meetlink.attach() \g /dev/null
select ok(indisvalid, 'an invalid one is replaced') from pg_index where indexrelid = 'public.meetlink_unlinked'::regclass;
alter table public.sessions rename column join_url to "the ""link""";
select meetlink.attach(mapping => '{"session": {"join_url": "the \"link\""}}') \g /dev/null
select is(meetlink.unlinked_index('public.sessions', (select mapping from meetlink.attachment)), 'public.meetlink_unlinked', 'a renamed column is still the one');
alter table public.sessions add column other_link text;
select meetlink.attach(mapping => '{"session": {"join_url": "other_link"}}') \g /dev/null
select alike(its_definition(), '% WHERE (other_link IS NULL)', 'another column gets another one');

-- detach
select meetlink.detach(keep_jobs => true) \g /dev/null
select isnt(its_definition(), null, 'a detach for a migration leaves it, since on a large table it is dear');
select meetlink.attach(mapping => '{"session": {"join_url": "other_link"}}'), meetlink.detach() \g /dev/null
select is(its_definition(), null, 'detach removes it');
create index of_ours on public.sessions (scheduled_start_at) where other_link is null;
select meetlink.attach(mapping => '{"session": {"join_url": "other_link"}}') \g /dev/null
select is(its_definition(), null, 'where the application has such an index, none is made');
select meetlink.detach() \g /dev/null
select ok(to_regclass('public.of_ours') is not null, 'and that is not removed');
drop index public.of_ours;

-- a large table
create function told(statement text) returns text language plpgsql as
$$
declare
    hint text;
begin
    execute 'create or replace function meetlink.small_table() returns bigint language sql immutable set search_path = pg_catalog, pg_temp as ''select -1::bigint''';
    execute statement;
    return (select h.status || ' ' || h.hint from meetlink.health() h where h.check_name like 'index%');
end
$$;
set client_min_messages = warning;
select is(told($$select meetlink.attach(mapping => '{"session": {"join_url": "other_link"}}')$$),
    'warning As the table''s owner: CREATE INDEX CONCURRENTLY meetlink_unlinked ON public.sessions (scheduled_start_at) WHERE other_link IS NULL', 'on a large table the statement is named instead');
select is(its_definition(), null, 'and no index made');
create index concurrently meetlink_unlinked on public.sessions (scheduled_start_at) where other_link is null;
select is(meetlink.unlinked_index('public.sessions', (select mapping from meetlink.attachment)), 'public.meetlink_unlinked', 'carried out, it is found');
select meetlink.detach() \g /dev/null

-- a partitioned table, whose start may be null, of sessions with several connections an owner
create table public.parts (id integer, tutor_id uuid, provider varchar(20), status varchar(20), starts timestamptz, join_url varchar(200), primary key (id)) partition by range (id);
create table public.parts_1 partition of public.parts for values from (0) to (10);
create table public.several (tutor_id uuid, provider text, is_active boolean, access text, refresh text, expires timestamptz);
select meetlink.attach('public.parts', 'public.several', '{"session": {"starts_at": "starts", "ends_at": null, "duration_minutes": null, "external_id": null, "linked_at": null},
    "connection": {"status": null, "account": null, "access_token": "access", "refresh_token": "refresh", "expires_at": "expires"}}') \g /dev/null
select matches(hint, ': CREATE INDEX meetlink_unlinked ON public.parts \(starts\) WHERE join_url IS NULL$', 'a partitioned table has no CONCURRENTLY') from meetlink.health() where check_name like 'index%';
create index meetlink_unlinked on public.parts (starts) where join_url is null;
select is(status, 'ok', 'and is served by an index of all its partitions') from meetlink.health() where check_name like 'index%';
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
