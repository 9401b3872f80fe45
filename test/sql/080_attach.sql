-- Attaching and detaching: every bad input has a clear error and changes nothing; detach leaves no trace.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
\ir ../fixture/other_session.sql
select no_plan();

-- everything in the catalogue that attach could change
create function catalogue() returns text[] language sql as
$$
    select array_agg(line order by line) from (
        select format('class %s %s %s', c.oid::regclass, c.relkind, c.relacl) from pg_class c where c.relpersistence <> 't'
        union all select format('column %s.%s %s', attrelid::regclass, attname, attacl) from pg_attribute where attnum > 0 and attrelid in (select oid from pg_class where relpersistence <> 't')
        union all select format('function %s %s', p.oid::regprocedure, p.proacl) from pg_proc p where p.pronamespace <> pg_my_temp_schema()
        union all select format('trigger %s %s %s', tgrelid::regclass, tgname, tgenabled) from pg_trigger
        union all select format('policy %s %s', polrelid::regclass, polname) from pg_policy
        union all select format('schema %s %s', nspname, nspacl) from pg_namespace where nspname !~ 'temp'
        union all select format('comment %s', description) from pg_description
        union all select format('type %s', t.oid::regtype) from pg_type t where t.typnamespace <> pg_my_temp_schema()) x(line)
$$;
create function detail_and_hint(statement text) returns text language plpgsql as
$$
declare
    detail text;
    hint text;
begin
    execute statement;
    return 'no error';
exception when others then
    get stacked diagnostics detail = pg_exception_detail, hint = pg_exception_hint;
    return concat_ws(' / ', nullif(detail, ''), nullif(hint, ''));
end
$$;
create temp table before_all as select catalogue() as c;

-- wrong tables
select throws_ok($$select meetlink.attach('nowhere')$$, '42P01', 'relation "nowhere" does not exist', 'a missing table');
alter table public.sessions rename to lessons;
select throws_ok('select meetlink.attach()', '42P01', 'table "public.sessions" does not exist', 'the default table is missing');
select is(detail_and_hint('select meetlink.attach()'), 'It is the default for the table of sessions. / Name yours: '
    'SELECT meetlink.attach(sessions => ''your.table'', connections => ''your.other_table'')', 'says that it is a default, and how to name another');
alter table public.lessons rename to sessions;
select throws_ok('select meetlink.attach(0)', '42P01', 'relation with OID 0 does not exist', 'no table at all');
create view public.v as select * from public.sessions;
select throws_ok($$select meetlink.attach('public.v')$$, '42809', 'public.v is not a table', 'a view');
create materialized view public.m as select 1 as id;
select throws_ok($$select meetlink.attach('public.m')$$, '42809', 'public.m is not a table', 'a materialized view');
select throws_ok($$select meetlink.attach('public.sessions_pkey')$$, '42809', 'public.sessions_pkey is not a table', 'an index');
create temp table t (id integer);
select throws_like($$select meetlink.attach('t')$$, '%t is a temporary table', 'a temporary table');
create table public.p (id integer) partition by range (id);
create table public.p1 partition of public.p default;
select throws_ok($$select meetlink.attach('public.p1')$$, '42809', 'public.p1 is a partition', 'a partition');
select throws_ok($$select meetlink.attach('public.sessions', 'public.sessions')$$, '22023', 'sessions and connections cannot be the same table', 'one table twice');
alter table public.sessions force row level security;
select throws_ok('select meetlink.attach()', '55000', 'row-level security is forced on public.sessions', 'FORCE ROW LEVEL SECURITY');
select is(detail_and_hint('select meetlink.attach()'), 'meetlink reads and writes as the table''s owner, whose rows would vanish silently. / '
    'Run: ALTER TABLE public.sessions NO FORCE ROW LEVEL SECURITY', 'with the remedy');
alter table public.sessions no force row level security;
create role attach_owner;
grant create, usage on schema public to attach_owner;
alter table public.sessions owner to attach_owner;
select throws_ok('select meetlink.attach()', '55000', 'tables public.sessions and public.tutor_video_provider_connections have different owners', 'two owners');
alter table public.sessions owner to postgres;

-- wrong columns
create function attach_to(columns text, connection_columns text default 'tutor_id uuid, provider text, is_active boolean, connection_status text,
    provider_account_email text, access_token_encrypted text, refresh_token_encrypted text, token_expires_at timestamptz') returns text language plpgsql as
$$
begin
    execute format('create table s (%s)', columns);
    execute format('create table c (%s)', connection_columns);
    return meetlink.attach('s', 'c');
end
$$;
\set good 'id uuid primary key, tutor_id uuid, provider text, status text, scheduled_start_at timestamptz, scheduled_end_at timestamptz, duration_minutes integer, join_url text, meeting_external_id text, meeting_created_at timestamptz'
select lives_ok(format('select attach_to(%L); select meetlink.detach(); drop table s, c', :'good'), 'good columns are accepted');
prepare attach_without(text, text) as select attach_to(replace(:'good', $1, $2));
select throws_ok($$execute attach_without('join_url text, ', '')$$, '42703', 'column "join_url" of table public.s does not exist', 'a missing column');
select is(detail_and_hint($$select meetlink.attach(mapping => '{"session": {"join_url": "url"}}')$$), 'It is mapped as the session column "join_url". / '
    'Name yours in the mapping, for example: SELECT meetlink.attach(mapping => ''{"session": {"join_url": "your_column"}}'')', 'says what it is for, and how to name another');
select throws_ok($$execute attach_without('duration_minutes integer, ', '')$$, '42703', 'column "duration_minutes" of table public.s does not exist', 'a missing column that could be done without');
select throws_ok($$execute attach_without('scheduled_start_at timestamptz', 'scheduled_start_at timestamp')$$, '42804',
    'column "scheduled_start_at" of table public.s has type timestamp without time zone, which cannot be a session''s starts_at', 'a time without its zone');
select throws_ok($$execute attach_without('id uuid primary key', 'id numeric primary key')$$, '42804',
    'column "id" of table public.s has type numeric, which cannot be a session''s id', 'a key of another type');
select throws_ok($$execute attach_without('join_url text', 'join_url jsonb')$$, '42804', 'column "join_url" of table public.s has type jsonb, which cannot be a session''s join_url',
    'a link of another type');
select throws_ok($$execute attach_without('join_url text', 'join_url text[]')$$, '42804', 'column "join_url" of table public.s has type text[], which cannot be a session''s join_url', 'an array');
select throws_ok($$execute attach_without('join_url text', 'join_url text generated always as (provider) stored')$$, '55000',
    'column "join_url" of table public.s is generated, but meetlink must write it', 'a generated link');
select throws_ok($$execute attach_without('tutor_id uuid', 'tutor_id text')$$, '42804', 'sessions and connections name their owner by different types, text and uuid', 'owners of two types');
select throws_ok($$execute attach_without('id uuid primary key', 'id uuid')$$, '55000', 'no unique index of table public.s begins with column "id"', 'no key');
select throws_ok(format('select attach_to(%L, %L)', :'good', 'tutor_id uuid'), '42703', 'column "provider" of table public.c does not exist', 'a missing column of the connections');

-- wrong mappings
prepare attach(jsonb) as select meetlink.attach(mapping => $1);
select throws_ok($$execute attach('[]')$$, '22023', 'mapping must be a JSON object', 'an array');
select throws_ok($$execute attach('{"sessions": {}}')$$, '22023', 'mapping has an unknown key "sessions"', 'an unknown key');
select throws_ok($$execute attach('{"session": "id"}')$$, '22023', 'mapping key "session" must be an object', 'no object');
select throws_ok($$execute attach('{"session": {"idd": "id"}}')$$, '22023', 'mapping names an unknown session column "idd"', 'an unknown column');
select throws_ok($$execute attach('{"connection": {"id": "id"}}')$$, '22023', 'mapping names an unknown connection column "id"', 'a session''s column for a connection');
select throws_ok($$execute attach('{"session": {"id": 1}}')$$, '22023', 'mapping of session column "id" must be a column name or null', 'a number');
select throws_ok($$execute attach('{"session": {"id": ""}}')$$, '22023', 'mapping of session column "id" must be a column name or null', 'an empty name');
select throws_ok($$execute attach('{"session": {"id": null}}')$$, '22023', 'mapping of session column "id" cannot be null', 'null for what is needed');
select throws_ok($$execute attach('{"wanted_status": "SCHEDULED"}')$$, '22023', 'mapping key "wanted_status" must be an array of strings', 'a status alone');
select throws_ok($$execute attach('{"wanted_status": [1]}')$$, '22023', 'mapping key "wanted_status" must be an array of strings', 'a status that is a number');
select throws_ok($$execute attach('{"wanted_status": []}')$$, '22023', 'mapping key "wanted_status" must not be empty', 'no status');
select throws_ok($$execute attach('{"grant_to": ["nobody_at_all"]}')$$, '42704', 'role "nobody_at_all" in mapping key "grant_to" does not exist', 'an unknown role');

-- without the right to
create role attach_stranger;
grant usage on schema meetlink to attach_stranger;
grant usage on schema public to attach_stranger;
set role attach_stranger;
select throws_ok('select meetlink.attach()', '42501', 'permission denied for function attach', 'without EXECUTE');
reset role;
grant execute on function meetlink.attach(regclass, regclass, jsonb), meetlink.detach(boolean) to attach_stranger;
set role attach_stranger;
select throws_ok('select meetlink.attach()', '42501', 'must be owner of table sessions', 'with EXECUTE, but not the owner');
reset role;
revoke execute on function meetlink.attach(regclass, regclass, jsonb), meetlink.detach(boolean) from attach_stranger;
revoke usage on schema meetlink from attach_stranger;
revoke usage on schema public from attach_stranger;

-- while somebody else has the table
select fixture.other('begin') \g /dev/null
select fixture.other('update public.sessions set notes = null') \g /dev/null
select throws_ok('select meetlink.attach()', '55P03', 'could not lock public.sessions and public.tutor_video_provider_connections within 3 s', 'a table in use');
select fixture.other('rollback') \g /dev/null
select is((select setting from pg_settings where name = 'lock_timeout'), '0', 'the caller''s own lock_timeout is untouched');

drop view public.v; drop materialized view public.m; drop table public.p; drop table t; revoke create, usage on schema public from attach_owner;
deallocate attach_without;
select is((select count(*) from meetlink.attachment), 0::bigint, 'after all these errors nothing is attached');

-- attach, attach again, detach
create temp table before as select catalogue() as c;
create temp table answer as select meetlink.attach(mapping => '{"wanted_status": ["SCHEDULED", "it''s {sessions} $body$ $sql$ \\"], "grant_to": ["authenticated"]}') as a;
select is((select a from answer), 'attached to public.sessions and public.tutor_video_provider_connections', 'attached');
select id as tenant from meetlink.tenant \gset
create temp table attached as select catalogue() as c, (select mapping from meetlink.attachment) as m;
select lives_ok('select meetlink.attach()', 'twice');
select is(catalogue(), c, 'the second time changes nothing') from attached;
select is((select mapping from meetlink.attachment), m, 'and keeps the mapping') from attached;
select lives_ok('select meetlink.attach(mapping => null)', 'null is no mapping either');
select is((select mapping from meetlink.attachment), m, 'and keeps it') from attached;
select fixture.book(1), fixture.book(2, status => 'JOIN_OPEN') \g /dev/null
select is((select count(*) from meetlink.job), 1::bigint, 'the mapping''s statuses count');
alter table public.sessions drop constraint sessions_status_check;
select fixture.book(3, status => 'it''s {sessions} $body$ $sql$ \') \g /dev/null
select is(fixture.job(3), 'due', 'whatever they are made of');
select is((select count(*) from meetlink.session where wanted), 2::bigint, 'in the view as well');
delete from public.sessions;
alter table public.sessions add constraint sessions_status_check check (status in
   ('SCHEDULED', 'JOIN_OPEN', 'COMPLETED_ASSUMED', 'NO_SHOW_STUDENT', 'EARLY_END_SHORT', 'CANCELLED'));
create table public.other (id uuid primary key);
select throws_ok($$select meetlink.attach('public.other')$$, 'ML002', 'meetlink is already attached to public.sessions and public.tutor_video_provider_connections',
    'one attachment per database');
drop table public.other;
insert into meetlink.provider_block values ('zoom', 'client_rejected');
select is(meetlink.detach(), 'detached from public.sessions and public.tutor_video_provider_connections', 'detached');
select is_empty('select from meetlink.provider_block', 'nothing is known of the providers any more');
select is_empty('select unnest(catalogue()) except select unnest(c) from before', 'detach leaves nothing behind');
select is_empty('select unnest(c) from before except select unnest(catalogue())', 'and takes nothing with it');
select is(meetlink.detach(), 'meetlink was not attached', 'detach without attach says so');
select fixture.book(4) \g /dev/null
select is((select count(*) from meetlink.job), 0::bigint, 'a booking goes on without meetlink');

-- keeping the jobs
select meetlink.attach() \g /dev/null
select is((select id from meetlink.tenant), :'tenant', 'the tenant outlives detach, since meetings are found again by it');
select is((select flagged from meetlink.sweep()), 1, 'the backlog is left to the sweep');
insert into meetlink.attempt (session_id, claim_id, attempt, daemon, started_at, outcome) values ('1', 1, 1, 'd', now(), 'linked');
update meetlink.job set generation = 5;
select meetlink.detach(keep_jobs => true) \g /dev/null
alter table public.sessions alter column provider type varchar(100);
select meetlink.attach() \g /dev/null
select is((select (count(*), max(generation)) from meetlink.job), (1::bigint, 5), 'kept for a migration: jobs');
select is((select count(*) from meetlink.attempt), 1::bigint, 'and history');
select is((select (flagged, retired, moved)::text from meetlink.sweep()), '(0,0,0)', 'which still fit');
select meetlink.detach(keep_jobs => true) \g /dev/null

-- kept jobs of another key type
truncate public.sessions;
alter table public.sessions drop constraint sessions_pkey, alter column id drop default, alter column id type bigint using 1, add primary key (id);
select lives_ok('select meetlink.attach()', 'attach after the keys were made numbers');
select lives_ok('select meetlink.sweep()', 'jobs with the old keys do not hurt the sweep');
select is((select count(*) from meetlink.job), 0::bigint, 'they are gone');
select meetlink.detach() \g /dev/null
truncate public.sessions;
alter table public.sessions drop constraint sessions_pkey, alter column id type uuid using gen_random_uuid(), alter column id set default gen_random_uuid(), add primary key (id);

-- by an owner who is no superuser
alter table public.sessions owner to attach_owner;
alter table public.tutor_video_provider_connections owner to attach_owner;
grant usage on schema meetlink to attach_owner;
grant execute on function meetlink.attach(regclass, regclass, jsonb), meetlink.detach(boolean) to attach_owner;
set role attach_owner;
select lives_ok('select meetlink.attach()', 'an owner attaches without being superuser');
reset role;
select is((select count(*) from pg_class c where relnamespace = 'meetlink'::regnamespace and relkind = 'v' and relowner <> 'attach_owner'::regrole), 0::bigint, 'the views are the owner''s');
set role attach_owner;
select lives_ok('select * from meetlink.stuck_sessions, meetlink.connection_health, meetlink.drift', 'who can read them');
select lives_ok('select meetlink.detach(); select meetlink.attach()', 'and can attach again after detach');
reset role;
set role attach_stranger;
select throws_ok('select meetlink.detach()', '42501', null, 'a stranger cannot detach');
reset role;

-- another owner later
create role attach_heir;
revoke execute on function meetlink.attach(regclass, regclass, jsonb) from attach_owner;
alter table public.sessions owner to attach_heir;
alter table public.tutor_video_provider_connections owner to attach_heir;
select lives_ok('select meetlink.attach()', 'attach again after the tables have another owner');
select ok(not has_schema_privilege('attach_owner', 'meetlink', 'usage') and not has_table_privilege('attach_owner', 'meetlink.job', 'select'),
    'the former owner''s rights are gone');
select is((select table_owner from meetlink.attachment), 'attach_heir', 'and the new one''s are used');

-- tables that are gone
set client_min_messages = warning;
drop table public.sessions cascade;
select lives_ok('select meetlink.detach()', 'detach after a table was dropped');

select * from finish();
