-- The console's side: what operators see over HTTP (README "HTTP"). Everything is one jsonb value. Functions that read
-- private tables are SECURITY DEFINER and touch nothing else; those that read the views run as the operator. Every list is
-- paged by key: a cursor is the place of the last row.

-- One pass over the jobs of sessions that are not over. A job that is due or claimed is pending, whatever it failed with before.
create function meetlink.console_counts() returns table (state text, reason text, sessions bigint, nearest timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select j.state, case when j.state in ('due', 'claimed') then 'pending' else j.reason end, count(*), min(j.starts_at)
    from meetlink.job j
    where meetlink.over_at(j.starts_at, j.ends_at) > now()
    group by 1, 2
$$;

create function meetlink.console_daemons() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select coalesce(jsonb_agg(jsonb_build_object(
        'name', d.name, 'version', d.version, 'started_at', meetlink.iso(d.started_at), 'heartbeat_at', meetlink.iso(d.heartbeat_at),
        'alive', d.heartbeat_at > clock_timestamp() - interval '30 seconds', 'in_flight', d.in_flight)
        order by d.heartbeat_at > clock_timestamp() - interval '30 seconds' desc, d.name, d.started_at desc), '[]')
    from meetlink.daemon d
    where d.heartbeat_at > clock_timestamp() - interval '1 day'
$$;

create function meetlink.console_overview() returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as
$$
    with counts as materialized (select * from meetlink.console_counts())
    select jsonb_build_object(
        'now', meetlink.iso(clock_timestamp()),
        'totals', (select jsonb_build_object(
                'stuck', coalesce(sum(c.sessions), 0),
                'due', coalesce(sum(c.sessions) filter (where c.state in ('due', 'claimed')), 0),
                'waiting', coalesce(sum(c.sessions) filter (where c.state = 'waiting'), 0),
                'blocked', coalesce(sum(c.sessions) filter (where c.state = 'blocked'), 0),
                'gave_up', coalesce(sum(c.sessions) filter (where c.state = 'gave_up'), 0),
                'linked_last_hour', (select count(*) from meetlink.attempt a
                                     where a.finished_at > now() - interval '1 hour' and a.outcome in ('linked', 'adopted')))
            from counts c),
        'groups', (select coalesce(jsonb_agg(jsonb_build_object(
                'reason', g.reason, 'problem', coalesce(r.title, 'Not tried yet'), 'acts', coalesce(r.acts, 'nobody'),
                'advice', coalesce(r.advice, 'Nothing: it is about to be tried.'), 'sessions', g.sessions,
                'nearest_start', meetlink.iso(g.nearest)) order by g.nearest, g.reason), '[]')
            from (select c.reason, sum(c.sessions) as sessions, min(c.nearest) as nearest from counts c group by c.reason) g
            left join meetlink.reason r on r.code = g.reason),
        'health', (select jsonb_agg(jsonb_build_object('check_name', h.check_name, 'status', h.status, 'detail', h.detail, 'hint', h.hint)
                                    order by h.place)
                   from meetlink.health() with ordinality h(check_name, status, detail, hint, place)),
        'daemons', meetlink.console_daemons())
$$;

-- Keys of the next `size` jobs, nearest start first; no start comes last.
create function meetlink.console_keys(reason text, after_start timestamptz, after_id text, size integer)
returns table (session_id text, starts_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select j.session_id, coalesce(j.starts_at, 'infinity')
    from meetlink.job j
    where meetlink.over_at(j.starts_at, j.ends_at) > now()
      and (console_keys.reason is null or case when j.state in ('due', 'claimed') then 'pending' else j.reason end = console_keys.reason)
      and (after_id is null or (coalesce(j.starts_at, 'infinity'), j.session_id) > (after_start, after_id))
    order by 2, 1 limit size
$$;

-- Rows of meetlink.stuck_sessions. Keys come from the jobs, whose reason is known there: only one page is joined.
-- `after`: "<microseconds of the start, or infinity> <id>".
create function meetlink.console_stuck(reason text, size integer, after text) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as
$$
    with place as materialized (
        select case when after like 'infinity %' then timestamptz 'infinity'
                    else timestamptz 'epoch' + split_part(after, ' ', 1)::bigint * interval '1 microsecond' end as starts_at,
               substr(after, strpos(after, ' ') + 1) as id
    ), keys as materialized (
        select k.*, row_number() over (order by k.starts_at, k.session_id) as n
        from place p cross join lateral meetlink.console_keys(console_stuck.reason, p.starts_at, p.id, size + 1) k
    )
    select jsonb_build_object(
        'sessions', coalesce((
            select jsonb_agg(to_jsonb(s) || jsonb_build_object(
                       'session_id', s.session_id::text, 'owner', s.owner::text,
                       'starts_at', meetlink.iso(s.starts_at), 'next_try_at', meetlink.iso(s.next_try_at),
                       'flagged_at', meetlink.iso(s.flagged_at)) order by k.n)
            from keys k join meetlink.stuck_sessions s on s.session_id = meetlink.session_key(k.session_id)
            where k.n <= size
              and s.session_id = any (array(select meetlink.session_key(o.session_id) from keys o where o.n <= size))), '[]'),
        'next', (select case when k.starts_at = 'infinity' then 'infinity'
                             else (extract(epoch from k.starts_at) * 1000000)::bigint::text end || ' ' || k.session_id
                 from keys k
                 where k.n = size and exists (select from keys m where m.n > size)))
$$;

-- Rows of meetlink.connection_health, what hurts soonest first. `after`: "<microseconds, or infinity> <provider> <owner>".
create function meetlink.console_connections(size integer, after text) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as
$$
    with page as materialized (
        select h.*, coalesce(h.hurts_at, 'infinity') as place, h.owner::text as owner_id,
               row_number() over (order by coalesce(h.hurts_at, 'infinity'), h.provider, h.owner::text) as n
        from meetlink.connection_health h
        where after is null
           or (coalesce(h.hurts_at, 'infinity'), h.provider, h.owner::text)
              > (case when after like 'infinity %' then timestamptz 'infinity'
                      else timestamptz 'epoch' + split_part(after, ' ', 1)::bigint * interval '1 microsecond' end,
                 split_part(after, ' ', 2), substr(after, strpos(after, ' ') + strpos(substr(after, strpos(after, ' ') + 1), ' ') + 1))
        order by coalesce(h.hurts_at, 'infinity'), h.provider, h.owner::text
        limit size + 1
    )
    select jsonb_build_object(
        'connections', coalesce((
            select jsonb_agg(to_jsonb(p) - 'place' - 'owner_id' - 'n' || jsonb_build_object(
                       'owner', p.owner_id,
                       'access_token_expires_at', meetlink.iso(p.access_token_expires_at),
                       'refresh_token_expires_at', meetlink.iso(p.refresh_token_expires_at),
                       'last_refresh_at', meetlink.iso(p.last_refresh_at), 'next_session_at', meetlink.iso(p.next_session_at),
                       'hurts_at', meetlink.iso(p.hurts_at)) order by p.n)
            from page p where p.n <= size), '[]'),
        'next', (select case when p.place = 'infinity' then 'infinity' else (extract(epoch from p.place) * 1000000)::bigint::text end
                        || ' ' || p.provider || ' ' || p.owner_id
                 from page p
                 where p.n = size and exists (select from page m where m.n > size)))
$$;

-- Links made, failures, time to link and backlog of the last hour, in minutes, or day, in quarters of an hour. A link's
-- timings.age_ms says how long its session had been flagged; so the backlog at a bucket's end is what was flagged before it, jobs
-- that are there now and links that were made later.
create function meetlink.console_charts(span text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as
$$
declare
    step interval := case span when 'hour' then interval '1 minute' when 'day' then interval '15 minutes' end;
    steps integer := case span when 'hour' then 60 when 'day' then 96 end;
    step_s double precision := extract(epoch from step);
    since timestamptz;
begin
    if step is null then
        raise exception 'span "%" is neither hour nor day', span using errcode = 'invalid_parameter_value';
    end if;
    since := date_bin(step, clock_timestamp(), 'epoch') - (steps - 1) * step;
    return (
        with ended as materialized (
            select floor(extract(epoch from a.finished_at - since) / step_s)::integer as n, a.outcome = 'failed' as failed, a.reason,
                   (a.timings ->> 'age_ms')::double precision as age_ms,
                   greatest(floor(extract(epoch from a.finished_at - (a.timings ->> 'age_ms')::double precision * interval '1 ms' - since)
                                  / step_s), 0)::integer as flagged
            from meetlink.attempt a
            where a.finished_at >= since and a.outcome in ('linked', 'adopted', 'failed')
        ), linked as (
            select e.n, count(*) as linked, percentile_disc(array[0.5, 0.99]) within group (order by e.age_ms) as quantiles
            from ended e where not e.failed group by e.n
        ), failed as (
            select f.n, jsonb_object_agg(f.reason, f.times) as reasons
            from (select e.n, e.reason, count(*) as times from ended e where e.failed group by 1, 2) f group by f.n
        ), change as (
            select c.n, sum(c.change) as change
            from (select greatest(floor(extract(epoch from j.flagged_at - since) / step_s), 0)::integer as n, count(*) as change
                  from meetlink.job j where meetlink.over_at(j.starts_at, j.ends_at) > now() group by 1
                  union all select e.flagged, count(*) from ended e where not e.failed and e.age_ms is not null group by 1
                  union all select e.n, -count(*) from ended e where not e.failed and e.age_ms is not null group by 1) c
            group by c.n
        )
        select jsonb_build_object(
            'span', span, 'bucket_s', step_s,
            'buckets', jsonb_agg(jsonb_build_object(
                'at', meetlink.iso(since + b.n * step), 'linked', coalesce(b.linked, 0), 'failed', coalesce(b.reasons, '{}'),
                'p50_ms', round(b.quantiles[1]::numeric), 'p99_ms', round(b.quantiles[2]::numeric), 'backlog', b.backlog) order by b.n))
        from (select i.n, l.linked, l.quantiles, f.reasons, coalesce(sum(c.change) over (order by i.n), 0) as backlog
              from generate_series(0, steps - 1) i(n)
              left join linked l using (n) left join failed f using (n) left join change c using (n)) b);
end
$$;
