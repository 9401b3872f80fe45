-- Refreshing ahead of need, operator errors as one block of a provider with one probe, and connection_health.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
select meetlink.attach() \g /dev/null
select daemon_id as first from meetlink.register_daemon('first', '0.1') \gset
select fixture.ada() as ada, fixture.ben() as ben \gset
select fixture.connect(fixture.ada()), fixture.connect(fixture.ben(), 'google_meet', 'ben') \g /dev/null
create function due(max integer default 100) returns text language sql as $$
    select coalesce(string_agg(provider, ' ' order by provider), '')
    from meetlink.refreshes_due(max, '1 hour', '{"zoom": "60 days", "google_meet": "120 days"}') $$;

-- a session soon
select is(due(), '', 'fresh connections need nothing');
update public.tutor_video_provider_connections set token_expires_at = now() + interval '9 minutes';
select is(due(), '', 'nor do those whose owner has no session soon');
select fixture.book(1, ahead => '2 hours', join_url => 'https://zoom.us/j/1'), fixture.book(2, ahead => '50 minutes', provider => 'google_meet') \g /dev/null
select is(due(), '', 'a session later, or of another provider, does not count');
select fixture.book(3, ahead => '50 minutes', join_url => 'https://zoom.us/j/1') \g /dev/null
select is(due(), 'zoom', 'a session soon does: its owner''s token is refreshed before it ends');
select is((select (owner_id, connection_usable, access_token, refresh_token, connection_print = (select print from meetlink.connection where provider = 'zoom'))::text
           from meetlink.refreshes_due(1, '1 hour', '{"zoom": "60 days"}')),
    format('(%s,t,first-access,first-refresh,t)', :'ada'), 'with all that a refresh needs');
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select is(due(), '', 'while somebody refreshes it, it is not handed out');
select meetlink.end_refresh(:first, :'ada', 'zoom', :fence, null, null) \g /dev/null
select is(due(), 'zoom', 'a lease that came to nothing changes nothing');
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select meetlink.end_refresh(:first, :'ada', 'zoom', :fence, 'provider_timeout', 'no answer') \g /dev/null
select is(due(), '', 'what failed rests');
select is((select (reason, acts, status)::text from meetlink.connection_health where provider = 'zoom'), '(provider_timeout,nobody,connected)',
    'and says why, without marking the connection');
update meetlink.refresh set last_at = last_at - interval '11 minutes';
select is(due(), 'zoom', 'for ten minutes');
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select stored from meetlink.store_tokens(:first, :'ada', 'zoom', :fence, 'first-access', 'first-refresh', 'second-access', 'second-refresh', '1 hour', null) \g /dev/null
select is((select (reason, last_refresh)::text from meetlink.connection_health where provider = 'zoom'), '(,refreshed)', 'a successful refresh clears the warning');

select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select meetlink.end_refresh(:first, :'ada', 'zoom', :fence, 'provider_timeout', 'no answer') \g /dev/null
update public.tutor_video_provider_connections set is_active = false where provider = 'zoom';
select is((select (reason, acts)::text from meetlink.connection_health where provider = 'zoom'), '(connection_inactive,tutor)',
    'a connection that somebody switches off is off, whatever went wrong in passing before');
update public.tutor_video_provider_connections set is_active = true where provider = 'zoom';

-- idle connections
delete from public.sessions where id <> fixture.session(1);
update public.tutor_video_provider_connections set token_expires_at = now() - interval '47 days';
update meetlink.refresh set refreshed_at = null, last_at = null;
select is(due(), '', 'a refresh token that was used 47 days ago is well');
update public.tutor_video_provider_connections set token_expires_at = now() - interval '60 days';
select is(due(), 'zoom', 'after 60 days Zoom''s is used, whatever the jitter');
update meetlink.refresh set refreshed_at = now() - interval '1 day';
select is(due(), '', 'not when it was used meanwhile');
update public.tutor_video_provider_connections set token_expires_at = now() - interval '121 days';
select is(due(), 'google_meet', 'after 120 days Google''s');
update public.tutor_video_provider_connections set token_expires_at = null;
select is(due(), 'google_meet', 'and one of which nothing is known');
update meetlink.refresh set refreshed_at = null, last_at = null;
select is(due() || ', ' || array_length(string_to_array(due(1), ' '), 1), 'google_meet zoom, 1', 'no more than asked for');
update public.tutor_video_provider_connections set refresh_token_encrypted = '';
select is(due(), '', 'without a refresh token there is nothing to do');
update public.tutor_video_provider_connections set refresh_token_encrypted = 'r', is_active = false;
select is(due(), '', 'nor for a disconnected one');
update public.tutor_video_provider_connections set is_active = true;

-- no herd: 1,000 connections that were used at one moment
insert into public.profiles (id, role, full_name)
select ('20000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'tutor', n from generate_series(1, 1000) n;
insert into public.tutor_video_provider_connections (tutor_id, provider, access_token_encrypted, refresh_token_encrypted, token_expires_at)
select p.id, 'zoom', 'a', 'r', now() - interval '54 days' from public.profiles p where p.id::text like '2%';
select ok(count(*) between 400 and 600, format('of 1,000 connections that were last used at one moment, %s are due in the middle of the spread', count(*)))
from meetlink.refreshes_due(10000, '1 hour', '{"zoom": "60 days"}') d where d.owner_id like '2%';
delete from public.tutor_video_provider_connections where tutor_id::text like '2%';

-- forecast of death, and the order
update public.tutor_video_provider_connections set token_expires_at = now() + interval '1 hour' - interval '80 days' where provider = 'zoom';
update public.tutor_video_provider_connections set token_expires_at = now() + interval '1 hour' - interval '100 days' where provider = 'google_meet';
select is((select array_agg(provider) from meetlink.connection_health), '{zoom,google_meet}', 'what dies sooner comes first');
select ok(refresh_token_expires_at between now() + interval '9 days' and now() + interval '11 days' and hurts_at = refresh_token_expires_at,
    'a Zoom token dies 90 days after its last use') from meetlink.connection_health where provider = 'zoom';
insert into meetlink.refresh (owner_id, provider, refresh_expires_at, token_print)
select owner::text, provider, now() + interval '3 days', token_print from meetlink.connection where provider = 'google_meet';
select is((select array_agg(provider) from meetlink.connection_health), '{google_meet,zoom}', 'unless the provider has said another time');
update public.tutor_video_provider_connections set refresh_token_encrypted = 'another' where provider = 'google_meet';
select is((select array_agg(provider) from meetlink.connection_health), '{zoom,google_meet}', 'of the refresh token that is stored now');
select is((select (upcoming_sessions, sessions_without_link)::text from meetlink.connection_health where provider = 'zoom'), '(1,0)', 'how many sessions it concerns');

-- an operator's error: one block, one probe
delete from public.sessions;
select fixture.book(n, ahead => n * interval '1 hour') from generate_series(1, 5) n \g /dev/null
select fixture.book(6, tutor => fixture.ben(), provider => 'google_meet') \g /dev/null
select session_id as claimed_session, claim_id from meetlink.claim(:first, 1, '1 minute', '{/google_meet}') \gset
select verdict from meetlink.settle(:first, jsonb_build_array(jsonb_build_object('session_id', :'claimed_session', 'claim_id', :claim_id, 'outcome', 'failed',
    'reason', 'client_rejected', 'stage', 'token', 'http_status', 401, 'detail', 'HTTP 401 invalid_client'))) \g /dev/null
select is((select array_agg(fixture.job(n) order by n) from generate_series(1, 6) n),
    array_append(array_fill('blocked client_rejected'::text, '{5}'), 'due'), 'one refusal of the application blocks every job of that provider, and no other''s');
select is((select count(*) from meetlink.health() where check_name like 'backlog%' and status = 'error'), 1::bigint, 'health() says it once, as the operator''s');
select is(due(), '', 'nothing is refreshed ahead meanwhile');
select meetlink.housekeep(:first, 0, null) \g /dev/null
select is((select count(*) from meetlink.job where state = 'due' and provider = 'zoom'), 0::bigint, 'nobody asks before a minute is over');
update meetlink.provider_block set probe_at = clock_timestamp();
select meetlink.housekeep(:first, 0, null), meetlink.housekeep(:first, 0, null) \g /dev/null
select is((select array_agg(session_id) from meetlink.job where state = 'due' and provider = 'zoom'), array[fixture.session(1)::text], 'then the next session is the probe, alone');
select session_id as claimed_session, claim_id from meetlink.claim(:first, 1, '1 minute', '{/google_meet}') \gset
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select meetlink.end_refresh(:first, :'ada', 'zoom', :fence, 'client_rejected', 'HTTP 401 invalid_client') \g /dev/null
select is((select array_agg(fixture.job(n) order by n) from generate_series(1, 5) n),
    array_prepend('claimed client_rejected', array_fill('blocked client_rejected'::text, '{4}')), 'it is refused again: all stays as it is');
select ok(probe_at > clock_timestamp() + interval '50 seconds', 'for another minute') from meetlink.provider_block;
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select meetlink.store_tokens(:first, :'ada', 'zoom', :fence, access_token, refresh_token, 'x', 'y', '1 hour', null) from meetlink.connection where provider = 'zoom' \g /dev/null
select is((select array_agg(fixture.job(n) order by n) from generate_series(2, 5) n), array_fill('due client_rejected'::text, '{4}'),
    'once a refresh succeeds, all of them are due');
select is((select count(*) from meetlink.provider_block), 0::bigint, 'and the block is gone');
select meetlink.block_provider('microsoft_teams', 'api_disabled', 'x') \g /dev/null
update meetlink.provider_block set probe_at = clock_timestamp();
select meetlink.housekeep(:first, 0, null) \g /dev/null
select is((select count(*) from meetlink.provider_block), 0::bigint, 'a block without a job to probe with does not last');

-- a scope that is missing: of one tutor, or of the application
delete from public.sessions;
insert into public.profiles (id, role, full_name)
select ('30000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'tutor', n from generate_series(1, 6) n;
select fixture.connect(p.id), fixture.book(100 + p.full_name::integer, tutor => p.id, ahead => p.full_name::integer * interval '1 hour')
from public.profiles p where p.id::text like '3%' \g /dev/null
create function settle_next(outcome jsonb) returns text language plpgsql as $$
declare
    c record;
begin
    select * into strict c from meetlink.claim((select max(id) from meetlink.daemon where name = 'first'), 1, '1 minute', '{/google_meet}');
    perform * from meetlink.settle((select max(id) from meetlink.daemon where name = 'first'),
        jsonb_build_array(jsonb_build_object('session_id', c.session_id, 'claim_id', c.claim_id, 'connection_print', c.connection_print,
                                             'stage', 'create') || outcome));
    return (select count(*) from meetlink.job j where j.state = 'blocked' and j.reason = 'app_scope_missing');
end $$;
\set lacking '{"outcome": "failed", "reason": "app_scope_missing", "http_status": 400, "provider_code": "4711"}'
select is(settle_next(:'lacking'), '1', 'one tutor whose consent lacks a scope is one tutor');
select is(settle_next(:'lacking'), '2', 'and so are two');
select is(settle_next(:'lacking'), '6', 'three in a row, and nobody with a link: it is the application, and nobody else asks');
select is((select reason from meetlink.provider_block where provider = 'zoom'), 'app_scope_missing', 'it shows as the provider''s block');
select is((select unblocked from meetlink.sweep()), 0, 'which the sweep leaves alone');
update meetlink.provider_block set probe_at = clock_timestamp();
select meetlink.housekeep(:first, 0, null), meetlink.housekeep(:first, 0, null) \g /dev/null
select is((select count(*) from meetlink.job where state = 'due' and provider = 'zoom'), 1::bigint, 'one job a minute asks');
select is(settle_next('{"outcome": "linked", "join_url": "https://zoom.us/j/1", "external_id": "1"}'), '0', 'a link proves that it is mended: all are due');
select is(settle_next(:'lacking') || settle_next(:'lacking') || settle_next(:'lacking'), '123', 'and from then on a tutor who lacks it is one tutor again');
select is((select count(*) from meetlink.provider_block), 0::bigint, 'who stops nobody');
select fixture.connect(owner_id::uuid, tokens => 'consented') from meetlink.job where state = 'blocked' and reason = 'app_scope_missing' limit 1 \g /dev/null
select is((select count(*) from meetlink.job where state = 'blocked' and reason = 'app_scope_missing'), 2::bigint, 'and is helped by a reconnect');
delete from public.sessions;
delete from public.tutor_video_provider_connections where tutor_id::text like '3%';

-- re-encryption
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select is(meetlink.replace_ciphertext(:first, :'ada', 'zoom', :fence + 1, 'x', 'y', 'x2', 'y2'), false, 'ciphertexts are replaced under the lease alone');
select is(meetlink.replace_ciphertext(:first, :'ada', 'zoom', :fence, 'x', 'other', 'x2', 'y2'), false, 'and only those that were read');
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select is(meetlink.replace_ciphertext(:first, :'ada', 'zoom', :fence, 'x', 'y', 'x2', 'y2'), true, 'then they are');
select ok(access_token = 'x2' and refresh_token = 'y2' and expires_at > now() + interval '50 minutes', 'with the same time of expiry') from meetlink.connection where provider = 'zoom';

-- a reconnect of an owner with many sessions
insert into public.bookings (id, tutor_id, student_id, status)
select gen_random_uuid(), fixture.ada(), '00000000-0000-0000-0000-00000000000c', 'PENDING' from generate_series(1, 5000);
insert into public.sessions (booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes)
select b.id, b.tutor_id, b.student_id, 'zoom', now() + n * interval '1 minute', now() + n * interval '1 minute' + interval '1 hour', 60
from (select b.*, 60 + (row_number() over () * 7919) % 10007 as n from public.bookings b where b.confirmed_start_at is null) b;
update meetlink.job set state = 'blocked', reason = 'grant_revoked' where provider = 'zoom' and state = 'due';
select count(*) as blocked, clock_timestamp() as began from meetlink.job where state = 'blocked' \gset
begin;
select fixture.connect(fixture.ada(), tokens => 'anew') \g /dev/null
select is((select count(*) from meetlink.job where state = 'blocked'), 0::bigint,
    format('%s blocked jobs of one owner are due in the transaction of the reconnect, in %s ms', :'blocked',
           round(1000 * extract(epoch from clock_timestamp() - :'began'))));
commit;
select ok(array_agg(c.starts_at order by c.ordinality) = (select array_agg(n.starts_at order by n.starts_at) from (
              select s.starts_at from meetlink.session s where s.provider = 'zoom' and s.wanted order by s.starts_at limit 50) n),
    'and the next 50 claims are the 50 sessions that begin soonest, in that order')
from meetlink.claim(:first, 50, '1 minute', '{/google_meet}') with ordinality c;

-- as the daemon's role
set role meetlink_sidecar;
select lives_ok($$ select * from meetlink.refreshes_due(1, '1 hour', '{"zoom": "60 days"}') $$, 'the daemon''s role can ask what is due');
reset role;

select * from finish();
