-- stuck_sessions: every session that should have a link and has none, each state told with its reason, who acts and
-- what to do, the nearest start first; also those that no trigger saw.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();
select meetlink.attach() \g /dev/null
select fixture.connect(fixture.ada()) \g /dev/null

create function row_of(number integer) returns text language sql as
$$
    select concat_ws(' | ', s.state, coalesce(s.reason, '-'), s.problem, coalesce(s.detail, '-'), s.acts, s.advice, s.attempts, s.next_try_at is not null)
    from meetlink.stuck_sessions s where s.session_id = fixture.session(number)
$$;
create function connection_of(number integer) returns text language sql as
$$
    select concat_ws(' | ', coalesce(s.account, '-'), coalesce(s.connection_status, '-'), coalesce(s.connection_usable::text, '-'), coalesce(s.token_expired::text, '-'))
    from meetlink.stuck_sessions s where s.session_id = fixture.session(number)
$$;

-- what is stuck, and what is not
select fixture.book(1, ahead => '3 hours'), fixture.book(2, ahead => '1 hour'), fixture.book(3, ahead => '2 hours'), fixture.book(4, ahead => '-30 minutes'),
    fixture.book(5, status => 'JOIN_OPEN', ahead => '4 hours'), fixture.book(6, join_url => 'https://zoom.us/j/6'), fixture.book(7, status => 'CANCELLED'),
    fixture.book(8, ahead => '-2 hours'), fixture.book(9, status => 'COMPLETED_ASSUMED') \g /dev/null
select is((select string_agg(right(session_id::text, 1), ' ') from meetlink.stuck_sessions), '4 2 3 1 5', 'those that need a link and are not over, in the order of their start');
select is((select array_agg(minutes_to_start) from meetlink.stuck_sessions), '{-31,59,119,179,239}'::integer[], 'how many whole minutes are left');
select is((select array_agg(distinct owner) from meetlink.stuck_sessions), array[fixture.ada()], 'whose they are');
update public.sessions set scheduled_start_at = now() - interval '8 days', scheduled_end_at = now() + interval '1 day' where id = fixture.session(5);
select ok(row_of(5) is null, 'no session goes on for more than a week');

-- nobody is there to make links: the operator must act, and is told of every session that waits for that
select is(row_of(1), 'due | - | Not tried yet | - | operator | Start meetlinkd; sessions are flagged meanwhile, and get their links when it is back. | 0 | t', 'due, without a daemon');
begin;
update meetlink.job set state = 'waiting', reason = 'network_error' where session_id = fixture.session(1)::text;
update meetlink.job set state = 'blocked', reason = 'grant_revoked' where session_id = fixture.session(2)::text;
update meetlink.job set state = 'claimed', claim_id = 1, claimed_by = 1, lease_until = now() where session_id = fixture.session(3)::text;
delete from meetlink.job where session_id = fixture.session(4)::text;
select is((select string_agg(concat_ws(' ', right(session_id::text, 1), state, acts), ', ' order by session_id) from meetlink.stuck_sessions),
    '1 waiting operator, 2 blocked tutor, 3 claimed operator, 4 unseen operator', 'all but those that wait for somebody else');
rollback;
begin;
set local track_functions = 'all';
select count(*) > 3 as several from meetlink.stuck_sessions where acts = 'operator' and advice <> '' \gset
select ok(:'several' and pg_stat_get_xact_function_calls('meetlink.daemon_alive'::regproc) between 1 and 3, 'whether a daemon is alive is not asked for every row');
rollback;
select daemon_id as d from meetlink.register_daemon('one', '0.1') \gset
update meetlink.daemon set heartbeat_at = now() + interval '1 hour';

-- each state
select is(row_of(1), 'due | - | Not tried yet | - | nobody | Nothing: it is about to be tried. | 0 | t', 'due');
update meetlink.job set state = 'waiting', reason = 'provider_unavailable', detail = 'Service is tired.', attempts = 2 where session_id = fixture.session(1)::text;
select is(row_of(1), 'waiting | provider_unavailable | The provider answers with an error of its own | Service is tired. | nobody | Nothing, it is tried again. | 2 | t', 'waiting, in the provider''s words');
update meetlink.job set state = 'blocked', reason = 'grant_revoked', detail = 'invalid_grant' where session_id = fixture.session(1)::text;
select is(row_of(1), 'blocked | grant_revoked | The provider no longer accepts the refresh token | invalid_grant | tutor | Reconnect the video provider in Settings. | 2 | f', 'blocked: who acts, what to do, and no next try');
update meetlink.job set state = 'claimed', claim_id = 1, claimed_by = 1, lease_until = now() where session_id = fixture.session(2)::text;
select is(row_of(2), 'claimed | - | Not tried yet | - | nobody | Nothing: a daemon is making the link. | 0 | f', 'claimed');
update meetlink.job set state = 'due' where session_id = fixture.session(1)::text;
select is(row_of(1), 'due | grant_revoked | The provider no longer accepts the refresh token | invalid_grant | nobody | Nothing: it is about to be tried. | 2 | t', 'due after a reconnect: what went wrong last, which nobody must act upon now');
update meetlink.job set state = 'gave_up', reason = 'session_over' where session_id = fixture.session(3)::text;
select alike(row_of(3), 'gave_up | session_over | The session ended before a link could be made |%', 'given up, though it is not over any more');
select ok(bool_and(flagged_at is not null), 'since when') from meetlink.stuck_sessions;

-- those that no trigger saw
alter table public.sessions disable trigger user;
select fixture.book(10, ahead => '1 hour') \g /dev/null
alter table public.sessions enable trigger user;
set session_replication_role = replica;
select fixture.book(11, ahead => '1 hour') \g /dev/null
reset session_replication_role;
delete from meetlink.job where session_id = fixture.session(4)::text;
select is(row_of(n), 'unseen | - | Not tried yet | - | nobody | Nothing: it is about to be tried. | 0 | f', why)
from (values (10, 'flagged by no trigger, as it was disabled'), (11, 'loaded with triggers off'), (4, 'whose job is gone')) x(n, why);

create function unseen() returns bigint language sql as $$ select count(*) from meetlink.stuck_sessions where state = 'unseen' $$;
select is(unseen(), 3::bigint, 'while nobody sweeps, the view looks itself');
update meetlink.daemon set swept_at = now() where id = :d;
select is(unseen(), 0::bigint, 'while a daemon does, that finds them: the table is not read');
update meetlink.daemon set heartbeat_at = now() - interval '1 minute' where id = :d;
select is(unseen(), 3::bigint, 'unless it is gone');
update meetlink.daemon set heartbeat_at = now() + interval '1 hour' where id = :d;
select meetlink.attach() \g /dev/null
select is(unseen(), 3::bigint, 'or what it has swept were other tables');

-- the connection
select is(connection_of(1), 'tutor@example.org | connected | true | false', 'a connection that works');
update public.tutor_video_provider_connections set token_expires_at = now() - interval '1 s';
select is(connection_of(1), 'tutor@example.org | connected | true | true', 'whose access token has expired');
update public.tutor_video_provider_connections set token_expires_at = null, is_active = false, connection_status = 'needs_reauth';
select is(connection_of(1), 'tutor@example.org | needs_reauth | false | -', 'that must be connected again');
select fixture.connect(fixture.ada(), 'google_meet') \g /dev/null
select is(connection_of(1), '- | - | - | -', 'that is for another provider');

-- connection_health: what a connection concerns
select fixture.connect(fixture.ada()) \g /dev/null
select fixture.book(20, ahead => '6 days', join_url => 'https://zoom.us/j/20'), fixture.book(21, ahead => '9 days', join_url => 'https://zoom.us/j/21') \g /dev/null
delete from meetlink.job where session_id not in (fixture.session(1)::text, fixture.session(3)::text);
create function concerns() returns text language sql as
$$ select upcoming_sessions || ' upcoming, ' || sessions_without_link || ' without link, next in ' || round(extract(epoch from next_session_at - now()) / 3600) || ' h' from meetlink.connection_health $$;
select is(concerns(), '9 upcoming, 1 without link, next in 1 h', 'sessions of the next seven days, and those without a link');
drop index public.sessions_tutor_id_scheduled_start_at_idx;
select meetlink.attach() \g /dev/null
select is(concerns(), '9 upcoming, 1 without link, next in 1 h', 'the same where the table has no index by owner');
select * from finish();
