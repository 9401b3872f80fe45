-- Flagging: a job exists if and only if a session needs a link, whoever books and however.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
select meetlink.attach() \g /dev/null

-- every job as "number state", to compare with
create function jobs() returns text language sql as
$$ select coalesce(string_agg(right(session_id, 3)::integer || ' ' || state, ', ' order by session_id), 'none') from meetlink.job $$;

select fixture.book(1) \g /dev/null
select is(jobs(), '1 due', 'an inserted session is due');
select ok((j.owner_id, j.provider, j.starts_at, j.ends_at) =
          (s.tutor_id::text, s.provider, s.scheduled_start_at, s.scheduled_end_at), 'and its job carries what the claim needs')
from meetlink.job j, public.sessions s;
select ok(attempts = 0 and generation = 0 and not outcome_unknown and num_nulls(claim_id, claimed_by, lease_until, reason) = 4
          and flagged_at = due_at and flagged_at between now() - interval '1 minute' and clock_timestamp(), 'and begins at zero')
from meetlink.job;
select fixture.book(2, status => 'COMPLETED_ASSUMED'), fixture.book(3, join_url => 'https://zoom.us/j/3'),
       fixture.book(4, status => 'JOIN_OPEN') \g /dev/null
select is(jobs(), '1 due, 4 due', 'one that is over or linked is not flagged, one that is open is');

-- updates
update public.sessions set status = 'SCHEDULED' where id = fixture.session(2);
select is(fixture.job(2), 'due', 'status back to one that wants a link: flagged');
update public.sessions set status = 'CANCELLED' where id = fixture.session(2);
select is(fixture.job(2), null, 'cancelled: retired');
update public.sessions set join_url = null where id = fixture.session(3);
select is(fixture.job(3), 'due', 'the link is removed: flagged');
update public.sessions set join_url = 'https://example.org/by-hand' where id = fixture.session(3);
select is(fixture.job(3), null, 'linked by hand: retired');
delete from public.sessions where id = fixture.session(4);
select is(fixture.job(4), null, 'deleted: retired');
update public.sessions set notes = '{}', status = 'JOIN_OPEN' where id = fixture.session(1);
select is(jobs(), '1 due', 'an update that changes neither need nor schedule changes nothing');

-- a claimed, a blocked and a given-up job are retired as well
select fixture.book(n) from generate_series(11, 13) n \g /dev/null
update meetlink.job set state = 'claimed', claim_id = 1, claimed_by = 1, lease_until = now() where session_id = fixture.session(11)::text;
update meetlink.job set state = 'blocked', reason = 'no_connection' where session_id = fixture.session(12)::text;
update meetlink.job set state = 'gave_up', reason = 'session_over' where session_id = fixture.session(13)::text;
update public.sessions set status = 'CANCELLED' where right(id::text, 3) in ('011', '012', '013');
select is(jobs(), '1 due', 'a cancelled session loses its job in whatever state');

-- the schedule moves
update public.sessions set scheduled_start_at = '2030-01-01 10:00+00', scheduled_end_at = '2030-01-01 11:00+00' where id = fixture.session(1);
select is((select (starts_at, ends_at) from meetlink.job), ('2030-01-01 10:00+00'::timestamptz, '2030-01-01 11:00+00'::timestamptz),
    'a moved session moves its job');
update meetlink.job set state = 'waiting', reason = 'network_error', due_at = '2029-12-31 00:00+00', attempts = 3, generation = 2, outcome_unknown = true;
update public.sessions set scheduled_start_at = '2029-06-01 10:00+00', scheduled_end_at = '2029-06-01 11:00+00' where id = fixture.session(1);
select is((select (state, due_at, attempts, generation, outcome_unknown) from meetlink.job),
    ('waiting'::text, '2029-06-01 09:58:30+00'::timestamptz, 3, 2, true), 'moved nearer: the next try is not after its last call');
update public.sessions set scheduled_start_at = '2029-07-01 10:00+00', scheduled_end_at = '2029-07-01 11:00+00' where id = fixture.session(1);
select is((select due_at from meetlink.job), '2029-06-01 09:58:30+00'::timestamptz, 'moved away: the next try stays');
update meetlink.job set state = 'blocked', reason = 'invalid_schedule';
update public.sessions set scheduled_end_at = '2029-07-01 11:30+00' where id = fixture.session(1);
select is(fixture.job(1), 'due invalid_schedule', 'a corrected schedule is tried again');
update meetlink.job set state = 'blocked', reason = 'grant_revoked';
update public.sessions set scheduled_end_at = '2029-07-01 11:45+00' where id = fixture.session(1);
select is(fixture.job(1), 'blocked grant_revoked', 'a schedule does not cure another block');
update meetlink.job set state = 'gave_up', reason = 'session_over';
update public.sessions set scheduled_end_at = '2029-07-01 11:50+00' where id = fixture.session(1);
select is(fixture.job(1), 'due session_over', 'a session moved after it was given up is tried again');

-- another account
update meetlink.job set state = 'claimed', claim_id = 7, claimed_by = 1, lease_until = now() + interval '1 hour', outcome_unknown = true;
update public.sessions set scheduled_end_at = '2029-07-01 11:55+00' where id = fixture.session(1);
select is((select (state, claim_id) from meetlink.job), ('claimed'::text, 7::bigint), 'a moved end leaves the claim alone');
update public.sessions set tutor_id = fixture.ben() where id = fixture.session(1);
select is((select (state, claim_id, owner_id, generation, outcome_unknown) from meetlink.job),
    ('due'::text, null::bigint, fixture.ben()::text, 3, false), 'another owner: claim taken away, a meeting of its own');
update public.sessions set provider = 'google_meet' where id = fixture.session(1);
select is((select (state, provider, generation) from meetlink.job), ('due'::text, 'google_meet'::text, 4), 'another provider likewise');

-- the key changes
update public.sessions set id = fixture.session(9) where id = fixture.session(1);
select is(jobs(), '9 due', 'another id: the job goes with it');

-- many at once
delete from public.sessions where id <> fixture.session(9);
select fixture.book(n) from generate_series(20, 22) n \g /dev/null
select is(jobs(), '9 due, 20 due, 21 due, 22 due', 'a statement of several rows');
update public.sessions set status = case right(id::text, 1) when '0' then 'CANCELLED' else 'JOIN_OPEN' end;
select is(jobs(), '9 due, 21 due, 22 due', 'an update of all rows: those that want none lose theirs, no other is doubled');
delete from public.sessions;
select is(jobs(), 'none', 'all deleted');

insert into public.bookings (id, tutor_id, student_id)
select fixture.session(n), fixture.ada(), '00000000-0000-0000-0000-00000000000c' from generate_series(30, 32) n;
copy public.sessions (id, booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes) from stdin (delimiter ' ');
10000000-0000-0000-0000-000000000030 10000000-0000-0000-0000-000000000030 00000000-0000-0000-0000-00000000000a 00000000-0000-0000-0000-00000000000c zoom 2040-01-01 2040-01-02 60
10000000-0000-0000-0000-000000000031 10000000-0000-0000-0000-000000000031 00000000-0000-0000-0000-00000000000a 00000000-0000-0000-0000-00000000000c zoom 2040-01-01 2040-01-02 60
10000000-0000-0000-0000-000000000032 10000000-0000-0000-0000-000000000032 00000000-0000-0000-0000-00000000000a 00000000-0000-0000-0000-00000000000c zoom 2040-01-01 2040-01-02 60
\.
select is(jobs(), '30 due, 31 due, 32 due', 'COPY');

insert into public.sessions select * from public.sessions where id = fixture.session(30)
on conflict (id) do update set status = 'CANCELLED';
select is(jobs(), '31 due, 32 due', 'ON CONFLICT DO UPDATE that cancels');
insert into public.sessions select * from public.sessions where id = fixture.session(31) on conflict do nothing;
select is(jobs(), '31 due, 32 due', 'ON CONFLICT DO NOTHING');
insert into public.sessions select * from public.sessions where id = fixture.session(30)
on conflict (id) do update set status = 'SCHEDULED';
select is(jobs(), '30 due, 31 due, 32 due', 'ON CONFLICT DO UPDATE that wants again');
merge into public.sessions s using public.bookings b on s.booking_id = b.id
when matched and s.id = fixture.session(30) then delete
when matched then update set status = 'JOIN_OPEN';
select is(jobs(), '31 due, 32 due', 'MERGE');

-- transactions
begin;
select fixture.book(40) \g /dev/null
update public.sessions set status = 'CANCELLED' where id = fixture.session(31);
select is(jobs(), '32 due, 40 due', 'inside a transaction it is seen at once');
savepoint a;
select fixture.book(41) \g /dev/null
delete from public.sessions where id = fixture.session(32);
rollback to a;
select is(jobs(), '32 due, 40 due', 'a rolled-back subtransaction leaves and takes nothing');
select fixture.book(41) \g /dev/null
select is(jobs(), '32 due, 40 due, 41 due', 'and what it did can be done again');
rollback;
select is(jobs(), '31 due, 32 due', 'a rolled-back booking leaves no job, and a rolled-back cancellation takes none');
begin;
select fixture.book(42) \g /dev/null
update public.sessions set tutor_id = fixture.ben() where id = fixture.session(42);
delete from public.sessions where id = fixture.session(42);
commit;
select is(jobs(), '31 due, 32 due', 'booked, changed and deleted in one transaction: nothing');

-- a BEFORE trigger that changes what the UPDATE did not name
create function public.reopen() returns trigger language plpgsql as
$$ begin if new.notes ? 'reopen' then new.status := 'SCHEDULED'; end if; return new; end $$;
update public.sessions set status = 'CANCELLED';
create trigger reopen before update on public.sessions for each row execute function public.reopen();
update public.sessions set notes = '{"reopen": true}' where id = fixture.session(31);
select is(jobs(), '31 due', 'a status that a BEFORE trigger changed is seen');
drop trigger reopen on public.sessions;

truncate public.sessions cascade;
select is(jobs(), 'none', 'truncated: all retired');

-- what no trigger sees, the sweep finds
set session_replication_role = replica;
select fixture.book(50), fixture.book(51, ahead => '-2 days') \g /dev/null
reset session_replication_role;
select is(jobs(), 'none', 'the replication role fires no trigger');
select is((select flagged from meetlink.sweep()), 1, 'the sweep flags what it missed, unless it is over');
select is(jobs(), '50 due', 'and only that');
select is((select (flagged, retired, moved) from meetlink.sweep()), (0, 0, 0), 'a second sweep finds nothing');
set session_replication_role = replica;
update public.sessions set status = 'CANCELLED' where id = fixture.session(50);
reset session_replication_role;
select is((select retired from meetlink.sweep()), 1, 'it retires what was cancelled unseen');
select is(jobs(), 'none', 'and nothing is left');

-- a job that is there already when its session is inserted
set session_replication_role = replica;
select fixture.book(70) \g /dev/null
select meetlink.sweep() \g /dev/null
delete from public.sessions where id = fixture.session(70);
reset session_replication_role;
select fixture.book(70, ahead => '3 days'), fixture.book(71) \g /dev/null
select is(jobs(), '70 due, 71 due', 'a session that has a job already can be inserted');
select is(j.starts_at, s.scheduled_start_at, 'and the job follows it')
from meetlink.job j join public.sessions s on s.id::text = j.session_id where s.id = fixture.session(70);

-- a statement that fails after some of its rows were flagged (their foreign keys are checked in between)
insert into public.bookings (tutor_id, student_id)
select fixture.ada(), '00000000-0000-0000-0000-00000000000c' from generate_series(1, 10);
create function public.book_free(wrong integer) returns text language plpgsql as
$$
begin
    insert into public.sessions (id, booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes)
    select fixture.session(80 + b.n), b.id, b.tutor_id, case when b.n = wrong then gen_random_uuid() else b.student_id end,
           'zoom', now() + interval '1 day', now() + interval '25 hours', 60
    from (select *, row_number() over ()::integer as n from public.bookings
          where not exists (select from public.sessions where booking_id = bookings.id) and confirmed_start_at is null) b;
    return 'booked';
exception when foreign_key_violation then return 'failed';
end
$$;
begin;
select is(public.book_free(8), 'failed', 'the eighth of many rows fails');
select is(jobs(), '70 due, 71 due', 'no job is left of those before it');
select is(public.book_free(0), 'booked', 'in the same transaction they are booked');
select is((select count(*) from meetlink.job where session_id > fixture.session(80)::text),
          (select count(*) from public.sessions where id > fixture.session(80)), 'and all flagged');
rollback;
truncate public.sessions cascade;

-- What the flag keeps of the job table from one booking to the next follows changes of the table. An index that lacks
-- rows is seen by whoever is made to use it.
create function in_index(condition text) returns bigint language plpgsql set enable_seqscan = off as
$$
declare
    n bigint;
begin
    execute 'select count(*) from meetlink.job where ' || condition into n;
    return n;
end
$$;
select fixture.book(101) \g /dev/null
create index job_of_provider on meetlink.job (session_id, owner_id) where provider = 'zoom' and state = 'due';
create index job_late on meetlink.job (flagged_at) where state <> 'due';
create index job_block on meetlink.job using brin (flagged_at);
create index job_words on meetlink.job using gin (to_tsvector('simple', provider));
select fixture.book(102), fixture.book(103, provider => 'google_meet') \g /dev/null
select fixture.book(104) \g /dev/null
select is(in_index($$provider = 'zoom' and state = 'due' and session_id > ''$$), 3::bigint, 'a new partial index gets the rows that it is for');
select is(in_index($$state <> 'due' and flagged_at < 'infinity'$$), 0::bigint, 'and none that it is not for');
select is(in_index($$to_tsvector('simple', provider) @@ 'zoom'$$), 3::bigint, 'indexes of other kinds get theirs');
update meetlink.job set state = 'waiting', reason = 'network_error' where session_id = fixture.session(104)::text;
select is(in_index($$state <> 'due' and flagged_at < 'infinity'$$), 1::bigint, 'an index of another state gets a job when that changes');
drop index meetlink.job_words, meetlink.job_late;
reindex table meetlink.job;
alter table meetlink.job add column of_the_operator text;
select fixture.book(105) \g /dev/null
select is(in_index($$provider = 'zoom' and state = 'due' and session_id > ''$$), 3::bigint, 'rebuilt indexes and a new column are no trouble');
select is(in_index($$state = 'due' and case when provider in ('google_meet', 'zoom') then provider else '' end in ('google_meet', 'zoom') and starts_at > now()$$), 4::bigint, 'nor for the index that claims read');
truncate public.sessions cascade;

-- a connection from a pool has planned all this for a table that was nearly empty; of a backlog it must not read all
begin;
discard plans;
analyze meetlink.job;
create function pg_temp.follow(first integer, last integer) returns void language plpgsql as
$$
declare
    session uuid;
begin
    for session in select fixture.session(n) from generate_series(first, last) n loop
        update public.sessions s set scheduled_start_at = s.scheduled_start_at + interval '1 minute' where s.id = session;
        update public.sessions s set provider = 'google_meet' where s.id = session;
        update public.sessions s set status = 'CANCELLED' where s.id = session;
        update public.tutor_video_provider_connections c set access_token_encrypted = c.access_token_encrypted || 'x';
    end loop;
end
$$;
select fixture.book(n) from generate_series(1, 20) n \g /dev/null
select pg_temp.follow(1, 10) \g /dev/null
select fixture.book(n) from generate_series(21, 3000) n \g /dev/null
create function pg_temp.rows_read() returns bigint language sql as
$$ select sum(pg_stat_get_xact_tuples_returned(i) + pg_stat_get_xact_tuples_fetched(i))::bigint
   from (select 'meetlink.job'::regclass union all select indexrelid from pg_index where indrelid = 'meetlink.job'::regclass) t(i) $$;
select pg_temp.rows_read() as before \gset
select pg_temp.follow(11, 20) \g /dev/null
select pg_temp.rows_read() as after \gset
select is((select count(*) from meetlink.job), 2980::bigint, 'ten sessions are moved, given another provider, cancelled, and a connection is renewed');
select cmp_ok(:after::bigint - :before, '<', 1000::bigint, 'without a look at the other jobs');
rollback;

-- a renamed column must not fail a booking
alter table public.sessions rename column scheduled_end_at to finish_at;
create function public.book_renamed(number integer) returns void language sql as
$$
    with b as (insert into public.bookings (tutor_id, student_id) values (fixture.ada(), '00000000-0000-0000-0000-00000000000c') returning *)
    insert into public.sessions (id, booking_id, tutor_id, student_id, provider, scheduled_start_at, finish_at, duration_minutes)
    select fixture.session(number), id, tutor_id, student_id, 'zoom', now() + interval '1 day', now() + interval '25 hours', 60 from b
$$;
set client_min_messages = error;
select lives_ok('select public.book_renamed(60)', 'a booking works after a mapped column was renamed');
reset client_min_messages;
select is(jobs(), 'none', 'it is not flagged');
select is((select flagged from meetlink.sweep()), 1, 'the sweep flags it, since views follow a rename');
select is(jobs(), '60 due', 'as any other');
select throws_ok('select meetlink.attach()', '42703', 'column "scheduled_end_at" of table public.sessions does not exist',
    'attaching again says which column is gone');
select lives_ok($$select meetlink.attach(mapping => '{"session": {"ends_at": "finish_at"}}')$$, 'and takes its new name');
select public.book_renamed(61) \g /dev/null
select is(jobs(), '60 due, 61 due', 'after which bookings are flagged again');
-- nor one that decides whether a session needs a link
alter table public.sessions rename column status to state;
set client_min_messages = error;
select lives_ok($$select public.book_renamed(62); update public.sessions set state = 'CANCELLED' where id = fixture.session(61)$$,
    'a booking and a cancellation work after the column of the status was renamed');
reset client_min_messages;
select is((select (flagged, retired)::text from meetlink.sweep()), '(1,1)', 'the sweep flags the one and retires the other');
select is(jobs(), '60 due, 62 due', 'as if they had been seen');


select * from finish();
