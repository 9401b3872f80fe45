-- The views over connections that attach generates, beside those of 81_generate.sql: their health, and which of
-- them could be refreshed. They belong to the tables' owner.

-- Joins of a view over meetlink.connection c: f and k, the outcome of the last refresh with the very refresh token
-- that is stored now, and the reason if it was one that only a person can end; u, when that token was last used,
-- whoever used it, the application included: an access token lives one hour at both providers; d, when it dies: the
-- provider said so, or of idleness, Zoom's after 90 days and Google's after six months (PROVIDERS.md 1.1, 2.1).
create function meetlink.join_refresh() returns text
language sql immutable set search_path = pg_catalog, pg_temp as
$$
    select '
        left join meetlink.refresh f
            on f.owner_id = c.owner::text and f.provider = c.provider and f.token_print is not distinct from c.token_print
        left join meetlink.reason k on k.code = f.last_reason and k.scope = ''connection'' and k.disposition = ''block''
        cross join lateral (select greatest(f.refreshed_at, c.expires_at - interval ''1 hour'') as used_at) u
        cross join lateral (select f.refresh_expires_at > coalesce(u.used_at, ''-infinity'') as told) t
        cross join lateral (
            select case when coalesce(c.refresh_token, '''') = '''' then null
                        when t.told then f.refresh_expires_at
                        when c.provider = ''zoom'' then u.used_at + interval ''90 days''
                        when c.provider = ''google_meet'' then u.used_at + interval ''6 months'' end as dies_at) d'
$$;

create function meetlink.generate_connection_views(sessions text, mapping jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
begin
    execute $sql$
        create view meetlink.refresh_candidate as
        select c.owner, c.owner::text as owner_id, c.provider, c.access_token, c.refresh_token, c.expires_at, c.print,
               greatest(f.refreshed_at, c.expires_at - interval '1 hour') as used_at, f.last_at,
               coalesce(f.lease_until > now(), false) as busy,
               exists (select from meetlink.provider_block b where b.provider = c.provider) as provider_blocked
        from meetlink.connection c
        left join meetlink.refresh f on f.owner_id = c.owner::text and f.provider = c.provider
        where c.usable and c.refresh_token <> ''
        $sql$;

    -- What was wrong is past once the connection is usable with tokens that are newer.
    -- Upcoming sessions are looked up by owner where the table has an index for that, else counted for all at once.
    execute meetlink.fill($sql$
        create view meetlink.connection_health as
        select c.owner, c.provider, c.account, c.active, c.status, c.usable, c.expires_at as access_token_expires_at,
               d.dies_at as refresh_token_expires_at, f.last_at as last_refresh_at,
               case when f.last_at is null then null else coalesce(f.last_reason, 'refreshed') end as last_refresh,
               coalesce(j.blocked, 0) as blocked_sessions, coalesce(j.jobs, 0) as sessions_without_link,
               coalesce(s.upcoming, 0) as upcoming_sessions, s.next_start as next_session_at,
               case when not c.usable or j.blocked > 0 then coalesce(j.next_start, s.next_start)
                    when coalesce(c.refresh_token, '') = '' then c.expires_at
                    else d.dies_at end as hurts_at,
               r.code as reason, r.acts, r.advice
        from meetlink.connection c
        {refresh}
        left join (
            select b.owner_id, b.provider, count(*) as jobs, count(*) filter (where b.state = 'blocked') as blocked,
                   min(b.starts_at) as next_start, min(b.reason) filter (where b.state = 'blocked') as reason
            from meetlink.job b
            where b.state <> 'gave_up'
            group by b.owner_id, b.provider) j on j.owner_id = c.owner::text and j.provider = c.provider
        {upcoming}
        left join meetlink.reason r on r.code =
            case when not c.usable then coalesce(k.code, 'connection_inactive')
                 when j.reason is not null then j.reason
                 when f.foreseen is not null then f.foreseen
                 when f.last_at < u.used_at or k.code is not null then null
                 else f.last_reason end
        order by hurts_at nulls last, c.usable, c.expires_at
        $sql$, jsonb_build_object('refresh', meetlink.join_refresh(), 'upcoming', case when meetlink.has_owner_index(sessions, mapping) then $sql$
        left join lateral (
            select (select count(*) from meetlink.session u
                    where u.owner = c.owner and u.provider = c.provider
                      and u.starts_at > now() and u.starts_at < now() + interval '7 days') as upcoming,
                   (select u.starts_at from meetlink.session u
                    where u.owner = c.owner and u.provider = c.provider and u.starts_at > now()
                    order by u.starts_at limit 1) as next_start) s on true
        $sql$ else $sql$
        left join (
            select u.owner, u.provider, count(*) filter (where u.starts_at < now() + interval '7 days') as upcoming,
                   min(u.starts_at) as next_start
            from meetlink.session u
            where u.starts_at > now()
            group by u.owner, u.provider) s on s.owner = c.owner and s.provider = c.provider
        $sql$ end));
    comment on column meetlink.connection_health.upcoming_sessions is 'Sessions that start within seven days.';
    comment on view meetlink.connection_health is
        'Every connection: whether it works, until when, what waits for it, and who must act; what hurts soonest comes first. Holds no token.';
end
$$;
