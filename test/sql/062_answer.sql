-- The answer object: its keys, each status with its words, and the HTTP status that goes with it (APP.md, "The retry
-- endpoint").
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();

-- 'http status | success | message | error | details | action | reason | retry_at | attempts'
create function line(a jsonb) returns text language sql as
$$
    select concat_ws(' | ', meetlink.http_status(a) || ' ' || (a ->> 'status'), a ->> 'success', a ->> 'message', coalesce(a ->> 'error', '-'),
                     coalesce(a ->> 'details', '-'), coalesce(a ->> 'action', '-'), coalesce(a ->> 'reason', '-'), coalesce(a ->> 'retry_at', '-'), a ->> 'attempts')
$$;
create function job(state text, reason text default null, detail text default null, retry_at text default null) returns jsonb language sql as
$$
    select jsonb_build_object('state', state, 'attempts', 2, 'detail', detail, 'retry_at', retry_at,
                              'reason', (select to_jsonb(r) - 'min_delay' from meetlink.reason r where r.code = job.reason))
$$;
create function session(join_url text default null, status text default 'SCHEDULED', wanted boolean default true) returns jsonb language sql as
$$ select jsonb_build_object('join_url', join_url, 'status', status, 'wanted', wanted) $$;

-- every status
select is(line(meetlink.answer('s', null, null)), '404 not_found | false | Session not found | Session not found | - | none | not_found | - | 0', 'not_found');
select is(meetlink.answer('s', session('https://zoom.us/j/1'), null), '{"success": true, "status": "linked", "session_id": "s", "join_url": "https://zoom.us/j/1",
    "message": "Session already has a meeting link", "reason": null}', 'linked before');
select is(line(meetlink.answer('s', session('https://zoom.us/j/1'), null, true)), '200 linked | true | Meeting link created successfully | - | - | - | - | -', 'linked now');
select is(line(meetlink.answer('s', session(wanted => false, status => 'CANCELLED'), null)),
    '400 not_schedulable | false | Can only create meeting links for scheduled sessions | Can only create meeting links for scheduled sessions | The session''s status is CANCELLED. | none | not_schedulable | - | 0',
    'not_schedulable');
select alike(line(meetlink.answer('s', session(wanted => false, status => null), null)), '%The session''s status is unknown.%', 'without a status');
select is(line(meetlink.answer('s', session(), null)), '202 queued | false | The meeting link is about to be made | - | - | wait | pending | - | 0', 'queued: no job yet');
select is(line(meetlink.answer('s', session(), job('due'))), '202 queued | false | The meeting link is about to be made | - | - | wait | pending | - | 2', 'queued');
select is(line(meetlink.answer('s', session(), job('claimed'))), '202 working | false | The meeting link is being made right now | - | - | wait | pending | - | 2', 'working');
select is(line(meetlink.answer('s', session(), job('waiting', 'provider_unavailable', 'Service is tired.', '2026-01-01T00:00:00Z'))),
    '502 waiting | false | The provider answers with an error of its own | Failed to create meeting link | Service is tired. | wait | provider_unavailable | 2026-01-01T00:00:00Z | 2', 'waiting');
select is(line(meetlink.answer('s', session(), job('waiting', 'provider_timeout'))),
    '504 waiting | false | The provider did not answer in time | Failed to create meeting link | The provider did not answer in time | wait | provider_timeout | - | 2', 'waiting, without a detail');
select is(line(meetlink.answer('s', session(), job('blocked', 'grant_revoked', 'invalid_grant'))),
    '401 blocked | false | The provider no longer accepts the refresh token | Video provider authentication expired | Please reconnect your video provider in Settings | disconnect_reconnect | grant_revoked | - | 2',
    'blocked: the owner must reconnect');
select is(line(meetlink.answer('s', session(), job('blocked', 'no_connection'))),
    '401 blocked | false | No account is connected for this provider | Video provider is not connected | No account is connected for this provider | connect_provider | no_connection | - | 2',
    'blocked: nothing is connected');
select alike(line(meetlink.answer('s', session(), job('gave_up', 'session_over', 'before that: network_error'))),
    '___ gave_up | false | The session ended before a link could be made | Failed to create meeting link | before that: network_error | % | session_over | - | 2', 'gave_up');
select is(line(meetlink.queued_answer('s', 'why', 'contact_support', 3)), '202 queued | false | why | - | - | contact_support | pending | - | 3', 'queued, when nobody can wait');
select is(line(meetlink.refusal('s', 'forbidden', 'No.', 'Because.')), '403 forbidden | false | No. | No. | Because. | none | forbidden | - | 0', 'forbidden');
select is(line(meetlink.refusal(null, 'invalid', 'Session ID is required', null)), '400 invalid | false | Session ID is required | Session ID is required | - | none | invalid | - | 0', 'invalid');

-- the shape is one
create function keys(a jsonb) returns text language sql as $$ select string_agg(k, ' ' order by k) from jsonb_object_keys(a) k $$;
select is(array(select distinct keys(a) from unnest(array[meetlink.answer('s', null, null), meetlink.answer('s', session(), job('blocked', 'grant_revoked')),
        meetlink.answer('s', session(wanted => false), null), meetlink.answer('s', session(), job('claimed')), meetlink.queued_answer('s', 'n', 'a', 0), meetlink.refusal('s', 'a', 'b', 'c')]) a),
    '{action attempts details error join_url message reason retry_at session_id status success}', 'every answer without a link has the same keys');

-- every reason
select is_empty($$
    select r.code, k.* from meetlink.reason r
    cross join lateral (select meetlink.answer('s', session(), job('blocked', r.code)) as a) x
    cross join lateral (select a ->> 'error' as error, a ->> 'details' as details, a ->> 'action' as action, meetlink.http_status(a) as http) k
    where k.error is null or k.details is null or k.action is distinct from r.action or k.http is distinct from r.http_status or a ->> 'reason' is distinct from r.code
    $$, 'every reason has an error, a detail, its own action and HTTP status');
select is_empty($$select code from meetlink.reason where http_status not in (400, 401, 403, 404, 502, 504)$$, 'which is one that APP.md knows');
select is(meetlink.http_status('{"status": "blocked", "reason": "unheard of"}'), 502, 'an unknown reason is the provider''s');

-- job_state
select meetlink.attach() \g /dev/null
select fixture.book(1) \g /dev/null
select is((select (job ->> 'state') || ' ' || (job ->> 'attempts') || ' ' || coalesce(job ->> 'retry_at', '-') || ' ' || seen from meetlink.job_state(fixture.session(1)::text)), 'due 0 - 0', 'a job that is due');
update meetlink.job set state = 'waiting', reason = 'network_error', due_at = '2030-01-02 03:04:05.6+02';
set timezone to 'Asia/Tokyo';
select is((select job ->> 'retry_at' from meetlink.job_state(fixture.session(1)::text)), '2030-01-02T01:04:05Z', 'the time of the next try, in UTC whatever the zone');
select is((select job #>> '{reason,advice}' from meetlink.job_state(fixture.session(1)::text)), 'Nothing, it is tried again.', 'with the reason');
select is((select job from meetlink.job_state('nobody')), null, 'without a job there is none');
insert into meetlink.attempt (session_id, claim_id, attempt, daemon, started_at, outcome) select fixture.session(1)::text, n, n, 'd', now(), 'released' from generate_series(1, 3) n;
select is((select seen from meetlink.job_state(fixture.session(1)::text)), (select max(id) from meetlink.attempt), 'and the newest attempt');
select * from finish();
