-- Claiming: a daemon takes due jobs for a bounded lease, the nearest session first.

-- A daemon's first call; providers: whose client id and secret it has. Raises ML001 or ML003 when there is nothing it could work on.
-- Claims of an earlier process of the same name are taken back at once when its database session is
-- gone; jobs that wait for the operator are tried again, since a start follows a changed configuration.
create function meetlink.register_daemon(name text, version text, providers text[] default null)
returns table (daemon_id bigint, released integer, tenant text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$
begin
    perform meetlink.require_attachment();
    insert into meetlink.daemon (name, version, backend_pid, backend_start, providers)
    select register_daemon.name, register_daemon.version, pg_backend_pid(), a.backend_start, register_daemon.providers
    from pg_stat_get_activity(pg_backend_pid()) a
    returning id into daemon_id;
    released := meetlink.rescue(daemon_id);
    select t.id into strict tenant from meetlink.tenant t;

    with stuck as (
        select j.session_id
        from meetlink.job j join meetlink.reason r on r.code = j.reason
        where j.state = 'blocked' and r.acts = 'operator'
        for update of j skip locked)
    update meetlink.job j
    set state = 'due', due_at = clock_timestamp()
    from stuck s where j.session_id = s.session_id;
    return next;
end
$$;

-- A daemon's last call: from now on nobody waits for it. Whatever it still holds has an unknown outcome and
-- stays its own until the lease is over; then the row stays too, since claims and refreshes name it.
create function meetlink.unregister_daemon(daemon_id bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
begin
    delete from meetlink.daemon d
    where d.id = daemon_id
      and not exists (select from meetlink.job j where j.state = 'claimed' and j.claimed_by = d.id)
      and not exists (select from meetlink.refresh r where r.held_by = d.id);
    if not found then
        update meetlink.daemon d
        set heartbeat_at = clock_timestamp() - interval '1 minute', in_flight = 0, breakers = '[]'
        where d.id = daemon_id;
    end if;
end
$$;

-- Due jobs become the daemon's for the time of a lease, those of the nearest start first; what somebody has locked
-- is left out. skip: "owner/provider", or "/provider" for all of it. after: of sessions that start then or later.
-- Whoever claims a backlog batch by batch passes by what the batches before have taken: its index entries stay for as
-- long as anybody holds a snapshot, and to read 300,000 of them takes longer than all the rest.
-- Below SQL (extension/src/claim.cpp), with the rights of nobody: execution is for the daemon only.
create function meetlink.claim_jobs(daemon_id bigint, max integer, lease interval, skip text[], after timestamptz default '-infinity')
returns meetlink.job[]
language c volatile strict as 'MODULE_PATHNAME', 'meetlink_claim_jobs';

-- What one claim hands to the daemon: the job, its session and its connection as they are now.
create type meetlink.claimed_job as (
    session_id         text,
    claim_id           bigint,
    attempt            integer,
    generation         integer,
    outcome_unknown    boolean,
    owner_id           text,
    provider           text,
    title              text,
    starts_at          timestamptz,
    ends_at            timestamptz,
    connection_found   boolean,
    connection_usable  boolean,
    access_token       text,
    refresh_token      text,
    token_expires_at   timestamptz,
    connection_print   bigint,
    flagged_at         timestamptz
);

-- Runs as the daemon: it reads the user's tables through the views that it may read.
-- Jobs whose session needs no link any more (changed where no trigger saw it) are retired on the way.
create function meetlink.claim(daemon_id bigint, max integer, lease interval, skip text[] default '{}', after timestamptz default '-infinity')
returns setof meetlink.claimed_job
-- lock_timeout: as in meetlink.settle
language plpgsql volatile set search_path = pg_catalog, pg_temp set lock_timeout = '200ms'
-- It may have been planned when the tables were nearly empty; what is switched off counts as so dear that it would be
-- compiled (jit), 100 ms for a claim of 3 ms. plpgsql, because it keeps the plan: making one takes as long as a claim.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as
$$
declare
    jobs meetlink.job[] := '{}';
    claimed meetlink.job[];
    full_batch boolean;
    wanted integer;
    unwanted bigint[];
    sessions text[];
begin
    -- A claim that a crash of the server forgets would be a create that nobody looks for.
    if current_setting('synchronous_commit') in ('off', 'local') then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    -- Until there is nothing left to claim: what an account's daily budget refuses must not hide the jobs behind it.
    loop
        claimed := coalesce(meetlink.claim_jobs(daemon_id, max - cardinality(jobs), lease, skip, after), '{}');
        full_batch := cardinality(claimed) = max - cardinality(jobs);
        jobs := jobs || meetlink.within_budget(daemon_id, claimed);
        exit when full_batch is not true or cardinality(jobs) >= max;
    end loop;
    if cardinality(jobs) = 0 then
        return;
    end if;
    return query
        select j.session_id, j.claim_id, j.attempts, j.generation, j.outcome_unknown,
               j.owner_id, j.provider, s.title, s.starts_at, s.ends_at,
               k.owner is not null, coalesce(k.usable, false), k.access_token, k.refresh_token, k.expires_at, k.print,
               j.flagged_at
        from unnest(jobs) j
        -- by its key, and not by an index of the application's that may look empty
        cross join lateral (select * from meetlink.session o where o.id = meetlink.session_key(j.session_id) offset 0) s
        left join lateral (
            select * from meetlink.connection c
            where c.owner = s.owner and c.provider = s.provider
            order by c.usable desc limit 1) k on true
        where s.wanted
        order by j.starts_at;
    get diagnostics wanted = row_count;
    if wanted = cardinality(jobs) then
        return;
    end if;
    select array_agg(j.claim_id), array_agg(j.session_id) into unwanted, sessions
    from unnest(jobs) j
    where not exists (select from meetlink.session s
                      where s.id = meetlink.session_key(j.session_id) and s.wanted);
    if unwanted is not null then
        perform meetlink.retire_claims(daemon_id, unwanted, sessions);
    end if;
end
$$;

create function meetlink.retire_claims(daemon_id bigint, claim_ids bigint[], session_ids text[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp as
$$
    -- in two steps, because nothing was made under these claims (meetlink.suspect)
    update meetlink.job j set state = 'due', claim_id = null, claimed_by = null, lease_until = null
    where j.state = 'claimed' and j.claimed_by = daemon_id and j.claim_id = any (claim_ids);
    delete from meetlink.job j
    where j.state = 'due' and j.session_id = any (session_ids);
$$;

-- Extends leases; returns the claims that are still the daemon's. A claim that is missing is lost.
create function meetlink.renew(daemon_id bigint, claim_ids bigint[], lease interval) returns setof bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    with mine as (
        select j.session_id, j.claim_id
        from meetlink.job j
        where j.state = 'claimed' and j.claimed_by = daemon_id and j.claim_id = any (claim_ids)
          and j.lease_until > clock_timestamp()
        for update skip locked)
    update meetlink.job j
    set lease_until = clock_timestamp() + lease
    from mine m
    where j.session_id = m.session_id
    returning j.claim_id
$$;
