-- Housekeeping: all that time does.

-- Takes back claims whose lease is over, or whose daemon has been started anew under the same name
-- (its database session is gone). What they did is unknown, so the next attempt looks first. A job that
-- keeps losing its daemon waits longer each time.
create function meetlink.rescue(daemon_id bigint) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
declare
    -- a value that an index can be searched by, unlike clock_timestamp()
    at timestamptz := clock_timestamp();
    rescued integer;
begin
    with orphan as materialized (
        select d.id, d.name
        from meetlink.daemon d
        where d.id <> rescue.daemon_id
          and d.name = (select m.name from meetlink.daemon m where m.id = rescue.daemon_id)
          and not exists (select from pg_stat_get_activity(d.backend_pid) a where a.backend_start = d.backend_start)
    ), expired as materialized (
        select j.session_id, j.owner_id, j.provider, j.claim_id, j.claimed_by, j.attempts, j.lease_until,
               case when j.attempts > 3
                    then meetlink.next_attempt_at(j.attempts, j.starts_at, '0', '0')
                    else clock_timestamp() end as next_at
        from meetlink.job j
        where j.state = 'claimed'
          and (j.lease_until < at or j.claimed_by in (select o.id from orphan o))
        order by j.lease_until
        limit 1000
        for update skip locked
    ), recorded as (
        insert into meetlink.attempt (session_id, owner_id, provider, claim_id, attempt, daemon, started_at,
                                      outcome, stage, reason, detail, next_at)
        select e.session_id, e.owner_id, e.provider, e.claim_id, e.attempts,
               coalesce((select m.name from meetlink.daemon m where m.id = e.claimed_by), 'unknown'),
               least(e.lease_until, clock_timestamp()), 'rescued', 'claim', 'daemon_lost',
               'the daemon did not renew its lease, or was started anew', e.next_at
        from expired e
    )
    update meetlink.job j
    set state = case when e.next_at > clock_timestamp() then 'waiting' else 'due' end,
        due_at = e.next_at, outcome_unknown = true, reason = 'daemon_lost', stage = 'claim',
        http_status = null, provider_code = null,
        detail = 'the daemon did not renew its lease, or was started anew',
        claim_id = null, claimed_by = null, lease_until = null
    from expired e
    where j.session_id = e.session_id;
    get diagnostics rescued = row_count;
    return rescued;
end
$$;

-- Once per poll interval and daemon: heartbeat, rescue, promotion, and a probe that must come back on
-- the channel. known = false: the daemon's registration is gone, and with it its claims.
-- orphans: some are due (meetlink.claim_orphans). version: of the extension; a daemon of another one waits.
-- heard_ago: since when the last probe has been back; breakers: see meetlink.daemon.
create function meetlink.housekeep(daemon_id bigint, in_flight integer, probe text,
                                   heard_ago interval default null, breakers jsonb default '[]')
returns table (known boolean, due boolean, orphans boolean, promoted integer, rescued integer, next_due_in interval, version text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
declare
    at timestamptz := clock_timestamp();  -- as in meetlink.rescue
begin
    update meetlink.daemon d
    set heartbeat_at = clock_timestamp(), in_flight = housekeep.in_flight,
        heard_at = coalesce(clock_timestamp() - heard_ago, d.heard_at), breakers = housekeep.breakers,
        backend_pid = pg_backend_pid(),
        backend_start = (select a.backend_start from pg_stat_get_activity(pg_backend_pid()) a)
    where d.id = daemon_id;
    known := found;

    rescued := meetlink.rescue(daemon_id);

    with ripe as (
        select j.session_id from meetlink.job j
        where j.state = 'waiting' and j.due_at <= at
        order by j.due_at limit 5000
        for update skip locked)
    update meetlink.job j set state = 'due' from ripe r where j.session_id = r.session_id;
    get diagnostics promoted = row_count;

    perform meetlink.probe_providers();
    due := exists (select from meetlink.job j where j.state = 'due');
    orphans := exists (select from meetlink.orphan o where o.due_at <= at);
    select greatest(j.due_at - clock_timestamp(), interval '0') into next_due_in
    from meetlink.job j where j.state = 'waiting' order by j.due_at limit 1;

    select e.extversion into version from pg_extension e where e.extname = 'meetlink';

    if probe is not null then
        perform pg_notify('meetlink', probe);
    end if;
    return next;
end
$$;

-- Every few minutes: what no trigger saw (replication role, disabled trigger, restore, a lost race)
-- is put right from the views. Runs as the daemon; repeat while it finds `max` of them and changes some.
create function meetlink.sweep(max integer default 1000, daemon_id bigint default null)
returns table (flagged integer, retired integer, moved integer, unblocked integer, given_up integer, differences integer)
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    began timestamptz := clock_timestamp();
    drifted jsonb;
begin
    select coalesce(jsonb_agg(d), '[]') into drifted from (select * from meetlink.drift limit max) d;
    differences := jsonb_array_length(drifted);
    select c.flagged, c.retired, c.moved, c.unblocked into flagged, retired, moved, unblocked
    from meetlink.correct_drift(drifted) c;
    given_up := meetlink.give_up_over();
    perform meetlink.prune();
    perform meetlink.prune_orphans();
    perform meetlink.prune_budget();
    perform meetlink.offer_rest_of_budget();
    if differences < max then
        perform meetlink.note_sweep(daemon_id, clock_timestamp() - began);
    end if;
    return next;
end
$$;

create function meetlink.note_sweep(daemon_id bigint, took interval) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    update meetlink.daemon d set swept_at = clock_timestamp(), sweep_took = note_sweep.took where d.id = daemon_id
$$;

-- Counts what it changed. Rows that somebody has locked are left to the next sweep.
create function meetlink.correct_drift(drifted jsonb)
returns table (flagged integer, retired integer, moved integer, unblocked integer)
-- Two inserts of one key wait for each other: the application's transaction may be flagging the session.
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms' as
$$
declare
    d record;
    done integer;
begin
    flagged := 0; retired := 0; moved := 0; unblocked := 0;
    for d in
        select * from jsonb_to_recordset(drifted) as x(
            kind text, session_id text, owner_id text, provider text, starts_at timestamptz, ends_at timestamptz)
        order by x.starts_at
    loop
        case d.kind
        when 'missing' then
            begin
                insert into meetlink.job (session_id, owner_id, provider, starts_at, ends_at)
                values (d.session_id, d.owner_id, d.provider, d.starts_at, d.ends_at)
                on conflict do nothing;
                get diagnostics done = row_count;
                flagged := flagged + done;
            exception
                when lock_not_available then null;
            end;
        when 'unwanted' then
            delete from meetlink.job j where j.session_id in (
                select l.session_id from meetlink.job l where l.session_id = d.session_id for update skip locked);
            get diagnostics done = row_count;
            retired := retired + done;
        when 'moved' then
            if exists (select from meetlink.job j where j.session_id = d.session_id for update skip locked) then
                perform meetlink.move_job(d.session_id, d.owner_id, d.provider, d.starts_at, d.ends_at);
                moved := moved + 1;
            end if;
        when 'reconnected' then
            update meetlink.job j set state = 'due', due_at = clock_timestamp()
            where j.session_id in (
                select l.session_id from meetlink.job l
                where l.session_id = d.session_id and l.state = 'blocked' for update skip locked);
            get diagnostics done = row_count;
            unblocked := unblocked + done;
        end case;
    end loop;
    if flagged + moved + unblocked > 0 then
        perform meetlink.ring();
    end if;
    return next;
end
$$;

-- Sessions that are over cannot be helped; the reason they had stays in their attempts.
create function meetlink.give_up_over() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
declare
    given_up integer;
begin
    with over as (
        select j.session_id from meetlink.job j
        where j.state in ('due', 'waiting', 'blocked') and meetlink.over_at(j.starts_at, j.ends_at) <= clock_timestamp()
        limit 5000
        for update skip locked)
    update meetlink.job j
    set state = 'gave_up', reason = 'session_over',
        detail = coalesce('before that: ' || j.reason || coalesce(': ' || j.detail, ''), 'no attempt was made')
    from over o where j.session_id = o.session_id;
    get diagnostics given_up = row_count;
    return given_up;
end
$$;

-- History is kept for 30 days, given-up jobs likewise, silent daemons for one.
create function meetlink.prune() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    delete from meetlink.attempt a
    where a.id in (select o.id from meetlink.attempt o
                   where o.finished_at < now() - interval '30 days' limit 100000);
    delete from meetlink.job j
    where j.session_id in (select o.session_id from meetlink.job o
                           where o.state = 'gave_up'
                             and meetlink.over_at(o.starts_at, o.ends_at) < clock_timestamp() - interval '30 days'
                           limit 5000 for update skip locked);
    delete from meetlink.daemon d
    where d.heartbeat_at < clock_timestamp() - interval '1 day'
      and not exists (select from meetlink.job j where j.state = 'claimed' and j.claimed_by = d.id);
$$;
