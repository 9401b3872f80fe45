-- The pages' side: what the HTTP API tells of sessions (README "HTTP"). Two steps in one snapshot. First the
-- caller's own role asks the application's table, under its row-level security, with a statement written here: that
-- decides what he may see. Then those rows, and no others, are completed from the private tables by functions that
-- only operators may call: no end user can hand them an id.

-- Statements for the caller's role; `anything`: for operators, who read the view. Each answers one jsonb array.
--   list: $1 size, $2 phase (0 upcoming, 1 past), $3 the time that parts them, $4 and $5 start and id after which to
--         go on (null: from the beginning). Upcoming sessions by start, then past ones, the latest first; up to $1 of each.
--   find: $1 ids, in normal form.
-- Times are microseconds since 1970. Operators are qualified: nothing of the caller's path counts.
create function meetlink.session_queries(anything boolean, out list text, out find text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as
$$
declare
    attached meetlink.attachment := meetlink.require_attachment();
    names jsonb;
begin
    names := jsonb_build_object(
        -- the view's own text, so that it is read with the rights of whoever runs it
        'source', case when anything then 'meetlink.session'
                       else '(' || rtrim(pg_get_viewdef('meetlink.session'::regclass), ';') || ')' end,
        'key', case meetlink.column_type(attached.sessions::regclass, attached.mapping #>> '{session,id}')
                   when 'bigint' then 'pg_catalog.int8' when 'integer' then 'pg_catalog.int4'
                   when 'uuid' then 'pg_catalog.uuid' else 'pg_catalog.text' end,
        'at', $sql$(timestamptz 'epoch' operator(pg_catalog.+) ($3::pg_catalog.int8 operator(pg_catalog.*) interval '1 microsecond'))$sql$,
        'after', $sql$(timestamptz 'epoch' operator(pg_catalog.+) ($4::pg_catalog.int8 operator(pg_catalog.*) interval '1 microsecond'))$sql$,
        -- as meetlink.over_at, which end users may not call
        'over_at', $sql$least(coalesce(case when s.ends_at operator(pg_catalog.>) s.starts_at then s.ends_at end,
                                       s.starts_at operator(pg_catalog.+) interval '1 hour'),
                              s.starts_at operator(pg_catalog.+) interval '7 days')$sql$,
        'object', $sql$pg_catalog.jsonb_build_object(
                'session_id', s.id::pg_catalog.text, 'owner', s.owner::pg_catalog.text, 'provider', s.provider,
                'title', s.title, 'status', s.status, 'wanted', s.wanted, 'join_url', s.join_url,
                'starts_at', s.starts_at, 'ends_at', s.ends_at)$sql$);
    list := meetlink.fill($sql$
        select coalesce(pg_catalog.jsonb_agg(page.session order by page.place), '[]')::pg_catalog.text as sessions
        from (
            (select {object} as session, pg_catalog.row_number() over (order by s.starts_at, s.id) as place
             from {source} s
             where $2::pg_catalog.int4 operator(pg_catalog.=) 0 and pg_catalog.isfinite(s.starts_at)
               and s.starts_at operator(pg_catalog.>) ({at} operator(pg_catalog.-) interval '7 days')
               and {over_at} operator(pg_catalog.>) {at}
               and ($4::pg_catalog.int8 is null or s.starts_at operator(pg_catalog.>) {after}
                    or s.starts_at operator(pg_catalog.=) {after} and s.id operator(pg_catalog.>) $5::{key})
             order by s.starts_at, s.id limit $1::pg_catalog.int4)
            union all
            (select {object} operator(pg_catalog.||) '{"past": true}'::pg_catalog.jsonb,
                    1000000000 operator(pg_catalog.+) pg_catalog.row_number() over (order by s.starts_at desc, s.id desc)
             from {source} s
             where pg_catalog.isfinite(s.starts_at) and s.starts_at operator(pg_catalog.<=) {at}
               and {over_at} operator(pg_catalog.<=) {at}
               and ($2::pg_catalog.int4 operator(pg_catalog.=) 0 or s.starts_at operator(pg_catalog.<) {after}
                    or s.starts_at operator(pg_catalog.=) {after} and s.id operator(pg_catalog.<) $5::{key})
             order by s.starts_at desc, s.id desc limit $1::pg_catalog.int4)) page
        $sql$, names);
    find := meetlink.fill($sql$
        select coalesce(pg_catalog.jsonb_agg({object}), '[]')::pg_catalog.text as sessions
        from {source} s
        where s.id operator(pg_catalog.=) any ($1::pg_catalog.text[]::{key}[])
        $sql$, names);
end
$$;

-- Ids as the job table knows them, without those that cannot be keys; nor more than `most`.
create function meetlink.normal_keys(ids text[], most integer) returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select coalesce(array_agg(distinct k.key), '{}')
    from meetlink.attachment a
    cross join unnest(ids[:most]) i(id)
    cross join lateral (
        select meetlink.normal_key(i.id, meetlink.column_type(a.sessions::regclass, a.mapping #>> '{session,id}')) as key) k
    where k.key is not null
$$;

-- ISO 8601 in UTC, as the API writes every time; null of an infinite one.
create function meetlink.iso(at timestamptz) returns text
language sql immutable set search_path = pg_catalog, pg_temp as
$$
    select case when isfinite(at) then to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') end
$$;

-- One session for the API, from what its caller sees of it. `asker`: the subject of the caller's token. Why there is no link
-- is for its owner and for operators; another participant is told no more than that.
create function meetlink.session_object(visible jsonb, asker text, operator boolean) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as
$$
declare
    id text := visible ->> 'session_id';
    job jsonb := (select s.job from meetlink.job_state(id) s);
    answer jsonb := meetlink.answer(id, visible, job);
    role text := case when operator then 'operator' when visible ->> 'owner' = asker then 'owner' else 'participant' end;
    is_over boolean := coalesce(meetlink.over_at((visible ->> 'starts_at')::timestamptz, (visible ->> 'ends_at')::timestamptz) <= now(), false);
    linked boolean := visible ->> 'join_url' is not null;
    wanted boolean := (visible ->> 'wanted')::boolean;
    state text;
    told jsonb;
begin
    state := case
        when linked then case when is_over then 'ended' else 'ready' end
        when not wanted then case when is_over then 'ended' else 'cancelled' end
        when job ->> 'state' in ('blocked', 'gave_up') then 'failed'
        when is_over then 'ended'
        when job ->> 'state' = 'waiting' then 'waiting'
        else 'making' end;
    told := case when role = 'participant' then '{}' else jsonb_build_object(
        'details', answer -> 'details', 'reason', nullif(answer ->> 'reason', 'not_schedulable'),
        'problem', job #> '{reason,title}', 'action', answer -> 'action', 'acts', job #> '{reason,acts}',
        'advice', job #> '{reason,advice}', 'attempts', coalesce(job -> 'attempts', '0'),
        'error', case when state in ('waiting', 'failed') then answer ->> 'error' end) end;
    return jsonb_build_object(
               'error', null, 'details', null, 'reason', null, 'problem', null, 'action', null, 'acts', null,
               'advice', null, 'attempts', null)
        || jsonb_build_object(
               'session_id', id, 'title', visible -> 'title', 'provider', visible -> 'provider',
               'starts_at', meetlink.iso((visible ->> 'starts_at')::timestamptz),
               'ends_at', meetlink.iso((visible ->> 'ends_at')::timestamptz),
               'role', role, 'state', state, 'join_url', visible -> 'join_url',
               'retry_at', case when state = 'waiting' then job -> 'retry_at' end,
               'message', case
                   when state = 'ended' then 'The session is over'
                   when state = 'ready' then 'The meeting link is ready'
                   when state = 'cancelled' then 'The session is not scheduled'
                   when state = 'making' then 'The meeting link is being generated'
                   when role = 'participant' then 'The meeting link is not ready yet'
                   else answer ->> 'message' end)
        || told;
end
$$;

-- A page of `size` from what list has found, which is asked for one more: `next` is where to go on.
create function meetlink.session_page(visible jsonb, asker text, operator boolean, size integer, at_us bigint) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select jsonb_build_object(
        'sessions', coalesce((select jsonb_agg(meetlink.session_object(v.session, asker, operator) order by v.place)
                              from jsonb_array_elements(visible) with ordinality v(session, place) where v.place <= size), '[]'),
        'next', case when jsonb_array_length(visible) > size then
                    concat_ws(' ', case when last.session ? 'past' then 1 else 0 end, at_us,
                              (extract(epoch from (last.session ->> 'starts_at')::timestamptz) * 1000000)::bigint,
                              last.session ->> 'session_id') end)
    from (select visible -> (size - 1) as session) last
$$;

-- A session with its story and its owner's connection, which are for its owner and for operators.
create function meetlink.session_detail(visible jsonb, asker text, operator boolean) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select o.object || case when o.object ->> 'role' = 'participant' then '{"history": [], "connection": null}'
        else jsonb_build_object('history', meetlink.timeline(visible ->> 'session_id'),
                                'connection', meetlink.connection_object(visible ->> 'owner', visible ->> 'provider')) end
    from (select meetlink.session_object(visible, asker, operator) as object) o
$$;

-- meetlink.explain as JSON.
create function meetlink.timeline(session_id text) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select coalesce(jsonb_agg(jsonb_build_object('at', meetlink.iso(e.at), 'event', e.event, 'description', e.description) order by e.place), '[]')
    from meetlink.explain(timeline.session_id) with ordinality e(at, event, description, place)
$$;

-- The connection that a session of this owner uses, the usable one of several; null if there is none.
create function meetlink.connection_object(owner_id text, provider text) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select jsonb_build_object(
        'owner', c.owner::text, 'provider', c.provider, 'account', c.account,
        'status', coalesce(c.status, case when c.usable then 'connected' else 'disconnected' end),
        'works_until', case when c.usable then meetlink.iso(coalesce(c.refresh_token_expires_at, c.access_token_expires_at)) end,
        'reason', c.reason, 'problem', r.title, 'acts', c.acts, 'advice', c.advice)
    from meetlink.connection_health c left join meetlink.reason r on r.code = c.reason
    where c.owner = meetlink.owner_key(connection_object.owner_id) and c.provider = connection_object.provider
    order by c.usable desc limit 1
$$;
