-- Refreshing ahead of need: access tokens of owners with a session soon, and refresh tokens that would
-- die of idleness. meetlink.refresh_candidate (83_generate_connection.sql) says what there is.

-- Connections to refresh now, at most `max`, the most urgent first. Each is due at a time of its own, between
-- 80 and 100 % of `idle` (provider -> interval) since its refresh token was last used, so that a thousand
-- connections of one day never come back as one herd. What failed rests for ten minutes. Runs as the daemon.
create function meetlink.refreshes_due(max integer, ahead interval, idle jsonb)
returns table (owner_id text, provider text, connection_usable boolean, access_token text, refresh_token text,
               token_expires_at timestamptz, connection_print bigint)
language sql volatile set search_path = pg_catalog, pg_temp as
$$
    with candidate as (
        select c.*,
               c.expires_at < now() + interval '10 minutes'
               and exists (select from meetlink.session s
                           where s.owner = c.owner and s.provider = c.provider
                             and s.starts_at between now() and now() + ahead) as soon,
               coalesce(c.used_at, '-infinity')
               + (idle ->> c.provider)::interval
                 * (0.8 + 0.2 * (hashtext(concat(c.owner_id, '/', c.provider)) & 1023) / 1023.0) as idle_until
        from meetlink.refresh_candidate c
        where not c.busy and not c.provider_blocked
          and (c.last_at is null or c.last_at < now() - interval '10 minutes'))
    select c.owner_id, c.provider, true, c.access_token, c.refresh_token, c.expires_at, c.print
    from candidate c
    where c.soon or c.idle_until <= now()
    order by c.soon desc, c.idle_until
    limit max
$$;

-- Operator errors concern a provider as a whole: one row while they last.
create table meetlink.provider_block (
    provider text primary key,
    reason   text not null references meetlink.reason (code),
    detail   text,
    since    timestamptz not null default clock_timestamp(),
    probe_at timestamptz not null default clock_timestamp() + interval '1 minute'
);

comment on table meetlink.provider_block is
    'Providers that reject the application itself: their jobs wait, and one of them is tried every minute (private).';

revoke all on meetlink.provider_block from public;

-- Every job of the provider that is due or waits is blocked with the one reason; nobody asks in vain.
create function meetlink.block_provider(provider text, reason text, detail text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
begin
    insert into meetlink.provider_block as b (provider, reason, detail)
    values (block_provider.provider, block_provider.reason, block_provider.detail)
    on conflict on constraint provider_block_pkey do update
    set reason = excluded.reason, detail = excluded.detail, probe_at = excluded.probe_at;
    with mine as (
        select j.session_id from meetlink.job j
        where j.provider = block_provider.provider and j.state in ('due', 'waiting')
        for update skip locked)
    update meetlink.job j
    set state = 'blocked', reason = block_provider.reason,
        stage = case block_provider.reason when 'client_rejected' then 'token'
                                           when 'provider_not_configured' then 'claim' else 'create' end,
        detail = block_provider.detail, http_status = null, provider_code = null, connection_print = null
    from mine m where j.session_id = m.session_id;
end
$$;

-- The operator has mended it: everything that waited for that is due.
create function meetlink.unblock_provider(provider text, reasons text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
begin
    delete from meetlink.provider_block b
    where b.provider = unblock_provider.provider and b.reason = any (reasons);
    if not found then
        return;
    end if;
    with mine as (
        select j.session_id from meetlink.job j
        where j.state = 'blocked' and j.provider = unblock_provider.provider and j.reason = any (reasons)
        for update skip locked)
    update meetlink.job j set state = 'due', due_at = clock_timestamp()
    from mine m where j.session_id = m.session_id;
    perform meetlink.ring();
end
$$;

-- A missing scope may be one tutor's old consent, or the application's. It is the application's when several
-- tutors run into it and nobody gets a link.
create function meetlink.is_the_applications(provider text, reason text) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select (select count(distinct j.owner_id) >= 3 from meetlink.job j
            where j.state = 'blocked' and j.provider = is_the_applications.provider and j.reason = is_the_applications.reason)
       and not exists (select from meetlink.attempt a
                       where a.finished_at > clock_timestamp() - interval '10 minutes'
                         and a.provider = is_the_applications.provider and a.outcome in ('linked', 'adopted'))
$$;

-- What outcomes of jobs say about their providers. A link proves that the application is accepted by the API;
-- that its secret is accepted is proved by a refresh alone (meetlink.finish_refresh).
create function meetlink.judge_providers(outcomes jsonb, held meetlink.job[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    r record;
begin
    for r in
        select j.provider, max(o.reason) filter (where o.outcome = 'failed' and k.scope = 'provider' and k.disposition = 'block') as reason,
               max(o.detail) filter (where o.outcome = 'failed' and k.disposition = 'block') as detail,
               bool_or(o.outcome = 'linked') as linked,
               bool_or(o.reason = 'app_scope_missing') as lacks_scope
        from jsonb_to_recordset(outcomes) as o(claim_id bigint, outcome text, reason text, detail text)
        join unnest(held) j on j.claim_id = o.claim_id
        left join meetlink.reason k on k.code = o.reason
        where j.provider is not null and (o.outcome = 'linked' or k.scope = 'provider' or k.code = 'app_scope_missing')
        group by j.provider
    loop
        if r.reason is null and r.lacks_scope and not coalesce(r.linked, false)
           and meetlink.is_the_applications(r.provider, 'app_scope_missing') then
            r.reason := 'app_scope_missing';
        end if;
        if r.reason is not null then
            perform meetlink.block_provider(r.provider, r.reason, r.detail);
        elsif r.linked and exists (select from meetlink.provider_block b where b.provider = r.provider) then
            perform meetlink.unblock_provider(r.provider, '{api_disabled,app_scope_missing}');
        end if;
    end loop;
end
$$;

-- One job a minute asks whether the operator has mended it. When no job is left to ask with, the next refresh does.
create function meetlink.probe_providers() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    b record;
begin
    for b in
        select p.* from meetlink.provider_block p where p.probe_at <= clock_timestamp() for update skip locked
    loop
        update meetlink.job j set state = 'due', due_at = clock_timestamp()
        where j.session_id = (
            select l.session_id from meetlink.job l join meetlink.reason r on r.code = l.reason
            where l.state = 'blocked' and l.provider = b.provider and (r.scope = 'provider' or l.reason = b.reason)
            order by l.starts_at limit 1 for update of l skip locked);
        if found then
            update meetlink.provider_block p set probe_at = clock_timestamp() + interval '1 minute'
            where p.provider = b.provider;
        else
            delete from meetlink.provider_block p where p.provider = b.provider;
        end if;
    end loop;
end
$$;
