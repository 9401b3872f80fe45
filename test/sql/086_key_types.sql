-- Keys that are no uuids: what people ask of a session (retry, explain, stuck_sessions, forecast, connection_health),
-- on tables with bigint, integer, text and varchar keys, as the tables' owner and as an end user.
select no_plan();
do $$ begin if not exists (select from pg_roles where rolname = 'authenticated') then create role authenticated nologin; end if; end $$;

-- Tables with keys of one type, a usable connection of owner :mine, and two sessions of his, the second with its link.
create procedure begin_with(key_type text, mine text, first text, second text) language plpgsql as
$$
begin
    execute format('create table lesson (id %1$s primary key, owner %1$s, provider text, starts timestamptz, ends timestamptz, link text)', key_type);
    execute format('create table account (owner %1$s primary key, provider text, access text, refresh text, until timestamptz)', key_type);
    perform meetlink.attach('lesson', 'account', '{"grant_to": ["authenticated"],
        "session": {"owner": "owner", "status": null, "starts_at": "starts", "ends_at": "ends", "duration_minutes": null, "join_url": "link",
                    "external_id": null, "linked_at": null},
        "connection": {"owner": "owner", "active": null, "status": null, "account": null, "access_token": "access", "refresh_token": "refresh",
                       "expires_at": "until"}}');
    execute format('insert into account values (%L, ''zoom'', ''a'', ''r'', now() + interval ''1 hour'')', mine);
    execute format('insert into lesson values (%L, %L, ''zoom'', now() + interval ''1 day'', now() + interval ''25 hours''),
                                              (%L, %2$L, ''zoom'', now() + interval ''1 day'', now() + interval ''25 hours'')', first, mine, second);
    execute format('update lesson set link = ''https://zoom.us/j/2'' where id = %L', second);
    execute 'alter table lesson enable row level security';
    execute 'create policy own on lesson to authenticated using (owner::text = current_setting(''request.jwt.claims'', true)::jsonb ->> ''sub'')';
    execute 'grant select on lesson to authenticated';
    delete from meetlink.daemon;
    perform meetlink.register_daemon('d', '0.1');
    update meetlink.daemon set heartbeat_at = now() + interval '1 hour';
end
$$;
create procedure end_with() language plpgsql as
$$
begin
    perform meetlink.detach();
    drop table lesson, account;
    delete from meetlink.refresh;
end
$$;

create function says(a jsonb) returns text language sql as $$ select concat_ws(' ', a ->> 'status', a ->> 'session_id') $$;
create function as_user(who text, id text) returns text language plpgsql as
$$
declare
    said text;
begin
    perform set_config('request.jwt.claims', json_build_object('sub', who)::text, true);
    set local role authenticated;
    said := public.retry_meeting_link(id, '0') ->> 'status';
    reset role;
    return said;
end
$$;
create function verdict(id text) returns text language sql as $$ select description from meetlink.explain(id) where event = 'verdict' $$;
create function seen() returns text language plpgsql as  -- not SQL: the views are made anew
$$
begin
    return concat_ws(', ', (select 'stuck ' || session_id || ' of ' || owner || ' ' || acts from meetlink.stuck_sessions),
                     (select 'forecast ' || session_id || ' of ' || owner || ' ' || reason from meetlink.forecast()),
                     (select 'health ' || owner || ' ' || coalesce(reason, 'fine') || ' ' || sessions_without_link || ' ' || upcoming_sessions from meetlink.connection_health));
end
$$;

-- what becomes of the link of the one session that waits for it, by a claim and its settling; put back afterwards
create function linked(key_type text) returns setof text language plpgsql as
$$
declare
    result text;
begin
    update meetlink.job set state = 'due', reason = null;
    result := (select s.verdict
               from (select jsonb_agg(jsonb_build_object('session_id', c.session_id, 'claim_id', c.claim_id, 'outcome', 'linked',
                                                         'join_url', 'https://zoom.us/j/1', 'writes', 1)) as outcomes
                     from (select max(id) as daemon from meetlink.daemon) d, meetlink.claim(d.daemon, 1, '1 minute') c) o,
                    meetlink.settle((select max(id) from meetlink.daemon), o.outcomes) s);
    update lesson set link = null where link = 'https://zoom.us/j/1';
    return next is(result, 'done', key_type || ': a link is written');
end
$$;

-- bigint, beyond what an integer holds
call begin_with('bigint', '7000000000', '9000000001', '9000000002');
select is(says(meetlink.retry(9000000001, '0')), 'queued 9000000001', 'bigint: retry by the number');
select is(says(public.retry_meeting_link(9000000002)), 'linked 9000000002', 'and of a session with its link');
select is(says(public.retry_meeting_link(session_bigint => 9000000001, wait => '0')), 'queued 9000000001', 'by the name of the argument');
select is(says(public.retry_meeting_link('009000000001', '0')), 'queued 9000000001', 'by its text, in normal form');
select is(says(public.retry_meeting_link(1::bigint, '0')), 'not_found 1', 'a number that is no session''s');
select is(public.retry_meeting_link('10000000-0000-0000-0000-000000000001'::uuid, '0') ->> 'status', 'invalid', 'a uuid cannot be a number');
select is(public.retry_meeting_link(v, '0') ->> 'status', 'invalid', format('nor can %L', v)) from unnest(array['1.5', '9223372036854775808', '0x1F', 'one', '']) v;
select is((select key from meetlink.retry_target('9000000001')), '9000000001', 'the target''s key');
select is(as_user('7000000000', '9000000001') || ' ' || as_user('8', '9000000001') || ' ' || as_user('7000000000', '9000000002'), 'queued not_found linked',
    'its owner may, a stranger does not see it');
select is(verdict('9000000001'), 'It is due, and a daemon is about to take it.', 'explain by the text');
select is((select count(*) from meetlink.explain(9000000001)), 2::bigint, 'and by the number');
select is((select description from meetlink.explain('10000000-0000-0000-0000-000000000001'::uuid)), '"10000000-0000-0000-0000-000000000001" cannot be the key of a session.', 'not by a uuid');
select is(seen(), 'stuck 9000000001 of 7000000000 nobody, health 7000000000 fine 1 2', 'the views');
update meetlink.job set state = 'blocked', reason = 'grant_revoked', connection_print = (select print from meetlink.connection);
select is(seen(), 'stuck 9000000001 of 7000000000 tutor, forecast 9000000001 of 7000000000 grant_revoked, health 7000000000 grant_revoked 1 2', 'of a session that is blocked');
select is((select string_agg(session_id, ' ') from meetlink.retry_stuck(owner => '7000000000')), '9000000001', 'retry_stuck by owner');
update meetlink.job set state = 'blocked';
update account set refresh = 'r2';
select is((select state from meetlink.job), 'due', 'a reconnect makes it due');
select linked('bigint');
call end_with();

-- integer
discard plans;  -- of another key type
call begin_with('integer', '7', '1', '2');
select is(says(public.retry_meeting_link(1::bigint, '0')), 'queued 1', 'integer: retry by the number');
select is(public.retry_meeting_link(2147483648, '0') ->> 'status', 'invalid', 'one that is too large for the column');
select is(as_user('7', '1') || ' ' || as_user('8', '1'), 'queued not_found', 'its owner may, a stranger does not see it');
select is(verdict('1'), 'It is due, and a daemon is about to take it.', 'explain');
select is(seen(), 'stuck 1 of 7 nobody, health 7 fine 1 2', 'the views');
select linked('integer');
call end_with();

-- Whether a query can find what it joins by this index: a collation of its own must not keep it from that.
create function finds_by(index text, query text) returns boolean language plpgsql set enable_seqscan = off set enable_bitmapscan = off as
$$
declare
    plan text := '';
    line text;
begin
    for line in execute 'explain (costs off) ' || query loop
        plan := plan || line || E'\n';
    end loop;
    return plan ~ ('Index[^\n]* using ' || index || ' [^\n]*\n *Index Cond');
end
$$;

-- text and varchar, whatever they contain; a number or a uuid is a text as well
create function texts(key_type text) returns setof text language plpgsql as
$$
begin
    return next is(says(meetlink.retry('a"b\c', '0')), 'queued a"b\c', key_type || ': retry by the text');
    return next is(says(public.retry_meeting_link(42::bigint, '0')), 'linked 42', 'a number is a text, too');
    return next is(says(public.retry_meeting_link('10000000-0000-0000-0000-00000000000A'::uuid, '0')), 'not_found 10000000-0000-0000-0000-00000000000a', 'so is a uuid');
    return next is(says(public.retry_meeting_link('A"B\C', '0')), 'not_found A"B\C', 'taken as it is');
    return next is(public.retry_meeting_link('', '0') ->> 'status', 'invalid', 'an empty one is none');
    return next is(as_user('o''wn {x}', 'a"b\c') || ' ' || as_user('own', 'a"b\c'), 'queued not_found', 'its owner may, a stranger does not see it');
    return next is(verdict('a"b\c'), 'It is due, and a daemon is about to take it.', 'explain');
    return next is((select description from meetlink.explain(42::bigint)), 'The session has its link; nothing is to be done.', 'and by a number');
    return next is(seen(), 'stuck a"b\c of o''wn {x} nobody, health o''wn {x} fine 1 2', 'the views');
    return next ok(finds_by('lesson_pkey', 'select from meetlink.job j cross join lateral (select * from meetlink.session o where o.id = meetlink.session_key(j.session_id) offset 0) s'),
                   'a claim finds its sessions by their index');
    return next ok(finds_by('job_session', 'select * from meetlink.stuck_sessions'),
                   'and a view the jobs of sessions by theirs');
end
$$;
discard plans;  -- of another key type
call begin_with('text', 'o''wn {x}', 'a"b\c', '42');
select texts('text');
select linked('text');
call end_with();
discard plans;  -- of another key type
call begin_with('varchar(40)', 'o''wn {x}', 'a"b\c', '42');
select texts('varchar(40)');
select linked('varchar(40)');
call end_with();
discard plans;
call begin_with('text collate "POSIX"', 'o''wn {x}', 'a"b\c', '42');
select texts('text with a collation of its own');
select linked('text collate "POSIX"');
call end_with();
discard plans;
create domain lesson_key as text not null check (value <> '');
call begin_with('lesson_key', 'own', 'one', '42');
select linked('lesson_key');
call end_with();

select * from finish();
