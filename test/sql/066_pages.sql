-- What the pages are told of sessions: what the caller's own row-level security shows, completed for whom it concerns.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
set client_min_messages = warning;
select meetlink.attach(mapping => '{"grant_to": ["authenticated"]}') \g /dev/null
select fixture.connect(fixture.ada()), fixture.connect(fixture.ben()) \g /dev/null
select fixture.book(n, ahead => n * interval '1 day') from generate_series(1, 5) n \g /dev/null
select fixture.book(n, ahead => (5 - n) * interval '1 day', join_url => 'https://example.zoom.us/j/' || n) from generate_series(6, 8) n \g /dev/null
select fixture.book(9, ahead => '-30 minutes', join_url => 'https://example.zoom.us/j/9') \g /dev/null
select fixture.book(20, tutor => fixture.ben()) \g /dev/null
update meetlink.job set state = 'blocked', reason = 'grant_revoked', detail = 'invalid_grant', attempts = 3 where session_id = fixture.session(1)::text;
update meetlink.job set state = 'waiting', reason = 'network_error', due_at = now() + interval '1 hour' where session_id = fixture.session(2)::text;
update public.sessions set status = 'CANCELLED' where id = fixture.session(3);

-- As the gateway does it: the caller's statement under the caller's role and claims, then the page as an operator.
create function visible(statement text, caller uuid, variadic arguments text[]) returns jsonb language plpgsql as
$$
declare
    found text;
begin
    perform set_config('role', 'authenticated', true), set_config('request.jwt.claims', json_build_object('sub', caller)::text, true);
    case cardinality(arguments)
        when 1 then execute statement into found using arguments[1]::text[];
        else execute statement into found using arguments[1]::integer, arguments[2]::integer, arguments[3]::bigint, arguments[4]::bigint, arguments[5]::uuid;
    end case;
    perform set_config('role', 'none', true);
    return found;
end
$$;
create function us(at timestamptz) returns bigint language sql as $$ select (extract(epoch from at) * 1000000)::bigint $$;
create function page(caller uuid, size integer, after text default null) returns jsonb language plpgsql as
$$
declare
    at_us bigint := coalesce(split_part(after, ' ', 2)::bigint, us(now()));
begin
    return meetlink.session_page(
        visible((select list from meetlink.session_queries(false)), caller, (size + 1)::text, coalesce(split_part(after, ' ', 1), '0'), at_us::text,
                split_part(after, ' ', 3), split_part(after, ' ', 4)),
        caller::text, false, size, at_us);
end
$$;
create function numbers(page jsonb) returns text language sql as
$$ select string_agg(ltrim(right(s ->> 'session_id', 12), '0'), ' ' order by n) from jsonb_array_elements(page -> 'sessions') with ordinality e(s, n) $$;
create function one(number integer, caller uuid) returns jsonb language sql as
$$
    select meetlink.session_detail(visible(q.find, caller, array[fixture.session(number)]::text) -> 0, caller::text, false)
    from meetlink.session_queries(false) q
$$;
\set cleo '''00000000-0000-0000-0000-00000000000c''::uuid'

-- order and pages
select is(numbers(page(fixture.ada(), 50)), '9 1 2 3 4 5 6 7 8', 'upcoming first, the one under way at the top, then the past, latest first');
select is(page(fixture.ada(), 50) -> 'next', 'null', 'which is all');
create table walk (page integer, numbers text);
do $$
declare
    next text;
    page jsonb;
    n integer := 0;
begin
    loop
        page := page(fixture.ada(), 2, next);
        n := n + 1;
        insert into walk values (n, numbers(page));
        next := page ->> 'next';
        exit when next is null or n > 9;
    end loop;
end
$$;
select is((select string_agg(numbers, ' | ' order by page) from walk), '9 1 | 2 3 | 4 5 | 6 7 | 8', 'in pages of two the same, none twice, none left out');
select is(numbers(page(fixture.ben(), 50)), '20', 'another tutor sees his own');
select is(numbers(page(:cleo, 50)), '9 1 20 2 3 4 5 6 7 8', 'a student those that he attends');
select is(numbers(page('00000000-0000-0000-0000-0000000000ff', 50)), null, 'a stranger none');

-- one session, by who asks
select is(one(1, fixture.ada()) - 'history' - 'connection' - 'starts_at' - 'ends_at', jsonb_build_object(
    'session_id', fixture.session(1), 'title', null, 'provider', 'zoom', 'role', 'owner', 'state', 'failed', 'join_url', null,
    'message', 'The provider no longer accepts the refresh token', 'error', 'Video provider authentication expired',
    'details', 'Please reconnect your video provider in Settings', 'reason', 'grant_revoked',
    'problem', 'The provider no longer accepts the refresh token', 'action', 'disconnect_reconnect', 'acts', 'tutor',
    'advice', 'Reconnect the video provider in Settings.', 'retry_at', null, 'attempts', 3), 'its owner is told why there is no link');
select ok(jsonb_array_length(one(1, fixture.ada()) -> 'history') > 1, 'with its story');
select is(one(1, fixture.ada()) #>> '{connection,account}', 'tutor@example.org', 'and the connection it uses');
select is(one(1, :cleo) - 'starts_at' - 'ends_at', jsonb_build_object(
    'session_id', fixture.session(1), 'title', null, 'provider', 'zoom', 'role', 'participant', 'state', 'failed', 'join_url', null,
    'message', 'The meeting link is not ready yet', 'error', null, 'details', null, 'reason', null, 'problem', null, 'action', null,
    'acts', null, 'advice', null, 'retry_at', null, 'attempts', null, 'history', '[]'::jsonb, 'connection', null), 'a student only that there is none');
select is(visible(q.find, fixture.ada(), array[fixture.session(20)]::text), '[]', 'somebody else''s session is not there') from meetlink.session_queries(false) q;
select matches(one(1, :cleo) ->> 'starts_at', '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$', 'times are in UTC');
select is((select string_agg(one(n, fixture.ada()) ->> 'state', ' ' order by n) from unnest('{1,2,3,4,6,9}'::integer[]) n),
    'failed waiting cancelled making ended ready', 'each state');
select ok(one(2, fixture.ada()) ->> 'retry_at' is not null, 'waiting says until when');
select is((meetlink.session_object(visible(q.find, fixture.ada(), array[fixture.session(1)]::text) -> 0, 'boss', true)) ->> 'role', 'operator', 'an operator is one')
from meetlink.session_queries(false) q;

-- keys and rights
select is(meetlink.normal_keys('{nonsense,10000000-0000-0000-0000-00000000000A,10000000-0000-0000-0000-00000000000a,20000000-0000-0000-0000-000000000000}', 3),
    '{10000000-0000-0000-0000-00000000000a}'::text[], 'ids in normal form, once, as many as are allowed');
select is_empty($$
    select p.oid::regprocedure from pg_proc p
    where p.pronamespace = 'meetlink'::regnamespace and p.proname ~ '^(session_(object|page|detail|queries)|timeline|connection_object|console_|normal_keys)'
      and has_function_privilege('authenticated', p.oid, 'execute')
    $$, 'an end user may call none of these, and so ask for nobody''s session');
create role pages_gateway login in role meetlink_gateway;
set session authorization pages_gateway;
select lives_ok('select * from meetlink.session_queries(true)', 'the gateway is told what to ask');
select throws_ok('select meetlink.session_object(''{}'', null, true)', '42501', null, 'but completes nothing as itself');
reset session authorization;
drop role pages_gateway;

-- a path that lies in wait
create schema trap;
create function trap.equal(uuid, uuid) returns boolean language plpgsql as $$ begin raise exception 'trapped'; end $$;
create operator trap.= (leftarg = uuid, rightarg = uuid, function = trap.equal);
create operator trap.> (leftarg = timestamptz, rightarg = timestamptz, function = pg_catalog.timestamptz_lt);
grant usage on schema trap to public;
set search_path = trap, pg_catalog, public;
select public.is(public.numbers(public.page(fixture.ada(), 50)), '9 1 2 3 4 5 6 7 8', 'operators of a hostile search_path are not used');
reset search_path;

select * from finish();
