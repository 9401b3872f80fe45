-- Rights: nothing is for everybody; the daemon's role does its work and no more; the tables' owner gains
-- nothing by changing what was generated for him.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
create role rights_owner;
grant create, usage on schema public to rights_owner;
alter table public.sessions owner to rights_owner;
alter table public.tutor_video_provider_connections owner to rights_owner;
grant references, select on public.bookings, public.profiles to rights_owner;
select meetlink.attach(mapping => '{"grant_to": ["authenticated"]}') \g /dev/null

-- everybody
select is_empty($$
    select p.oid::regprocedure from pg_proc p
    cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    where (p.pronamespace = 'meetlink'::regnamespace or p.proname = 'retry_meeting_link') and a.grantee = 0
    $$, 'no function may be called by everybody, generated ones included');
select is_empty($$
    select c.oid::regclass from pg_class c
    cross join lateral aclexplode(c.relacl) a
    where c.relnamespace = 'meetlink'::regnamespace and a.grantee = 0
    $$, 'no table, view or sequence is for everybody');
select ok(not exists (select from pg_namespace n, aclexplode(n.nspacl) a where n.nspname = 'meetlink' and a.grantee = 0), 'nor is the schema');
select ok(not has_schema_privilege('authenticated', 'meetlink', 'usage'), 'a booking role has no right on it');
select ok(has_function_privilege('authenticated', 'public.retry_meeting_link(text, interval)', 'execute'), 'a role in grant_to may retry');
select ok(not has_function_privilege('service_role', 'public.retry_meeting_link(text, interval)', 'execute'), 'another may not');

-- search_path
select is_empty($$
    select p.oid::regprocedure, p.proconfig from pg_proc p
    where (p.pronamespace = 'meetlink'::regnamespace or p.proname = 'retry_meeting_link')
      and p.prolang <> (select oid from pg_language where lanname = 'c')
      and p.proname not in ('session_key', 'owner_key', 'over_at', 'utc_day', 'next_utc_day', 'is_moved')  -- SQL-standard bodies, parsed already and inlined
      and not coalesce('search_path=pg_catalog, pg_temp' = any (p.proconfig), false)
    $$, 'every function locks its search_path');
select is((select count(*) from pg_proc where proname in ('session_key', 'owner_key', 'over_at', 'utc_day', 'next_utc_day', 'is_moved') and prosqlbody is not null and not prosecdef), 6::bigint,
    'but the six that are parsed once, run as the caller');
select is_empty($$
    select oid::regprocedure from pg_proc p
    where p.pronamespace = 'meetlink'::regnamespace and p.prosecdef and p.proowner <> 'postgres'::regrole
      and p.proname not in ('write_links', 'write_tokens', 'mark_disconnected')
    $$, 'with the rights of the tables'' owner runs only what writes to them');

-- generated objects belong to the tables' owner and to no extension
select is_empty($$
    select c.oid::regclass from pg_class c where c.relnamespace = 'meetlink'::regnamespace and c.relkind = 'v'
      and (c.relowner <> 'rights_owner'::regrole or exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e'))
    $$, 'views belong to the tables'' owner, and are no members of the extension');
select is_empty($$
    select p.oid::regprocedure from pg_proc p where p.pronamespace = 'meetlink'::regnamespace
      and (p.proowner = 'rights_owner'::regrole) = exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    $$, 'and so do generated functions, and only they');

-- the daemon's role
select is((select array_agg(c.relname::text order by c.relname) from pg_class c
           where c.relnamespace = 'meetlink'::regnamespace and c.relkind in ('r', 'v') and has_table_privilege('meetlink_sidecar', c.oid, 'select')),
    '{connection,drift,reason,refresh_candidate,session}'::text[], 'the daemon''s role reads the views of sessions and connections, and the reasons');
select is_empty($$
    select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('meetlink', 'public', 'auth') and c.relkind in ('r', 'v', 'p')
      and has_table_privilege('meetlink_sidecar', c.oid, 'insert, update, delete, truncate, references, trigger')
    $$, 'writes no table');
select is_empty($$
    select c.oid::regclass from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
      and has_table_privilege('meetlink_sidecar', c.oid, 'select')
      and c.relname not in (select tablename from pg_tables where tableowner = 'postgres' and tablename like '%tap%')
    $$, 'reads no table of the application');
select is_empty($$select c.oid::regclass from pg_class c where c.relnamespace = 'meetlink'::regnamespace
    and case c.relkind when 'S' then has_sequence_privilege('meetlink_sidecar', c.oid, 'usage, select, update') end$$, 'uses no sequence');
select ok(not has_schema_privilege('meetlink_sidecar', 'meetlink', 'create'), 'creates nothing');
select is_empty($$
    select p.oid::regprocedure from pg_proc p where p.pronamespace = 'meetlink'::regnamespace
      and has_function_privilege('meetlink_sidecar', p.oid, 'execute')
      and p.proname ~ '^(attach|detach|generate|drop_|grant_|revoke_|retry|request_retry|fill|move_job|retire_job|unblock|rescue|flag|retire$|ring)'
    $$, 'and cannot attach, generate, flag or act for a user');
select is((select array_agg(r.rolname order by r.rolname) from pg_auth_members m join pg_roles r on r.oid = m.roleid where m.member = 'meetlink_sidecar'::regrole), null,
    'it is a member of no other role');
select ok(not rolsuper and not rolbypassrls and not rolcreaterole and not rolcanlogin, 'and has no attribute') from pg_roles where rolname = 'meetlink_sidecar';

-- operators
set role meetlink_operator;
select lives_ok('select * from meetlink.stuck_sessions, meetlink.connection_health, meetlink.reason, meetlink.attempt', 'an operator reads what there is to diagnose');
select throws_ok('select access_token from meetlink.connection', '42501', null, 'but no token');
select throws_ok('select * from meetlink.job', '42501', null, 'nor the private tables');
reset role;

-- everything the daemon does, in a row, as its role; with the owner's own code inside every generated object
set role rights_owner;
create table public.spied (as_role name);
grant insert on public.spied to public;
create function public.spy() returns boolean language plpgsql as $$ begin insert into public.spied values (current_user); return true; end $$;
grant execute on function public.spy() to public;
reset role;
do $$
declare
    v text;
begin
    -- each view as it is, with the owner's function called for every row
    foreach v in array '{session,connection,unseen,unlinked,drift,stuck_sessions,connection_health,refresh_candidate,outlook}'::text[] loop
        execute format('create or replace view meetlink.%I as select * from (%s) x where public.spy()',
                       v, rtrim(pg_get_viewdef(('meetlink.' || v)::regclass), ';'));
    end loop;
end
$$;
alter function meetlink.session_key(text) rename to session_key_was;
create function meetlink.session_key(text) returns uuid language plpgsql as $$ begin perform public.spy(); return $1::uuid; end $$;
alter function meetlink.session_key(text) owner to rights_owner;
create trigger spy before update on public.sessions for each row execute function public.touch_updated_at();
create function public.spy_trigger() returns trigger language plpgsql as $$ begin perform public.spy(); return new; end $$;
create trigger a_spy before insert or update or delete on public.sessions for each row execute function public.spy_trigger();
create trigger a_spy before insert or update on public.tutor_video_provider_connections for each row execute function public.spy_trigger();
grant meetlink_operator, meetlink_sidecar to authenticated;
grant all on schema fixture to service_role;

set role service_role;
select fixture.connect(fixture.ada()) \g /dev/null
select fixture.book(n) from generate_series(1, 3) n \g /dev/null
reset role;
set role meetlink_sidecar;
select daemon_id as d from meetlink.register_daemon('d', '0.1') \gset
create temp table mine as select * from meetlink.claim(:d, 2, '1 minute');
select is((select count(*) from mine), 2::bigint, 'the daemon''s role claims');
select is((select count(*) from meetlink.renew(:d, (select array_agg(claim_id) from mine), '1 minute')), 2::bigint, 'renews');
select is((select array_agg(verdict) from meetlink.settle(:d, (select jsonb_agg(jsonb_build_object('session_id', session_id, 'claim_id', claim_id, 'generation', 0,
        'outcome', case when session_id = (select min(session_id) from mine) then 'linked' else 'failed' end, 'reason', 'network_error', 'stage', 'create',
        'join_url', 'https://zoom.us/j/1', 'external_id', '1')) from mine))), '{done,done}'::text[], 'settles');
select is((select stored from meetlink.begin_refresh(:d, fixture_ada, 'zoom', '1 minute') b,
           meetlink.store_tokens(:d, fixture_ada, 'zoom', b.fence, b.access_token, b.refresh_token, 'a', 'r', '1 hour', null)), true, 'stores tokens')
from (select '00000000-0000-0000-0000-00000000000a' as fixture_ada) f;
select is((select meetlink.disconnect(:d, fixture_ada, 'zoom', b.fence, 'a', 'r', 'grant_revoked', null) from meetlink.begin_refresh(:d, fixture_ada, 'zoom', '1 minute') b),
    true, 'disconnects') from (select '00000000-0000-0000-0000-00000000000a' as fixture_ada) f;
select lives_ok(format('select meetlink.housekeep(%s, 0, ''probe'')', :d), 'keeps house');
select lives_ok('select meetlink.sweep()', 'sweeps');
reset role;
set role meetlink_operator;
select lives_ok('select meetlink.explain(''10000000-0000-0000-0000-000000000001''), meetlink.health(), meetlink.forecast(), meetlink.retry_stuck()', 'an operator diagnoses');
reset role;
set role service_role;
update public.tutor_video_provider_connections set access_token_encrypted = 'new', is_active = true, connection_status = 'connected';
delete from public.sessions;
reset role;
set role rights_owner;
select is((select array_agg(distinct as_role order by as_role) from public.spied),
    '{meetlink_operator,meetlink_sidecar,rights_owner,service_role}'::name[], 'the owner''s code ran as the caller or as the owner, never with meetlink''s rights');
reset role;
grant usage on schema meetlink to rights_owner;
grant execute on function meetlink.attach(regclass, regclass, jsonb), meetlink.detach(boolean) to rights_owner;
drop function meetlink.session_key(text) cascade;
alter function meetlink.session_key_was(text) rename to session_key;
delete from public.spied;
set role rights_owner;
select lives_ok('select meetlink.attach()', 'the owner attaches again over his own changes');
select is((select count(*) from public.spied), 0::bigint, 'and none of his code runs meanwhile');
reset role;

select * from finish();
