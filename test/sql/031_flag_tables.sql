-- Flagging on other tables than the application's: partitions, other names, other key types, columns that
-- are not there, ends that come from a duration.
select no_plan();
create function jobs() returns text language sql as
$$ select coalesce(string_agg(session_id || ' ' || state, ', ' order by session_id), 'none') from meetlink.job $$;

-- partitions, one of which has its columns in another order
create table lesson (id bigint, teacher bigint, service text, begins timestamptz not null, minutes bigint, link text, primary key (id, begins))
    partition by range (begins);
create table lesson_2030 partition of lesson for values from ('2030-01-01') to ('2031-01-01');
create table lesson_2031 (link text, gone integer, minutes bigint, begins timestamptz not null, service text, teacher bigint, id bigint not null);
alter table lesson_2031 drop column gone;
alter table lesson attach partition lesson_2031 for values from ('2031-01-01') to ('2032-01-01');
create table account (teacher bigint, service text, secret text, refresh text, access text, until timestamptz);
select meetlink.attach('lesson', 'account', '{
    "session": {"owner": "teacher", "provider": "service", "status": null, "starts_at": "begins", "ends_at": null,
                "duration_minutes": "minutes", "join_url": "link", "external_id": null, "linked_at": null},
    "connection": {"owner": "teacher", "provider": "service", "active": null, "status": null, "account": null,
                   "access_token": "access", "refresh_token": "refresh", "expires_at": "until"}}') \g /dev/null
select lives_ok('select meetlink.attach()', 'run again without arguments it takes the tables that are attached, and their mapping');

insert into lesson values (1, 7, 'zoom', '2030-05-01 10:00+00', 45);
insert into lesson_2031 (id, teacher, service, begins, minutes) values (2, 7, 'zoom', '2031-05-01 10:00+00', 45);
select is((select array_agg((session_id, owner_id, provider, starts_at, ends_at)::text order by session_id) from meetlink.job),
    array[('1'::text, '7'::text, 'zoom'::text, '2030-05-01 10:00+00'::timestamptz, '2030-05-01 10:45+00'::timestamptz)::text,
          ('2'::text, '7'::text, 'zoom'::text, '2031-05-01 10:00+00'::timestamptz, '2031-05-01 10:45+00'::timestamptz)::text],
    'a partition is flagged, through its parent or straight, and the end comes from the duration');
update meetlink.job set generation = 3, outcome_unknown = true, attempts = 2 where session_id = '1';
select n_tup_ins as inserted from pg_stat_xact_all_tables where relid = 'meetlink.job'::regclass \gset
update lesson set begins = '2031-06-01 10:00+00' where id = 1;
select is((select n_tup_ins from pg_stat_xact_all_tables where relid = 'meetlink.job'::regclass), :inserted::bigint,
    'to another partition a row moves without a second job, which a subscriber of a publication would refuse');
select is((select (state, starts_at, generation, outcome_unknown, attempts) from meetlink.job where session_id = '1'),
    ('due'::text, '2031-06-01 10:00+00'::timestamptz, 3, true, 2),
    'a row that moves to another partition keeps its job, and what the job knows of a meeting');
update lesson_2031 set link = 'https://zoom.us/j/2' where id = 2;
select is(jobs(), '1 due', 'linked straight in the partition: retired');
update lesson set begins = '2030-06-01 10:00+00', link = 'https://zoom.us/j/1' where id = 1;
select is((select retired from meetlink.sweep()), 1, 'linked while it moves: retired by the next claim or sweep');
create table lesson_2032 partition of lesson for values from ('2032-01-01') to ('2033-01-01');
insert into lesson values (3, 7, 'zoom', '2032-05-01 10:00+00', 45);
select is(jobs(), '3 due', 'a partition made after attach is flagged');
alter table lesson detach partition lesson_2032;
insert into lesson_2032 values (4, 7, 'zoom', '2032-05-01 10:00+00', 45);
select is((select (flagged, retired)::text from meetlink.sweep()), '(0,1)', 'a detached one is not the sessions'' table any more');
select is(jobs(), 'none', 'so its sessions have no jobs');

-- ends that cannot be expressed
prepare lesson(bigint, timestamptz, bigint) as insert into lesson values ($1, 7, 'zoom', $2, $3);
create table lesson_rest partition of lesson default;
select lives_ok($$execute lesson(10, '2030-01-01', 9223372036854775807)$$, 'a duration beyond all bounds does not fail a booking');
select lives_ok($$execute lesson(11, '2030-01-01', 153722867280)$$, 'nor one that ends after the last timestamp');
select lives_ok($$execute lesson(12, 'infinity', 60)$$, 'nor a start in infinity');
select lives_ok($$execute lesson(13, '-infinity', 60)$$, 'nor one before all time');
select lives_ok($$execute lesson(14, '2030-01-01', -9223372036854775808)$$, 'nor a negative duration');
select lives_ok($$execute lesson(15, '2030-01-01', null)$$, 'nor none');
select is((select count(*) from meetlink.job where ends_at is null), 6::bigint, 'all are flagged, without an end');
select is((select count(*) from meetlink.session where wanted and ends_at is null), 6::bigint, 'the view says the same of them');
select is((select (flagged, retired, moved)::text from meetlink.sweep()), '(0,0,0)', 'so the sweep finds no drift');
insert into account values (7, 'zoom', null, 'r', 'a', now() + interval '1 hour');
select meetlink.register_daemon('d', '0') \g /dev/null
select is((select count(*) from meetlink.claim(1, 10, '1 minute')), 5::bigint, 'and a claim hands out all but the one that was over before all time');
select meetlink.detach() \g /dev/null

-- text keys, whatever they contain
create table "Class's {id}" ("Id ""1""" text primary key, "own er" text, provider varchar(20), start timestamptz, url varchar(50));
create table "Acc'ount" ("own er" text, provider varchar(20), access text, refresh text, expires_at timestamptz);
select lives_ok($$select meetlink.attach('"Class''s {id}"', '"Acc''ount"', '{
    "session": {"id": "Id \"1\"", "owner": "own er", "status": null, "starts_at": "start", "ends_at": null, "duration_minutes": null,
                "join_url": "url", "external_id": null, "linked_at": null},
    "connection": {"owner": "own er", "active": null, "status": null, "account": null, "access_token": "access", "refresh_token": "refresh",
                   "expires_at": "expires_at"}}')$$, 'names that need quoting');
insert into "Class's {id}" values ('a''b"c\', 'o''wn {x}', 'zoom', now() + interval '1 day'), ('', '', '', now() + interval '1 day'), (' ü€', null, null, null);
select is((select array_agg(session_id order by session_id collate "C") from meetlink.job), array['', ' ü€', 'a''b"c\'], 'text keys are taken as they are');
select is((select (owner_id, provider) from meetlink.job where session_id = 'a''b"c\'), ('o''wn {x}'::text, 'zoom'::text), 'and owners');
insert into "Acc'ount" values ('o''wn {x}', 'zoom', 'a', 'r', now());
create temp table claimed as select * from meetlink.claim(1, 10, '1 minute');
select is((select array_agg((session_id, connection_found)::text order by session_id collate "C") from claimed),
    array['("",f)', '(" ü€",f)', '("a''b""c\\",t)'], 'a claim finds sessions and connections by them');
select is((select array_agg(verdict order by s.claim_id) from meetlink.settle(1, (select jsonb_agg(jsonb_build_object('session_id', session_id, 'claim_id', claim_id,
        'outcome', 'linked', 'join_url', 'https://zoom.us/j/' || claim_id, 'external_id', 'x', 'generation', 0)) from claimed)) s),
    array['done', 'done', 'done'], 'and links are written');
select is((select count(*) from "Class's {id}" where url is null), 0::bigint, 'to every row');
select is((select (granted, access_token) from meetlink.begin_refresh(1, 'o''wn {x}', 'zoom', '1 minute')), (true, 'a'::text), 'tokens are read by such keys');
select is((select stored from meetlink.store_tokens(1, 'o''wn {x}', 'zoom', 1, 'a', 'r', 'a2', 'r2', '1 hour', null)), true, 'and stored');
select is((select meetlink.disconnect(1, 'o''wn {x}', 'zoom', fence, 'a2', 'r2', 'grant_revoked', null)
           from meetlink.begin_refresh(1, 'o''wn {x}', 'zoom', '1 minute')), true, 'and disconnected, with no column to mark');
select meetlink.detach() \g /dev/null

-- columns named as the functions' own parameters and variables
create domain key as integer check (value > 0);
create type service as enum ('zoom', 'google_meet');
create type state as enum ('SCHEDULED', 'JOIN_OPEN', 'DONE');
create table link (session_id key primary key, owner_id key, provider service, status state, starts_at timestamptz, claim_id timestamptz, duration smallint,
                   join_url text, external_id text, verdict timestamptz, detail text);
create table refresh (owner_id key, provider service, was_access boolean, was_refresh text default 'connected', access text, refresh text, expires_at timestamptz);
select lives_ok($$select meetlink.attach('link', 'refresh', '{
    "session": {"id": "session_id", "owner": "owner_id", "starts_at": "starts_at", "ends_at": "claim_id", "duration_minutes": "duration",
                "linked_at": "verdict", "external_id": "external_id", "title": "detail"},
    "connection": {"owner": "owner_id", "active": "was_access", "status": "was_refresh", "account": null, "access_token": "access",
                   "refresh_token": "refresh", "expires_at": "expires_at"}}')$$, 'enums, domains and unlucky names');
insert into refresh values (1, 'zoom', true, default, 'a', 'r', now());
insert into link values (1, 1, 'zoom', 'SCHEDULED', now() + interval '1 day', null, 30), (2, 1, 'zoom', 'DONE', now(), null, 30);
insert into link values (3, 1, 'zoom', null, now(), null, 30);
select is(jobs(), '1 due', 'are flagged, by their status');
delete from link where session_id = 3;
select is((select (session_id, owner_id, connection_usable, access_token)::text from meetlink.claim(1, 10, '1 minute')), '(1,1,t,a)', 'claimed');
select is((select stored from meetlink.begin_refresh(1, '1', 'zoom', '1 minute') b, meetlink.store_tokens(1, '1', 'zoom', b.fence, 'a', 'r', 'a2', 'r2', '1 hour', null)),
    true, 'refreshed');
select is((select meetlink.disconnect(1, '1', 'zoom', b.fence, 'a2', 'r2', 'grant_revoked', null) from meetlink.begin_refresh(1, '1', 'zoom', '1 minute') b),
    true, 'disconnected');
select is((select (was_access, was_refresh, access, refresh)::text from refresh), '(f,needs_reauth,a2,r2)', 'in their own columns');
select is((select verdict from meetlink.settle(1, (select jsonb_agg(jsonb_build_object('session_id', j.session_id, 'claim_id', j.claim_id, 'outcome', 'linked',
        'join_url', 'https://zoom.us/j/1', 'external_id', 'x', 'generation', 0)) from meetlink.job j))), 'done', 'and linked');
select isnt((select verdict from link where session_id = 1), null, 'with the time of it');
update refresh set was_access = true, was_refresh = 'connected';

select * from finish();
