-- Who books: roles without any right on schema meetlink, under any search_path, in the application's own
-- way, with its policies and triggers working as before.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
select meetlink.attach() \g /dev/null
select fixture.connect(fixture.ada()) \g /dev/null
grant usage on schema fixture to authenticated, service_role, meetlink_sidecar;
create function jobs() returns text language sql security definer as
$$ select coalesce(string_agg(state || coalesce(' ' || reason, ''), ', ' order by session_id), 'none') from meetlink.job $$;

-- as its servers do
set role service_role;
select throws_ok('select from meetlink.job', '42501', null, 'the booking role has no right on schema meetlink');
select fixture.book(1) \g /dev/null
select is(jobs(), 'due', 'yet what it books is flagged');
update public.sessions set scheduled_start_at = '2030-01-01', scheduled_end_at = '2030-01-02';
reset role;
select is((select starts_at from meetlink.job), '2030-01-01'::timestamptz, 'what it moves is moved');
set role service_role;
update public.sessions set status = 'CANCELLED';
select is(jobs(), 'none', 'what it cancels is retired');
delete from public.bookings;
reset role;

-- as its pages do: the tutor confirms a booking, the application's trigger makes the session
grant select, update on public.bookings to authenticated;
insert into public.bookings (tutor_id, student_id, confirmed_start_at, confirmed_end_at)
values (fixture.ada(), '00000000-0000-0000-0000-00000000000c', now() + interval '1 day', now() + interval '25 hours');
set role authenticated;
set request.jwt.claims = '{"sub": "00000000-0000-0000-0000-00000000000a"}';
update public.bookings set status = 'CONFIRMED';
select is(jobs(), 'due', 'a booking that is confirmed from a page is flagged');
reset role;
update meetlink.job set state = 'blocked', reason = 'grant_revoked';
set role authenticated;
update public.tutor_video_provider_connections set connection_status = 'connected', access_token_encrypted = 'new';
select is(jobs(), 'due grant_revoked', 'a reconnect from a page makes it due');
reset role;
delete from public.sessions;

-- hostile surroundings: everything that the triggers could mean by a name is planted in front of pg_catalog
create role flag_mallory;
create schema trap authorization flag_mallory;
grant usage on schema public, fixture to flag_mallory;
grant all on all tables in schema public to flag_mallory;
create policy mallory on public.sessions to flag_mallory using (true) with check (true);
create policy mallory on public.tutor_video_provider_connections to flag_mallory using (true) with check (true);
set role flag_mallory;
create table trap.sprung (by_whom text);
create function trap.spring() returns text language plpgsql as $$ begin insert into trap.sprung values (current_user); return current_user; end $$;
create function trap.text_is(text, text) returns boolean language sql as $$ select trap.spring() is null $$;
create function trap.time_is(timestamptz, timestamptz) returns boolean language sql as $$ select trap.spring() is null $$;
create operator trap.= (leftarg = text, rightarg = text, function = trap.text_is);
create operator trap.<> (leftarg = text, rightarg = text, function = trap.text_is);
create operator trap.= (leftarg = timestamptz, rightarg = timestamptz, function = trap.time_is);
create operator trap.<= (leftarg = timestamptz, rightarg = timestamptz, function = trap.time_is);
create function trap.clock_timestamp() returns timestamptz language sql as $$ select trap.spring()::timestamptz $$;
create function trap.to_jsonb(anyelement) returns jsonb language sql as $$ select to_json(trap.spring())::jsonb $$;
create function trap.pg_notify(text, text) returns void language sql as $$ select trap.spring() $$;
create function trap.move_job(text, text, text, timestamptz, timestamptz) returns void language sql as $$ select trap.spring() $$;
create table trap.job (session_id text, state text);
set search_path = trap, public, pg_catalog;
insert into public.bookings (id, tutor_id, student_id)
values ('20000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000c');
insert into public.sessions (booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes)
values ('20000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000c',
        'zoom', '2030-01-01', '2030-01-02', 60);
reset role;
reset search_path;
select is(jobs(), 'due', 'under a hostile search_path: booked is flagged');
set role flag_mallory;
set search_path = trap, public, pg_catalog;
update public.sessions set scheduled_start_at = '2031-01-01', scheduled_end_at = '2031-01-02';
reset role;
reset search_path;
select is((select starts_at from meetlink.job), '2031-01-01'::timestamptz, 'moved is moved');
update meetlink.job set state = 'blocked', reason = 'grant_revoked';
set role flag_mallory;
set search_path = trap, public, pg_catalog;
update public.tutor_video_provider_connections set access_token_encrypted = 'newer';
reset search_path;
reset role;
select is(jobs(), 'due grant_revoked', 'reconnected is due');
set role flag_mallory;
set search_path = trap, public, pg_catalog;
update public.sessions set status = 'CANCELLED';
reset role;
reset search_path;
select is(jobs(), 'none', 'cancelled is retired');
select is((select count(*) from trap.sprung), 0::bigint, 'and nothing planted there ran, as anybody');
select is((select count(*) from trap.job), 0::bigint, 'nor was the wrong table touched');

-- the table's owner cannot make meetlink run code with more rights than the owner has
create role flag_owner;
grant create, usage on schema public to flag_owner;
select meetlink.detach() \g /dev/null
alter table public.tutor_video_provider_connections owner to flag_owner;
alter table public.sessions owner to flag_owner;
grant usage on schema meetlink to flag_owner;
grant execute on function meetlink.attach(regclass, regclass, jsonb) to flag_owner;
set role flag_owner;
create table public.cast_by (whom text);
grant insert on public.cast_by to public;
create type public.mood as enum ('good', 'bad');
create function public.mood_json(public.mood) returns json language plpgsql as
$$ begin insert into public.cast_by values (current_user); return '"x"'; end $$;
create cast (public.mood as json) with function public.mood_json(public.mood);
alter table public.tutor_video_provider_connections add mood public.mood default 'good';
alter table public.sessions add mood public.mood default 'good';
select meetlink.attach() \g /dev/null
reset role;
select fixture.book(2) \g /dev/null
set role flag_owner;
update public.tutor_video_provider_connections set access_token_encrypted = 'newest';
update public.sessions set scheduled_start_at = '2031-01-01', scheduled_end_at = '2031-01-02';
reset role;
select is((select array_agg(whom) from public.cast_by where whom <> 'flag_owner'), null,
    'a cast of the owner''s own type never runs with meetlink''s rights');

select * from finish();
