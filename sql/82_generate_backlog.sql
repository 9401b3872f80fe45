-- The views over sessions without a link that attach generates, beside those of 81_generate.sql. The jobs are their
-- index: what they cost depends on how many sessions have no link, not on how many there are, and a booking pays for
-- nothing but its job. They belong to the tables' owner.

create function meetlink.generate_backlog_views(sessions text, connections text, mapping jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    -- The owner's connection for the session's provider, the usable one of several.
    connection text := case when meetlink.is_unique(connections, mapping #>> '{connection,owner}', mapping #>> '{connection,provider}')
        then 'left join meetlink.connection c on c.owner = s.owner and c.provider = s.provider'
        else 'left join lateral (
                  select * from meetlink.connection k
                  where k.owner = s.owner and k.provider = s.provider
                  order by k.usable desc limit 1) c on true' end;
begin
    -- Sessions that want a link, are not over and have no job: no trigger saw them. This reads the table, from the
    -- start that meetlink.over_at allows, so an index on the start serves it where there is one. The second bound is
    -- cheaper than over_at.
    execute format($sql$
        create view meetlink.unseen as
        select s.* from meetlink.session s
        where s.wanted and s.starts_at > now() - %L::interval
          and (s.starts_at > now() or meetlink.over_at(s.starts_at, s.ends_at) > now())
          and not exists (select from meetlink.job j where j.session_id = s.id::text collate "default")
        %s$sql$, meetlink.longest_session(),
        case when not meetlink.is_not_null(sessions, mapping #>> '{session,starts_at}')
             then 'union all select s.* from meetlink.session s where s.wanted and s.starts_at is null
                   and not exists (select from meetlink.job j where j.session_id = s.id::text collate "default")' end);

    -- All that want one and are not over, with their jobs. The sessions are looked up one by one, from the jobs: a join
    -- would read the whole table. So what this costs depends on the jobs; that the inner and the outer order agree
    -- finds the first of many without looking the others up, and that the key is the job's finds one.
    -- Those that no trigger saw are looked for only while no daemon sweeps: otherwise that finds them within minutes.
    execute format($sql$
        create view meetlink.unlinked as
        (select j.starts_at as nearest, meetlink.session_key(j.session_id) as id, s.owner, s.provider, s.title, s.starts_at, s.ends_at,
                j.state, j.reason, j.detail, j.attempts, j.due_at, j.flagged_at
         from (select l.session_id, l.starts_at, l.state, l.reason, l.detail, l.attempts, l.due_at, l.flagged_at
               from meetlink.job l order by l.starts_at) j
         cross join lateral (select * from meetlink.session o where o.id = meetlink.session_key(j.session_id) offset 0) s
         where s.wanted and (s.starts_at > now() or s.starts_at is null
                             or s.starts_at > now() - %L::interval and meetlink.over_at(s.starts_at, s.ends_at) > now())
         order by j.starts_at)
        union all
        select u.starts_at, u.id, u.owner, u.provider, u.title, u.starts_at, u.ends_at, null, null, null, null, null, null
        from meetlink.unseen u
        where not (select meetlink.swept())$sql$, meetlink.longest_session());

    -- Where the jobs and the user's tables disagree, because no trigger saw a change.
    execute $sql$
        create view meetlink.drift as
        select 'missing' as kind, s.id::text as session_id, s.owner::text as owner_id, s.provider, s.starts_at, s.ends_at
        from meetlink.unseen s
        union all
        select case when s.id is null then 'unwanted' else 'moved' end, j.session_id,
               case when s.id is null then j.owner_id else s.owner::text end,
               case when s.id is null then j.provider else s.provider end,
               case when s.id is null then j.starts_at else s.starts_at end,
               case when s.id is null then j.ends_at else s.ends_at end
        from meetlink.job j left join meetlink.session s on s.id = meetlink.session_key(j.session_id) and s.wanted
        where s.id is null
           or (j.owner_id, j.provider, j.starts_at, j.ends_at)
              is distinct from (s.owner::text, s.provider, s.starts_at, s.ends_at)
        union all
        select 'reconnected', j.session_id, j.owner_id, j.provider, j.starts_at, j.ends_at
        from meetlink.job j
        join meetlink.reason r on r.code = j.reason and r.scope = 'connection'
        join meetlink.connection c on c.owner = meetlink.owner_key(j.owner_id) and c.provider = j.provider
        where j.state = 'blocked' and c.usable and c.print is distinct from j.connection_print
          and not exists (select from meetlink.provider_block b where b.provider = j.provider and b.reason = j.reason)
        $sql$;

    -- Who waits for a daemon waits for the operator when there is none. Asked once for all rows: a scalar subquery.
    execute meetlink.fill($sql$
        create view meetlink.stuck_sessions as
        select s.id as session_id, s.owner, s.provider, s.title, s.starts_at,
               floor(extract(epoch from s.starts_at - now()) / 60)::integer as minutes_to_start,
               coalesce(s.state, 'unseen') as state, s.reason, coalesce(r.title, 'Not tried yet') as problem, s.detail,
               case when s.state in ('blocked', 'gave_up') then r.acts
                    else coalesce(n.acts, case when s.state = 'waiting' then r.acts end, 'nobody') end as acts,
               case when s.state in ('blocked', 'gave_up') then r.advice
                    else coalesce(n.advice, case s.state when 'waiting' then r.advice when 'claimed' then 'Nothing: a daemon is making the link.' end,
                                  'Nothing: it is about to be tried.') end as advice,
               coalesce(s.attempts, 0) as attempts,
               case when s.state in ('due', 'waiting') then s.due_at end as next_try_at,
               s.flagged_at,
               c.account, c.status as connection_status, c.usable as connection_usable, c.expires_at < now() as token_expired
        from meetlink.unlinked s
        left join meetlink.reason r on r.code = s.reason
        cross join (
            select (select o.acts from meetlink.reason o where o.code = 'no_daemon' and not meetlink.daemon_alive()) as acts,
                   (select o.advice from meetlink.reason o where o.code = 'no_daemon' and not meetlink.daemon_alive()) as advice) n
        {connection}
        order by s.nearest
        $sql$, jsonb_build_object('connection', connection));
    comment on view meetlink.stuck_sessions is
        'Every session that should have a link and has none: why, who must act, what to do, and when it is tried again.';

    -- What is foreseeable of sessions that have no link yet: null reason means nothing speaks against it.
    execute meetlink.fill($sql$
        create view meetlink.outlook as
        with blocked as (
            select l.owner_id, l.provider, min(l.reason) filter (where r.scope = 'connection') as of_connection,
                   min(l.reason) filter (where r.scope = 'provider') as of_provider
            from meetlink.job l join meetlink.reason r on r.code = l.reason
            where l.state = 'blocked' and r.scope <> 'session'
            group by l.owner_id, l.provider)
        select * from (
            select s.id::text as session_id, s.owner::text as owner, s.provider, s.starts_at,
                   case when s.provider is null or s.provider not in ('google_meet', 'zoom') then 'unknown_provider'
                        when s.ends_at is null or s.ends_at <= s.starts_at then 'invalid_schedule'
                        when c.owner is null then 'no_connection'
                        when not c.usable then coalesce(k.code, 'connection_inactive')
                        when coalesce(c.refresh_token, '') = '' and (c.expires_at is null or c.expires_at < s.starts_at) then 'token_missing'
                        -- until it has been idle for so long, a daemon uses it once more
                        when d.dies_at < now() or t.told and d.dies_at < s.starts_at then 'grant_revoked'
                        else coalesce(case when s.state = 'blocked' then s.reason end, l.of_connection, f.foreseen, b.reason, p.reason,
                                      (select 'no_daemon' where not meetlink.daemon_alive()),
                                      case when s.provider <> all (v.served) then 'provider_not_configured' end) end as reason
            from meetlink.unlinked s
            {connection}
            {refresh}
            -- what stopped another session of this connection, or of this provider, will stop this one
            left join blocked l on l.owner_id = s.owner::text and l.provider = s.provider
            left join meetlink.provider_block b on b.provider = s.provider
            left join (
                select a.provider, min(a.of_provider) as reason
                from blocked a group by a.provider) p on p.provider = s.provider
            cross join (select (select meetlink.served_providers()) as served) v
            where s.starts_at > now()) o
        where o.reason is not null
        $sql$, jsonb_build_object('connection', connection, 'refresh', meetlink.join_refresh()));
end
$$;
