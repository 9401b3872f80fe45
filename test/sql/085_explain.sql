-- explain(id): a verdict for every state that a session can be in, and its events in order; forecast(): every cause
-- that is known before an attempt is made.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
select meetlink.attach() \g /dev/null
select fixture.connect(fixture.ada()) \g /dev/null
alter database :"DBNAME" set timezone to 'Asia/Tokyo';  -- times are UTC whatever the session's zone
set timezone to 'Asia/Tokyo';

create function verdict(id text) returns text language sql as $$ select description from meetlink.explain(id) where event = 'verdict' $$;
create function verdict(number integer) returns text language sql as $$ select verdict(fixture.session(number)::text) $$;
create function story(number integer) returns text language sql as
$$ select string_agg(event, ' ' order by n) from meetlink.explain(fixture.session(number)::text) with ordinality e(at, event, description, n) $$;
create function told(number integer, event text) returns text language sql as
$$ select string_agg(e.description, ' | ') from meetlink.explain(fixture.session(number)::text) e where e.event = told.event $$;

-- verdicts without a job
select is(verdict('no uuid'), '"no uuid" cannot be the key of a session.', 'an id that cannot be one');
select is(verdict(null::text), 'The key of a session is missing.', 'no id');
select is(verdict('00000000-0000-0000-0000-000000000000'), 'There is no such session.', 'an unknown one');
select is((select count(*) from meetlink.explain('00000000-0000-0000-0000-000000000000')), 1::bigint, 'of which no more is told');
select fixture.book(1, join_url => 'https://zoom.us/j/1'), fixture.book(2, status => 'CANCELLED') \g /dev/null
select is(verdict(1), 'The session has its link; nothing is to be done.', 'linked');
select is(verdict(2), 'The session needs no link, because its status is CANCELLED.', 'cancelled');
set session_replication_role = replica;
select fixture.book(3), fixture.book(4, ahead => '-3 hours') \g /dev/null
reset session_replication_role;
select alike(verdict(3), 'No job was flagged for this session: a trigger was disabled,%The next sweep of a running daemon finds it.', 'no trigger saw it');
select is(verdict(4), 'The session is over and has no link; no attempt is under way.', 'over');
select is(story(3), 'verdict', 'without a job and attempts the verdict is all');

-- verdicts of each state
select fixture.book(5) \g /dev/null
select is(verdict(5), 'It is due, but no daemon is running. The operator must start meetlinkd.', 'due, but nobody is there');
select is(story(5), 'verdict flagged', 'flagged');
select daemon_id as d from meetlink.register_daemon('one', '0.1') \gset
select is(verdict(5), 'It is due, and a daemon is about to take it.', 'due');
select meetlink.claim(:d, 1, '1 minute') \g /dev/null
select is(verdict(5), 'A daemon is making the link right now.', 'claimed');
select is(story(5), 'verdict flagged claimed', 'the claim that is under way');
select matches(told(5, 'claimed'), '^Attempt 1 is under way at daemon one, whose lease runs until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.$', 'says at whom, until when');

create procedure settle(number integer, report jsonb) language plpgsql as
$$
begin
    perform meetlink.settle((select max(id) from meetlink.daemon), jsonb_build_array(
        (select jsonb_build_object('session_id', session_id, 'claim_id', claim_id, 'generation', 0, 'attempt_ms', 0, 'timings', '{}'::jsonb,
                                   'connection_print', (select print from meetlink.connection))
         from meetlink.job where session_id = fixture.session(number)::text) || report));
end
$$;
call settle(5, '{"outcome": "failed", "reason": "provider_unavailable", "stage": "create", "http_status": 503, "detail": "Service is tired.",
    "timings": {"token_ms": 200, "dns_ms": 1.25, "connect_ms": 2, "tls_ms": 3, "first_byte_ms": 4, "http_ms": 1234.56}}');
select matches(verdict(5), '^The provider answers with an error of its own\. It is tried again at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. Nothing, it is tried again\.$', 'waiting');
select is(story(5), 'verdict flagged claimed token http failed next try', 'each event of an attempt');
select is(told(5, 'claimed'), 'Attempt 1 was taken by daemon one.', 'by whom');
select is(told(5, 'token'), 'The connection''s access token was at hand or refreshed, after 200.0 ms.', 'the token');
select is(told(5, 'http'), 'The provider answered HTTP 503; the last request took 1234.6 ms (name 1.3, connection 2.0, TLS 3.0, first byte 4.0).', 'the HTTP call with status and timings');
select matches(told(5, 'failed'), '^The provider answers with an error of its own \(at stage create, HTTP 503\)\. Service is tired\. Next try: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.$', 'the outcome in the provider''s words, and the next try');
select is(told(5, 'next try'), 'Attempt 2 is made then, or before by a retry.', 'the next try');
select is((select e.at from meetlink.explain(fixture.session(5)::text) e where e.event = 'next try'), (select due_at from meetlink.job where session_id = fixture.session(5)::text), 'at its time');

select meetlink.retry_stuck() \g /dev/null
select is(story(5), 'verdict flagged claimed token http failed woken', 'woken by a retry');
select meetlink.claim(:d, 1, '1 minute') \g /dev/null
call settle(5, '{"outcome": "failed", "reason": "grant_revoked", "stage": "token", "detail": "invalid_grant"}');
select is(verdict(5), 'The provider no longer accepts the refresh token. Who must act: tutor. Reconnect the video provider in Settings.', 'blocked: who must act, and what to do');
select is(story(5), 'verdict flagged claimed token http failed woken claimed failed', 'an attempt that never came to the provider has no HTTP call');
select fixture.connect(fixture.ada(), tokens => 'second') \g /dev/null
select is(verdict(5), 'It is due, and a daemon is about to take it.', 'reconnected');
select is(story(5), 'verdict flagged claimed token http failed woken claimed failed woken', 'woken by that');
select is(told(5, 'woken'), 'It was due again before, by a retry, a reconnect or the operator''s mending. | It is due again: by a retry, a reconnect, or because its time has come.', 'before its time');
select meetlink.claim(:d, 1, '1 minute') \g /dev/null
call settle(5, '{"outcome": "released"}');
select is(told(5, 'released'), 'The daemon was stopping and gave the session back. Next try: ' || meetlink.utc((select next_at from meetlink.attempt where outcome = 'released')) || '.',
    'given back by a daemon that stopped');
select meetlink.claim(:d, 1, '1 minute') \g /dev/null
select flagged_at as flagged from meetlink.job where session_id = fixture.session(5)::text \gset
call settle(5, '{"outcome": "linked", "join_url": "https://zoom.us/j/5", "external_id": "5"}');
select matches(story(5), '^verdict flagged claimed .* linked$', 'linked: the story begins with the flag still, and ends with that');
select ok((select at from meetlink.explain(fixture.session(5)::text) where event = 'flagged') between :'flagged'::timestamptz - interval '2 ms' and :'flagged'::timestamptz + interval '2 ms',
    'which was when it was');
select is(told(5, 'linked'), 'The meeting was created and its link stored.', 'which was created');
select ok((select bool_and(at >= before) from (select at, lag(at) over (order by n) as before from meetlink.explain(fixture.session(5)::text)
    with ordinality e(at, event, description, n) where event not in ('verdict', 'token', 'link')) x where before is not null), 'in the order of time');

-- an ordinary wake; and what another session ran into
select fixture.book(9) \g /dev/null
select meetlink.claim(:d, 1, '1 minute') \g /dev/null
call settle(9, '{"outcome": "failed", "reason": "network_error", "stage": "create"}');
update meetlink.attempt set next_at = now() - interval '1 s', finished_at = now() - interval '2 s', started_at = now() - interval '3 s' where session_id = fixture.session(9)::text;
update meetlink.job set state = 'due', due_at = now() - interval '1 s';
select meetlink.claim(:d, 1, '1 minute') \g /dev/null
call settle(9, '{"outcome": "failed", "reason": "network_error", "stage": "create"}');
select is(story(9), 'verdict flagged claimed failed woken claimed failed next try', 'an ordinary wake is told');
select is((select (at = next_at, description)::text from meetlink.explain(fixture.session(9)::text) e, meetlink.attempt a where e.event = 'woken' and a.attempt = 1 and a.session_id = fixture.session(9)::text),
    '(t,"Its time had come.")', 'with its time');
select meetlink.block_provider('zoom', 'client_rejected', 'HTTP 401 invalid_client') \g /dev/null
select is(story(9), 'verdict flagged claimed failed woken claimed failed blocked', 'a block that another session caused');
select is((select (at = since, description)::text from meetlink.explain(fixture.session(9)::text) e, meetlink.provider_block where e.event = 'blocked'),
    '(t,"The provider rejects the application''s client id or secret (at stage token), which another session ran into. HTTP 401 invalid_client")', 'since when, and why');
delete from meetlink.provider_block;
update meetlink.job set state = 'due';
select fence from meetlink.begin_refresh(:d, fixture.ada()::text, 'zoom', '1 minute') \gset
select meetlink.disconnect(:d, fixture.ada()::text, 'zoom', :fence, 'second-access', 'second-refresh', 'grant_revoked', 'invalid_grant') \g /dev/null
select is((select (at = last_at, description)::text from meetlink.explain(fixture.session(9)::text) e, meetlink.refresh where e.event = 'blocked'),
    '(t,"The provider no longer accepts the refresh token (at stage token), which another session ran into. invalid_grant")', 'or a grant that ended');
delete from meetlink.refresh;
select fixture.connect(fixture.ada(), tokens => 'second') \g /dev/null

select fixture.book(6, ahead => '-3 hours') \g /dev/null
select meetlink.sweep() \g /dev/null
select is(verdict(6), 'The session ended before a link could be made. Who must act: nobody. Nothing can be done for this session; earlier attempts say what went wrong.', 'given up');
select fixture.book(8) \g /dev/null
update public.sessions set join_url = 'https://zoom.us/j/8', meeting_created_at = now() where id = fixture.session(8);
select is(told(8, 'link'), 'The session''s link was written, by somebody else than meetlink.', 'a link that somebody else wrote');
select is(told(7, 'verdict'), 'There is no such session.', 'a session that never was');

-- ids of other types
select is((select count(*) from meetlink.explain(fixture.session(5))), (select count(*) from meetlink.explain(fixture.session(5)::text)), 'a uuid may be given as such');
select is((select description from meetlink.explain(42::bigint)), '"42" cannot be the key of a session.', 'a number cannot be one here');
select is(verdict(upper(fixture.session(1)::text)), 'The session has its link; nothing is to be done.', 'notation does not matter');

-- forecast
delete from public.sessions;
delete from meetlink.job;
select is_empty('select * from meetlink.forecast()', 'without sessions nothing will fail');
select fixture.book(1, ahead => '1 day'), fixture.book(2, ahead => '3 days'), fixture.book(3, ahead => '3 days', join_url => 'https://zoom.us/j/1'), fixture.book(4, ahead => '-1 minute') \g /dev/null
select is_empty('select * from meetlink.forecast()', 'nothing speaks against sessions of a tutor whose connection works');
update meetlink.daemon set heartbeat_at = now() + interval '1 hour';
create function will_fail(within interval default '7 days') returns text language sql as
$$ select coalesce(string_agg(right(session_id, 1) || ' ' || reason || ' ' || acts, ', '), '') from meetlink.forecast(within) $$;

update public.tutor_video_provider_connections set is_active = false, connection_status = 'needs_reauth';
select is(will_fail(), '1 connection_inactive tutor, 2 connection_inactive tutor', 'a connection that is off');
select is(will_fail('2 days'), '1 connection_inactive tutor', 'within the interval');
select is(will_fail('0'), '', 'which may be empty');
insert into meetlink.refresh (owner_id, provider, last_at, last_reason, token_print) select owner::text, provider, now(), 'grant_revoked', token_print from meetlink.connection;
select is(will_fail('2 days'), '1 grant_revoked tutor', 'with the reason why it is off');
update meetlink.refresh set last_reason = 'provider_timeout';
select is(will_fail('2 days'), '1 connection_inactive tutor', 'which a refresh that failed in passing is not');
update meetlink.refresh set last_reason = 'grant_revoked', token_print = token_print + 1;
select is(will_fail('2 days'), '1 connection_inactive tutor', 'nor what was wrong with another refresh token');
delete from meetlink.refresh;
select fixture.connect(fixture.ada(), 'google_meet') \g /dev/null
select is(will_fail('2 days'), '1 no_connection tutor', 'no connection for that provider');
select fixture.connect(fixture.ada()) \g /dev/null
update public.tutor_video_provider_connections set refresh_token_encrypted = null, token_expires_at = now() + interval '2 days';
select is(will_fail(), '2 token_missing tutor', 'without a refresh token, once the access token has run out');
select fixture.connect(fixture.ada()) \g /dev/null
insert into meetlink.refresh (owner_id, provider, refresh_expires_at, token_print) select owner::text, provider, now() + interval '2 days', token_print from meetlink.connection;
select is(will_fail(), '2 grant_revoked tutor', 'a refresh token that dies before the start');
select fixture.connect(fixture.ada(), tokens => 'reconnected') \g /dev/null
select is(will_fail(), '', 'a reconnect brings another one, of which that is not known');
select fixture.connect(fixture.ada()) \g /dev/null
update meetlink.refresh set refresh_expires_at = now() - interval '1 hour';
select is(will_fail(), '', 'an end that it has outlived is none');
delete from meetlink.refresh;
update public.tutor_video_provider_connections set token_expires_at = now() + interval '1 hour' - interval '89 days';
select is(will_fail(), '', 'a daemon uses a refresh token before it dies of idleness');
update public.tutor_video_provider_connections set token_expires_at = now() + interval '1 hour' - interval '91 days';
select is(will_fail(), '1 grant_revoked tutor, 2 grant_revoked tutor', 'one that has died of it can be helped by nobody else than the tutor');
update public.tutor_video_provider_connections set token_expires_at = now(), refresh_token_encrypted = '';
select is(will_fail(), '1 token_missing tutor, 2 token_missing tutor', 'an empty refresh token is none');
select fixture.connect(fixture.ada()) \g /dev/null
insert into meetlink.refresh (owner_id, provider, foreseen, token_print) select owner::text, provider, 'scope_missing', token_print from meetlink.connection;
select is(will_fail(), '1 scope_missing tutor, 2 scope_missing tutor', 'a scope that the answer to the last refresh did not name, before any attempt');
select is((select reason || ' ' || acts from meetlink.connection_health where provider = 'zoom'), 'scope_missing tutor', 'which the state of the connection says, too');
select fixture.connect(fixture.ada(), tokens => 'consented') \g /dev/null
select is(will_fail(), '', 'a new consent is another matter');
delete from meetlink.refresh;
update meetlink.job set state = 'blocked', reason = 'scope_missing' where session_id = fixture.session(2)::text;
select is(will_fail(), '1 scope_missing tutor, 2 scope_missing tutor', 'a missing scope that stopped another session of the tutor');
update meetlink.job set reason = 'hosting_not_allowed' where session_id = fixture.session(2)::text;
select is(will_fail(), '1 hosting_not_allowed tutor, 2 hosting_not_allowed tutor', 'or any other trouble of the account');
update meetlink.job set reason = 'link_rejected' where session_id = fixture.session(2)::text;
select is(will_fail(), '2 link_rejected operator', 'what concerns one session stops no other');
update meetlink.job set reason = 'client_rejected', owner_id = fixture.ben()::text where session_id = fixture.session(2)::text;
select is(will_fail(), '1 client_rejected operator, 2 client_rejected operator', 'an operator problem that stopped another tutor''s');
delete from meetlink.job;
insert into meetlink.provider_block (provider, reason) values ('zoom', 'api_disabled');
select is(will_fail(), '1 api_disabled operator, 2 api_disabled operator', 'or that is known of the provider');
delete from meetlink.provider_block;
update meetlink.daemon set heartbeat_at = now() - interval '31 seconds';
select is(will_fail(), '1 no_daemon operator, 2 no_daemon operator', 'no daemon is running: nobody will make a link');
select is(will_fail('2 days'), '1 no_daemon operator', 'for those within the interval');
update public.tutor_video_provider_connections set is_active = false;
select is(will_fail('2 days'), '1 connection_inactive tutor', 'what a daemon could not help is told first');
update public.tutor_video_provider_connections set is_active = true;
update meetlink.daemon set heartbeat_at = now() + interval '1 hour';
select is(will_fail(), '', 'one is running again');
update meetlink.daemon set providers = '{google_meet}';
select is(will_fail(), '1 provider_not_configured operator, 2 provider_not_configured operator', 'no daemon that is alive has the secret of this provider');
insert into meetlink.daemon (name, version, backend_pid, backend_start, heartbeat_at, providers) values ('two', 'any', 1, now(), now() + interval '1 hour', '{zoom}');
select is(will_fail(), '', 'another one has');
update meetlink.daemon set heartbeat_at = now() - interval '31 seconds' where name = 'two';
select is(will_fail('2 days'), '1 provider_not_configured operator', 'unless it is gone');
update meetlink.daemon set providers = '{google_meet,zoom}';
alter table public.sessions drop constraint sessions_provider_check;
update public.sessions set provider = 'teams' where id = fixture.session(1);
update public.sessions set scheduled_end_at = scheduled_start_at where id = fixture.session(2);
select is(will_fail(), '1 unknown_provider operator, 2 invalid_schedule operator', 'a provider that is not known, and times that make no meeting');
select is((select problem || ' / ' || advice from meetlink.forecast() limit 1), 'The session names a provider that meetlink does not know / Correct the session''s provider; known are google_meet and zoom.', 'in words, and what to do');

-- who may ask
grant usage on schema meetlink to authenticated;
set role authenticated;
select throws_ok(format('select * from meetlink.explain(%L)', fixture_id), '42501', null, 'end users may not ask for the story') from (select '10000000-0000-0000-0000-000000000001' as fixture_id) f;
select throws_ok('select * from meetlink.forecast()', '42501', null, 'nor for the forecast');
set role meetlink_operator;
select lives_ok($$select * from meetlink.explain('10000000-0000-0000-0000-000000000001'), meetlink.forecast('2 days')$$, 'operators may');
reset role;
select * from finish();
