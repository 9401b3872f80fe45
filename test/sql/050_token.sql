-- Tokens: one refresher per connection, fenced; what the application stored meanwhile wins; a dead grant
-- blocks what waits for it, and a reconnect makes it due in the same transaction.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
select meetlink.attach() \g /dev/null
select daemon_id as first from meetlink.register_daemon('first', '0.1') \gset
select daemon_id as second from meetlink.register_daemon('second', '0.1') \gset
select fixture.connect(fixture.ada()) \g /dev/null
select fixture.ada() as ada \gset
create function stored() returns text language sql as
$$ select concat_ws(' ', access_token_encrypted, refresh_token_encrypted, connection_status, is_active) from public.tutor_video_provider_connections where tutor_id = fixture.ada() $$;
create function print() returns bigint language sql as $$ select print from meetlink.connection where owner = fixture.ada() $$;

-- the lease
create temp table lease as select * from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute');
select ok(granted and fence = 1 and connection_found and connection_usable and access_token = 'first-access' and refresh_token = 'first-refresh'
          and token_expires_at is not null and connection_print = print(), 'the first to ask gets the lease, and what is stored') from lease;
select is((select (granted, fence, access_token)::text from meetlink.begin_refresh(:second, :'ada', 'zoom', '1 minute')), '(f,,first-access)',
    'the second gets none, but sees what is stored');
select is((select granted from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute')), false, 'nor does the same daemon get it twice');
select is((select (granted, connection_found)::text from meetlink.begin_refresh(:first, :'ada', 'google_meet', '1 minute')), '(t,f)', 'another provider is another connection');
select is((select (connection_found, connection_usable)::text from meetlink.begin_refresh(:first, fixture.ben()::text, 'zoom', '1 minute')), '(f,f)', 'no connection: said so');

-- storing
select is((select (stored, access_token)::text from meetlink.store_tokens(:second, :'ada', 'zoom', 1, 'first-access', 'first-refresh', 'x', 'x', '1 hour', null)),
    '(f,first-access)', 'another daemon may not store');
select is((select stored from meetlink.store_tokens(:first, :'ada', 'zoom', 0, 'first-access', 'first-refresh', 'x', 'first-refresh', '1 hour', null)), false,
    'nor one with an old fence');
select ok(stored and access_token = 'second-access' and refresh_token = 'second-refresh' and connection_usable and connection_print = print()
          and token_expires_at between clock_timestamp() + '59 minutes' and clock_timestamp() + '1 hour', 'the holder may')
from meetlink.store_tokens(:first, :'ada', 'zoom', 1, 'first-access', 'first-refresh', 'second-access', 'second-refresh', '1 hour', '90 days');
select is(stored(), 'second-access second-refresh connected t', 'and they are in the application''s row');
select ok(held_by is null and last_reason is null and last_at is not null and refresh_expires_at > now() + '89 days', 'the lease is over, its outcome known')
from meetlink.refresh where owner_id = :'ada' and provider = 'zoom';
select is((select stored from meetlink.store_tokens(:first, :'ada', 'zoom', 1, 'second-access', 'second-refresh', 'x', 'x', '1 hour', null)), false,
    'a second time it may not');

-- what is known of a refresh token is not held against another one
create function outcome() returns text language sql as
$$ select concat_ws(' ', coalesce(last_reason, '-'), coalesce(last_detail, '-'), refresh_expires_at is not null, token_print = (select token_print from meetlink.connection where owner = fixture.ada()))
   from meetlink.refresh where owner_id = fixture.ada()::text and provider = 'zoom' $$;
select is(outcome(), '- - t t', 'when the refresh token dies is known of the one that was stored');
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select meetlink.end_refresh(:first, :'ada', 'zoom', :fence, 'provider_timeout', 'no answer') \g /dev/null
select is(outcome(), 'provider_timeout no answer t t', 'a failure leaves it');
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select is(meetlink.replace_ciphertext(:first, :'ada', 'zoom', :fence, 'second-access', 'second-refresh', 'a', 'anew'), true, 'the same token encrypted anew');
select is(outcome(), 'provider_timeout no answer t t', 'is the same token');
update public.tutor_video_provider_connections set access_token_encrypted = 'second-access', refresh_token_encrypted = 'reconnected';
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select is(outcome(), '- - f t', 'another refresh token begins anew');
select stored from meetlink.store_tokens(:first, :'ada', 'zoom', :fence, 'second-access', 'reconnected', 'second-access', 'second-refresh', '1 hour', '7 days') \g /dev/null
select is(outcome(), '- - t t', 'the provider names an end');
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select stored from meetlink.store_tokens(:first, :'ada', 'zoom', :fence, 'second-access', 'second-refresh', 'second-access', 'second-refresh', '1 hour', null) \g /dev/null
select is(outcome(), '- - f t', 'and when it names none any more, there is none');

-- the application was faster
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
update public.tutor_video_provider_connections set access_token_encrypted = 'apps-access';
select is((select (stored, access_token, refresh_token)::text from meetlink.store_tokens(:first, :'ada', 'zoom', :fence, 'second-access', 'second-refresh', 'x', 'x', '1 hour', null)),
    '(f,apps-access,second-refresh)', 'tokens that the application stored meanwhile are kept, and returned');
select is((select (held_by, last_at is not null)::text from meetlink.refresh where owner_id = :'ada' and provider = 'zoom'), '(,t)', 'the lease is over');

-- null tokens
update public.tutor_video_provider_connections set refresh_token_encrypted = null;
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select is((select stored from meetlink.store_tokens(:first, :'ada', 'zoom', :fence, 'apps-access', null, 'third-access', 'third-refresh', null, null)), true,
    'null is a stored value as any other');
select is((select token_expires_at from public.tutor_video_provider_connections), null, 'and a token may have no known end');

-- a lease that is over, or whose daemon is forgotten
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '-1 ms') \gset
select is((select (granted, fence = :fence + 1)::text from meetlink.begin_refresh(:second, :'ada', 'zoom', '1 minute')), '(t,t)', 'a lease that is over is taken by the next');
select is((select stored from meetlink.store_tokens(:first, :'ada', 'zoom', :fence, 'third-access', 'third-refresh', 'x', 'third-refresh', '1 hour', null)), false,
    'the former holder stores nothing');
select meetlink.end_refresh(:second, :'ada', 'zoom', :fence + 1, 'provider_timeout', 'no answer') \g /dev/null
select is((select (held_by, last_reason, last_detail)::text from meetlink.refresh where owner_id = :'ada' and provider = 'zoom'), '(,provider_timeout,"no answer")',
    'a refresh that failed says why, and ends its lease');
select is((select granted from meetlink.begin_refresh(999999, :'ada', 'zoom', '1 hour')), true, 'a daemon that is forgotten');
select is((select granted from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute')), true, 'holds no lease');
update meetlink.refresh set held_by = null, lease_until = null;

-- rotated, and late: the former holder has the only refresh token that works, so it takes the lease back
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '-1 ms') \gset
select fence as taken from meetlink.begin_refresh(:second, :'ada', 'zoom', '1 minute') \gset
select is((select stored from meetlink.store_tokens(:first, :'ada', 'zoom', :fence, 'other-access', 'third-refresh', 'x', 'x', '1 hour', null)), false,
    'not if the tokens have changed meanwhile');
select is((select (held_by, fence)::text from meetlink.refresh where owner_id = :'ada' and provider = 'zoom'), format('(%s,%s)', :second, :taken), 'then the lease stays where it is');
select is((select (stored, access_token)::text from meetlink.store_tokens(:first, :'ada', 'zoom', :fence, 'third-access', 'third-refresh', 'late-access', 'late-refresh', '1 hour', null)),
    '(t,late-access)', 'a rotated token that comes late is kept');
select is((select held_by from meetlink.refresh where owner_id = :'ada' and provider = 'zoom'), null, 'nobody holds the lease now');
select is(meetlink.disconnect(:second, :'ada', 'zoom', :taken, 'late-access', 'late-refresh', 'grant_revoked', 'gone'), false, 'and who had taken it cannot mark the connection');
select is((select (stored, access_token)::text from meetlink.store_tokens(:second, :'ada', 'zoom', :taken, 'third-access', 'third-refresh', 'x', 'x', '1 hour', null)),
    '(f,late-access)', 'nor store tokens of its own: it gets those that are stored');
update public.tutor_video_provider_connections set access_token_encrypted = 'third-access', refresh_token_encrypted = 'third-refresh';

-- an answer that never arrived is remembered, with the tokens that were sent
create function begun(daemon bigint) returns text language sql as
$$ select format('%s %s', case when granted then 'granted' else 'busy' end, case when response_lost then 'lost' else '-' end)
   from meetlink.begin_refresh(daemon, fixture.ada()::text, 'zoom', '1 minute') $$;
select is(begun(:first), 'granted -', 'nothing was lost so far');
update meetlink.refresh set lease_until = now() - interval '1 ms' where owner_id = :'ada' and provider = 'zoom';
select is(begun(:second), 'granted lost', 'a holder that never came back may have used the refresh token up');
select meetlink.end_refresh(:second, :'ada', 'zoom', fence, null, null) from meetlink.refresh where owner_id = :'ada' and provider = 'zoom' \g /dev/null
select is(begun(:second), 'granted lost', 'which stays so when the next one does not ask');
select meetlink.end_refresh(:second, :'ada', 'zoom', fence, 'rate_limited', 'HTTP 429') from meetlink.refresh where owner_id = :'ada' and provider = 'zoom' \g /dev/null
select is(begun(:second), 'granted lost', 'or gets an answer that says nothing of it');
update public.tutor_video_provider_connections set access_token_encrypted = 'reconnected', refresh_token_encrypted = 'reconnected';
select is(begun(:first), 'busy -', 'the lease lasts');
select meetlink.end_refresh(:second, :'ada', 'zoom', fence, null, null) from meetlink.refresh where owner_id = :'ada' and provider = 'zoom' \g /dev/null
select is(begun(:first), 'granted -', 'other tokens were never sent');
select meetlink.end_refresh(:first, :'ada', 'zoom', fence, 'provider_timeout', 'no answer', true) from meetlink.refresh where owner_id = :'ada' and provider = 'zoom' \g /dev/null
select is(begun(:first), 'granted lost', 'until an answer to them is lost too');
select stored from meetlink.refresh r, meetlink.store_tokens(:first, :'ada', 'zoom', r.fence, 'reconnected', 'reconnected', 'third-access', 'third-refresh', '1 hour', null)
where r.owner_id = :'ada' and r.provider = 'zoom' \g /dev/null
select is((select lost_with from meetlink.refresh where owner_id = :'ada' and provider = 'zoom'), null, 'a refresh that succeeds settles it');

-- rule 6: on disk before it is used, whatever the session's setting is
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
set synchronous_commit = off;
begin;
select meetlink.store_tokens(:first, :'ada', 'zoom', :fence, 'third-access', 'third-refresh', 'fourth-access', 'fourth-refresh', '1 hour', null) \g /dev/null
select is(current_setting('synchronous_commit'), 'on', 'tokens are stored with a synchronous commit');
commit;
select is(current_setting('synchronous_commit'), 'off', 'which ends with that transaction');
set synchronous_commit = remote_apply;
begin;
select meetlink.store_tokens(:first, :'ada', 'zoom', 0, '', '', '', '', '1 hour', null) \g /dev/null
select is(current_setting('synchronous_commit'), 'remote_apply', 'a stricter setting stays');
commit;
reset synchronous_commit;

-- a dead grant
select fixture.book(n) from generate_series(1, 4) n \g /dev/null
select fixture.book(5, provider => 'google_meet'), fixture.book(6, tutor => fixture.ben()) \g /dev/null
update meetlink.job set state = 'waiting', reason = 'network_error', due_at = now() + interval '1 hour' where session_id = fixture.session(2)::text;
update meetlink.job set state = 'claimed', claim_id = 1, claimed_by = :first, lease_until = now() + interval '1 hour', connection_print = 1 where session_id = fixture.session(3)::text;
update meetlink.job set state = 'blocked', reason = 'link_rejected' where session_id = fixture.session(4)::text;
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select is(meetlink.disconnect(:second, :'ada', 'zoom', :fence, 'fourth-access', 'fourth-refresh', 'grant_revoked', 'gone'), false, 'another daemon may not disconnect');
select is(meetlink.disconnect(:first, :'ada', 'zoom', :fence, 'third-access', 'fourth-refresh', 'grant_revoked', 'gone'), false, 'nor on tokens that have changed');
select is(stored(), 'fourth-access fourth-refresh connected t', 'the connection stays as it is');
select is(fixture.job(1), 'due', 'and so do the jobs');
select fence from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') \gset
select is(meetlink.disconnect(:first, :'ada', 'zoom', :fence, 'fourth-access', 'fourth-refresh', 'grant_revoked', 'HTTP 400 invalid_grant'), true, 'a dead grant disconnects');
select is(stored(), 'fourth-access fourth-refresh needs_reauth f', 'as the application does it');
select is((select array_agg(fixture.job(n) order by n) from generate_series(1, 6) n),
    '{"blocked grant_revoked","blocked grant_revoked",claimed,"blocked link_rejected",due,due}'::text[],
    'what is due or waits for this connection is blocked, and nothing else');
select is((select (stage, detail, connection_print = print())::text from meetlink.job where session_id = fixture.session(1)::text),
    '(token,"HTTP 400 invalid_grant",t)', 'with the provider''s own words, and what it was about');
select is((select unblocked from meetlink.sweep()), 0, 'the sweep leaves them blocked');

-- reconnect
update public.tutor_video_provider_connections set provider_account_name = 'Ada';
select is(fixture.job(1), 'blocked grant_revoked', 'another change of the connection is no reconnect');
begin;
select fixture.connect(fixture.ada(), tokens => 'fifth') \g /dev/null
select is((select array_agg(fixture.job(n) order by n) from generate_series(1, 6) n),
    '{"due grant_revoked","due grant_revoked",claimed,"blocked link_rejected",due,due}'::text[], 'in the same transaction, what waited for it is due');
select is((select connection_print from meetlink.job where session_id = fixture.session(3)::text), null, 'and a claimed job is touched');
rollback;
select is(fixture.job(1), 'blocked grant_revoked', 'rolled back: still blocked');
begin;
update public.tutor_video_provider_connections set is_active = true;
select is(fixture.job(1), 'blocked grant_revoked', 'active, but not connected: no reconnect');
update public.tutor_video_provider_connections set connection_status = 'connected';
select is((select array_agg(fixture.job(n) order by n) from generate_series(1, 6) n),
    '{"due grant_revoked","due grant_revoked",claimed,"blocked link_rejected",due,due}'::text[], 'a reconnect may be told by the status alone, with the same tokens');
update meetlink.job set state = 'blocked' where session_id = fixture.session(1)::text;
update public.tutor_video_provider_connections set connection_status = 'disconnected';
update public.tutor_video_provider_connections set is_active = false, connection_status = 'connected';
select is(fixture.job(1), 'blocked grant_revoked', 'connected, but not active: none either');
update public.tutor_video_provider_connections set is_active = true;
select is(fixture.job(1), 'due grant_revoked', 'or by the switch alone');
rollback;
delete from public.tutor_video_provider_connections;
select is(fixture.job(1), 'blocked grant_revoked', 'a deleted connection is none');
select fixture.connect(fixture.ada(), 'google_meet') \g /dev/null
select is(fixture.job(1), 'blocked grant_revoked', 'reconnected with another provider: those sessions still have none');
update public.tutor_video_provider_connections set provider = 'zoom';
select is(fixture.job(1), 'due grant_revoked', 'a new connection is a reconnect too');

-- as the daemon's role
set role meetlink_sidecar;
select is((select stored from meetlink.begin_refresh(:first, :'ada', 'zoom', '1 minute') b,
    meetlink.store_tokens(:first, :'ada', 'zoom', b.fence, b.access_token, b.refresh_token, 'a', 'r', '1 hour', null)), true, 'the daemon''s role can do all this');
reset role;

select * from finish();
