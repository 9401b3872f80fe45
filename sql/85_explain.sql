-- Explain: the story of one session's link, in plain words, a verdict first. Runs as the caller, who may
-- read the views (meetlink_operator); the job is read by a function of its own.

create function meetlink.explain(id text) returns table (at timestamptz, event text, description text)
language plpgsql stable set search_path = pg_catalog, pg_temp as
$$
declare
    key text := meetlink.own_key(id);
    session record;  -- not meetlink.session: that type is made anew by every attach
    job meetlink.job;
    reason meetlink.reason;
    a record;
begin
    select * into session from meetlink.session s where s.id = meetlink.session_key(key);
    select * into job from meetlink.job_of(key);
    select * into reason from meetlink.reason r where r.code = job.reason;

    at := clock_timestamp();
    event := 'verdict';
    description := case
        when id is null then 'The key of a session is missing.'
        when key is null then format('"%s" cannot be the key of a session.', id)
        when session.id is null then 'There is no such session.'
        when session.join_url is not null then 'The session has its link; nothing is to be done.'
        when not session.wanted then format('The session needs no link, because its status is %s.', coalesce(session.status, 'unknown'))
        when job.session_id is null and meetlink.over_at(session.starts_at, session.ends_at) < at
            then 'The session is over and has no link; no attempt is under way.'
        when job.session_id is null
            then 'No job was flagged for this session: a trigger was disabled, or it was loaded without triggers. The next sweep of a running daemon finds it.'
        when job.state = 'claimed' then 'A daemon is making the link right now.'
        when job.state = 'due' and not meetlink.daemon_alive()
            then 'It is due, but no daemon is running. The operator must start meetlinkd.'
        when job.state = 'due' then 'It is due, and a daemon is about to take it.'
        when job.state = 'waiting'
            then format('%s. It is tried again at %s. %s', reason.title, meetlink.utc(job.due_at), reason.advice)
        else format('%s. Who must act: %s. %s', reason.title, reason.acts, reason.advice) end;
    return next;
    if session.id is null then
        return;
    end if;

    at := coalesce(job.flagged_at,
                   -- the job is gone once there is a link, which tells how long it had been flagged
                   (select t.finished_at - (t.timings ->> 'age_ms')::double precision * interval '1 ms' from meetlink.attempt t
                    where t.session_id = key and t.timings ? 'age_ms' order by t.id desc limit 1));
    if at is not null then
        event := 'flagged';
        description := 'The session was seen to need a link, and a job was recorded.';
        return next;
    end if;

    for a in
        select t.*, lag(t.outcome) over (order by t.id) as outcome_before, lag(t.next_at) over (order by t.id) as next_before
        from meetlink.attempt t where t.session_id = key order by t.id
    loop
        if a.outcome_before in ('failed', 'rescued') and a.outcome <> 'cancelled' then
            at := least(a.next_before, a.started_at);
            event := 'woken';
            description := case when a.next_before <= a.started_at then 'Its time had come.'
                                else 'It was due again before, by a retry, a reconnect or the operator''s mending.' end;
            return next;
        end if;
        at := a.started_at;
        event := 'claimed';
        description := format('Attempt %s was taken by daemon %s.', a.attempt, a.daemon);
        return next;
        if (a.timings ->> 'token_ms')::numeric > 0 then
            at := a.started_at + (a.timings ->> 'token_ms')::numeric * interval '1 ms';
            event := 'token';
            description := format('The connection''s access token was at hand or refreshed, after %s ms.', meetlink.ms(a.timings, 'token_ms'));
            return next;
        end if;
        if a.http_status is not null or (a.timings ->> 'http_ms')::numeric > 0 then
            at := a.finished_at;
            event := 'http';
            description := concat('The provider ', coalesce('answered HTTP ' || a.http_status, 'was asked'),
                                  '; the last request took ' || meetlink.ms(a.timings, 'http_ms') || ' ms'
                                  || coalesce(' (' || nullif(concat_ws(', ',
                                         'name ' || meetlink.ms(a.timings, 'dns_ms'), 'connection ' || meetlink.ms(a.timings, 'connect_ms'),
                                         'TLS ' || meetlink.ms(a.timings, 'tls_ms'), 'first byte ' || meetlink.ms(a.timings, 'first_byte_ms')), '') || ')', ''), '.');
            return next;
        end if;
        at := a.finished_at;
        event := a.outcome;
        description := case a.outcome
            when 'linked' then 'The meeting was created and its link stored' || coalesce('; ' || a.detail, '') || '.'
            when 'adopted' then 'An earlier attempt turned out to have created the meeting; its link was stored' || coalesce('; ' || a.detail, '') || '.'
            when 'released' then 'The daemon was stopping and gave the session back.'
            when 'lost' then 'The session or the claim was gone when the outcome came, so nothing was stored.'
            when 'cancelled' then format('A meeting that the session does not use (%s) was cancelled at the provider.', a.external_id)
            else coalesce((select r.title from meetlink.reason r where r.code = a.reason), a.reason)
                 || format(' (at stage %s%s).', a.stage, coalesce(', HTTP ' || a.http_status, ''))
                 || coalesce(' ' || a.detail, '') end
            || coalesce(' It took ' || meetlink.ms(a.timings, 'attempt_ms') || ' ms.', '')
            || coalesce(' Next try: ' || meetlink.utc(a.next_at) || '.', '');
        return next;
    end loop;

    if job.state = 'claimed' then
        at := clock_timestamp();
        event := 'claimed';
        description := format('Attempt %s is under way at daemon %s, whose lease runs until %s.',
                              job.attempts, meetlink.daemon_name(job.claimed_by), meetlink.utc(job.lease_until));
        return next;
    elsif job.state = 'due' and job.attempts > 0 then
        at := job.due_at;
        event := 'woken';
        description := 'It is due again: by a retry, a reconnect, or because its time has come.';
        return next;
    elsif job.state = 'blocked' and a.reason is distinct from job.reason then
        at := meetlink.blocked_at(job);
        event := 'blocked';
        description := format('%s (at stage %s), which another session ran into.', reason.title, job.stage) || coalesce(' ' || job.detail, '');
        return next;
    elsif job.state = 'waiting' then
        at := job.due_at;
        event := 'next try';
        description := format('Attempt %s is made then, or before by a retry.', job.attempts + 1);
        return next;
    end if;

    if session.linked_at is not null and session.join_url is not null
       and not exists (select from meetlink.attempt t where t.session_id = key and t.outcome in ('linked', 'adopted')) then
        at := session.linked_at;
        event := 'link';
        description := 'The session''s link was written, by somebody else than meetlink.';
        return next;
    end if;
end
$$;

create function meetlink.explain(session_uuid uuid) returns table (at timestamptz, event text, description text)
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select * from meetlink.explain(session_uuid::text)
$$;

create function meetlink.explain(session_bigint bigint) returns table (at timestamptz, event text, description text)
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select * from meetlink.explain(session_bigint::text)
$$;

comment on function meetlink.explain(text) is
    'The story of one session''s link in plain words: first a verdict with the next step, then every event in order.';

create function meetlink.utc(at timestamptz) returns text
language sql immutable set search_path = pg_catalog, pg_temp as
$$
    select to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC'
$$;

-- Null where no time was taken: a connection that was open already.
create function meetlink.ms(timings jsonb, key text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as
$$
    select nullif(round((timings ->> key)::numeric, 1), 0)::text
$$;

create function meetlink.daemon_name(daemon_id bigint) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select coalesce((select d.name from meetlink.daemon d where d.id = daemon_id), 'unknown')
$$;

-- The key as the job table knows it; null if it cannot be one.
create function meetlink.own_key(id text) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select t.key from meetlink.retry_target(id) t
$$;

-- When a job was blocked by what another session ran into: its provider's block, or the refresh of its connection.
create function meetlink.blocked_at(job meetlink.job) returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select coalesce((select b.since from meetlink.provider_block b where b.provider = job.provider and b.reason = job.reason),
                    (select f.last_at from meetlink.refresh f
                     where f.owner_id = job.owner_id and f.provider = job.provider and f.last_reason = job.reason),
                    job.flagged_at)
$$;

create function meetlink.job_of(session_id text) returns meetlink.job
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select j from meetlink.job j where j.session_id = job_of.session_id
$$;

-- Forecast: upcoming sessions that will fail as things stand, before any attempt is made.
create function meetlink.forecast(within interval default '7 days')
returns table (session_id text, owner text, provider text, starts_at timestamptz, reason text, problem text, acts text, advice text)
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select o.session_id, o.owner, o.provider, o.starts_at, o.reason, r.title, r.acts, r.advice
    from meetlink.outlook o join meetlink.reason r on r.code = o.reason
    where o.starts_at < now() + within
    order by o.starts_at
$$;

comment on function meetlink.forecast(interval) is
    'Sessions that start within the interval and will get no link as things stand: why, and who must act before that.';
