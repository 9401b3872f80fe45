-- Orphans: every meeting that nobody wants is recorded, and none that a session uses may be cancelled.
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();

select is((select array_agg(attname::text order by attnum) from pg_attribute where attrelid = 'meetlink.orphan'::regclass and attnum between 1 and 13),
    '{id,session_id,owner_id,provider,starts_at,generation,claim_id,external_id,found_at,due_at,attempts,fence,lease_until}'::text[],
    'the columns are those that C++ knows, in its order (extension/src/orphan_table.hpp)');
select meetlink.attach() \g /dev/null
select daemon_id as daemon from meetlink.register_daemon('d', '0.1') \gset
select fixture.connect(fixture.ada()) \g /dev/null

create function claimed(daemon bigint, variadic numbers integer[]) returns void language plpgsql as
$$
begin
    perform fixture.book(n) from unnest(numbers) n;
    perform meetlink.claim(daemon, 1000, '1 minute');
end
$$;
-- one outcome, as the daemon sends it
create function outcome(number integer, what text, more jsonb default '{}') returns jsonb language sql as
$$
    select jsonb_build_object('session_id', j.session_id, 'claim_id', j.claim_id, 'outcome', what, 'attempt_ms', 1, 'generation', 3,
                              'outcome_unknown', false, 'owner_id', j.owner_id, 'provider', j.provider,
                              'starts_at', extract(epoch from j.starts_at)::bigint)
           || case what when 'linked' then jsonb_build_object('join_url', 'https://zoom.us/j/' || number, 'external_id', number::text)
                        when 'failed' then jsonb_build_object('reason', 'network_error', 'stage', 'create') else '{}' end || more
    from meetlink.job j where j.session_id = fixture.session(number)::text
$$;
create function settled(daemon bigint, outcome jsonb) returns text language sql as
$$ select verdict from meetlink.settle(daemon, jsonb_build_array(outcome)) $$;
-- all of them: session, id of the meeting, seconds until it is due
create function orphans() returns text language sql as
$$
    select string_agg(concat_ws(' ', right(session_id, 2)::integer, coalesce(external_id, '?'),
                                round(extract(epoch from due_at - clock_timestamp()))), ', ' order by id) from meetlink.orphan
$$;
create function fresh() returns void language sql as
$$ delete from public.sessions; delete from meetlink.orphan; $$;

-- what went well leaves nothing
select claimed(:daemon, 1) \g /dev/null
create temp table first as select outcome(1, 'linked') as o;
select is((select settled(:daemon, o) from first), 'done', 'a link is stored');
select is(orphans(), null, 'and its meeting is no orphan');
select is((select settled(:daemon, o) from first), 'lost', 'reported again, since the answer was lost');
select is(orphans(), '1 1 0', 'it might be one,');
select is((select meetlink.may_cancel(orphan_id, fence, external_id, null) from meetlink.claim_orphans(10, '1 minute')), 'keep',
    'but the session uses it');

select fresh() \g /dev/null
select claimed(:daemon, 1) \g /dev/null
update meetlink.job set outcome_unknown = true;
select is(settled(:daemon, outcome(1, 'linked')), 'done', 'a link after an attempt whose create may still be carried out');
select is(orphans(), '1 ? 10', 'is looked at once more');

select fresh() \g /dev/null
select claimed(:daemon, 1) \g /dev/null
select is(settled(:daemon, outcome(1, 'linked', '{"outcome_unknown": true}')), 'done', 'a link of an attempt that itself had such a create');
select is(orphans(), '1 ? 10', 'too');
select fresh() \g /dev/null
select claimed(:daemon, 1) \g /dev/null
create temp table doubtful as select outcome(1, 'linked', '{"outcome_unknown": true}') as o;
update public.sessions set status = 'CANCELLED' where id = fixture.session(1);
select is((select settled(:daemon, o) from doubtful), 'lost', 'a link that comes too late, after a create that may still be carried out');
select is(orphans(), '1 1 0, 1 ? 10', 'is cancelled, and the other looked for');

-- linked by hand, cancelled, deleted, finished while the meeting was being made
select fresh() \g /dev/null
select claimed(:daemon, 1, 2, 3, 4) \g /dev/null
create temp table meanwhile as select n, outcome(n, 'linked') as o from generate_series(1, 4) n;
update public.sessions set join_url = 'https://example.org/by-hand' where id = fixture.session(1);
update public.sessions set status = 'CANCELLED' where id = fixture.session(2);
delete from public.sessions where id = fixture.session(3);
update public.sessions set status = 'COMPLETED_ASSUMED' where id = fixture.session(4);
select is(orphans(), '1 ? 70, 2 ? 70, 3 ? 70, 4 ? 70', 'while it is being made, nobody knows: it is looked for when the lease is over');
select is((select array_agg(settled(:daemon, o) order by n) from meanwhile), '{lost,lost,lost,lost}', 'the meetings come too late');
select is(orphans(), '1 1 0, 2 2 0, 3 3 0, 4 4 0', 'each is an orphan by name, to be cancelled now');
select ok(orphans, 'housekeeping tells the daemon to look') from meetlink.housekeep(:daemon, 0, null);
select is((select array_agg(distinct meetlink.may_cancel(orphan_id, fence, external_id, null)) from meetlink.claim_orphans(10, '1 minute')), '{cancel}',
    'and may be cancelled');
select is_empty('select * from meetlink.claim_orphans(10, ''1 minute'')', 'a lease keeps the others away');
select ok(not orphans, 'and then there is nothing to look for') from meetlink.housekeep(:daemon, 0, null);
select is((select count(*) from meetlink.orphan o, meetlink.settle_orphan(:daemon, o.id, o.fence, 'cancelled', o.external_id) s where s), 4::bigint, 'cancelled');
select is(orphans(), null, 'they are gone');
select is((select string_agg(outcome, ' ' order by id) from meetlink.attempt where session_id = fixture.session(2)::text), 'lost cancelled', 'which the history tells');

-- the same without a trigger that saw it
select fresh() \g /dev/null
select claimed(:daemon, 5) \g /dev/null
create temp table unseen as select outcome(5, 'linked') as o;
set session_replication_role = replica;
update public.sessions set status = 'CANCELLED' where id = fixture.session(5);
reset session_replication_role;
select is((select settled(:daemon, o) from unseen), 'lost', 'cancelled where no trigger saw it');
select is(orphans(), '5 5 0', 'an orphan too');

-- an outcome that is not known, and one that is
select fresh() \g /dev/null
select claimed(:daemon, 6, 7, 8, 9) \g /dev/null
create temp table late as select outcome(6, 'failed', '{"outcome_unknown": true}') as a, outcome(7, 'failed') as b,
    outcome(8, 'released', '{"outcome_unknown": true}') as c;
select settled(:daemon, outcome(9, 'failed', '{"outcome_unknown": true}')) \g /dev/null
update public.sessions set status = 'CANCELLED';
select is((select array[settled(:daemon, a), settled(:daemon, b), settled(:daemon, c)] from late), '{lost,lost,lost}', 'failures of sessions that were cancelled');
select is(orphans(), '9 ? 10, 6 ? 10, 8 ? 10',
    'are looked for when a meeting may have been made, also by an earlier attempt, and after a moment: it may still be on its way');
select claimed(:daemon, 10, 11) \g /dev/null
select settled(:daemon, outcome(10, 'failed')) \g /dev/null
delete from meetlink.orphan;
delete from public.sessions where id = fixture.session(10);
select is(orphans(), null, 'nothing is looked for when no attempt can have made a meeting');
update meetlink.job set starts_at = now() - interval '2 days', ends_at = now() - interval '1 day';
update public.sessions set status = 'COMPLETED_ASSUMED' where id = fixture.session(11);
select is(orphans(), null, 'nor for a session that is over');

-- another account
select fresh() \g /dev/null
select claimed(:daemon, 12) \g /dev/null
create temp table moved as select outcome(12, 'linked') as o;
select fixture.connect(fixture.ben()) \g /dev/null
update public.sessions set tutor_id = fixture.ben() where id = fixture.session(12);
select is(orphans(), '12 ? 70', 'a session that moves to another account while its meeting is being made');
select is((select settled(:daemon, o) from moved), 'lost', 'whose outcome comes');
select is((select (owner_id, external_id)::text from meetlink.orphan), format('(%s,12)', fixture.ada()), 'leaves a meeting at the former one');
select is((select count(*) from meetlink.claim_orphans(10, '1 minute')), 1::bigint, 'which is cancelled while the new one is being made');

-- found twice
select fresh() \g /dev/null
select claimed(:daemon, 13) \g /dev/null
select is(settled(:daemon, outcome(13, 'linked', '{"adopted": true, "surplus": ["131", "132"]}')), 'done', 'one is kept');
select is((select array_agg(external_id || ' ' || right(session_id, 2) order by external_id) from meetlink.orphan where due_at <= clock_timestamp()),
    '{131 13,132 13}'::text[], 'the others are orphans');
select is((select string_agg(meetlink.may_cancel(orphan_id, fence, external_id, null), ' ') from meetlink.claim_orphans(10, '1 minute')), 'cancel cancel',
    'though the session has a link');

-- a session that wants a link again, before and while the orphan is worked on
select fresh() \g /dev/null
select claimed(:daemon, 14) \g /dev/null
update public.sessions set status = 'CANCELLED';
update meetlink.orphan set due_at = now();
update public.sessions set status = 'SCHEDULED';
select is_empty('select * from meetlink.claim_orphans(10, ''1 minute'')', 'a session that wants a link again: its orphan is left alone');
select is((select outcome_unknown from meetlink.claim(:daemon, 1, '1 minute')), true, 'and its next attempt looks for the meeting, to adopt it');
update public.sessions set status = 'CANCELLED';
delete from meetlink.orphan where id <> (select min(id) from meetlink.orphan);
create temp table taken as select * from meetlink.claim_orphans(10, '1 minute');
select is((select count(*) from taken), 1::bigint, 'an orphan that is worked on,');
select is((select meetlink.may_cancel(orphan_id, fence, '14', null) from taken), 'cancel', 'and was asked for');
update public.sessions set status = 'SCHEDULED';
select is_empty(format('select * from meetlink.claim(%s, 10, ''1 minute'')', :daemon), 'holds up the session''s next attempt');
select is((select meetlink.may_cancel(orphan_id, fence, '14', null) from taken), 'wait', 'which holds up whatever else there is to cancel');
select is((select meetlink.settle_orphan(:daemon, orphan_id, fence, 'postponed') from taken), true, 'given back,');
select is((select count(*) from meetlink.claim(:daemon, 10, '1 minute')), 1::bigint, 'the session goes on');

-- retries and giving up
select fresh() \g /dev/null
insert into meetlink.orphan (session_id, owner_id, provider, external_id) values ('gone', fixture.ada(), 'zoom', '15');
select is((select meetlink.settle_orphan(:daemon, orphan_id, fence + 1, 'cancelled') from meetlink.claim_orphans(1, '1 minute')), false, 'a former lease settles nothing');
select is((select meetlink.settle_orphan(:daemon, id, fence, 'failed', null, 'provider_unavailable', 503, '', 'busy', '30 seconds') from meetlink.orphan), true, 'a failure');
select is((select (attempts, lease_until, reason, http_status, provider_code, detail, due_at between now() + '29 s' and now() + '31 s')::text from meetlink.orphan),
    '(1,,provider_unavailable,503,,busy,t)', 'waits as long as the provider asks for');
update meetlink.orphan set due_at = now();
select meetlink.settle_orphan(:daemon, orphan_id, fence, 'failed', null, 'network_error') from meetlink.claim_orphans(1, '1 minute') \g /dev/null
select ok(due_at between clock_timestamp() + '0.9 s' and clock_timestamp() + '2 s', 'otherwise a second or two, doubling') from meetlink.orphan;
update meetlink.orphan set due_at = now(), attempts = 30, found_at = now() - interval '8 days';
select meetlink.settle_orphan(:daemon, orphan_id, fence, 'failed', null, 'from_the_future', null, null, 'what', null) from meetlink.claim_orphans(1, '1 minute') \g /dev/null
select is((select (due_at, reason, detail)::text from meetlink.orphan), '(,internal_defect,what)', 'after a week it is given up, and stays to be seen');
select matches((select detail from meetlink.health() where check_name = 'orphans' and status = 'warning'), '^0 .*; 1 were given up$', 'in health() too');
update meetlink.orphan set due_at = now() - interval '2 days', reason = null;
select meetlink.sweep() \g /dev/null
select is((select due_at from meetlink.orphan), null, 'one that waits in vain for its session''s job likewise');
update meetlink.orphan set found_at = now() - interval '38 days';
select meetlink.sweep() \g /dev/null
select is(orphans(), null, 'and is forgotten after another month');
select is((select status from meetlink.health() where check_name = 'orphans'), 'ok', 'health() is content');

-- the daemon's role can do all that, and detach leaves nothing
select claimed(:daemon, 16) \g /dev/null
update public.sessions set status = 'CANCELLED';
update meetlink.orphan set due_at = now();
set role meetlink_sidecar;
select is((select meetlink.settle_orphan(:daemon, orphan_id, fence, meetlink.may_cancel(orphan_id, fence, '16', null) || 'led', '16')
           from meetlink.claim_orphans(1, '1 minute', '{/google_meet}')), true, 'as the daemon');
reset role;
select claimed(:daemon, 17) \g /dev/null
select meetlink.detach() \g /dev/null
select is(orphans(), null, 'detach leaves nothing');

select * from finish();
