-- Gateway: what the HTTP server asks for, logged in as a member of meetlink_gateway. Single retries call
-- public.retry_meeting_link under the caller's own role; the bulk form is here.

-- The roles under which an HTTP caller may be served, whatever else the login's memberships allow: those of
-- grant_to, and operators. `anything`: it may retry any session (as meetlink.retry decides for itself).
create function meetlink.request_roles() returns table (role text, anything boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select r.rolname::text, r.rolbypassrls or pg_has_role(r.oid, 'meetlink_operator', 'usage')
    from pg_roles r
    where not r.rolsuper
      and (r.rolname = 'meetlink_operator'
           or r.rolname in (select jsonb_array_elements_text(a.mapping -> 'grant_to') from meetlink.attachment a))
$$;

-- Asks for every upcoming session that has no link. Runs as an operator, who may read the views; `seen` is
-- the newest attempt before, `daemon` whether there is anybody to carry it out.
create function meetlink.request_missing(out session_ids text[], out seen bigint, out daemon boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
begin
    seen := meetlink.newest_attempt();
    perform meetlink.request_retry(u.id::text, u.owner::text, u.provider, u.starts_at, u.ends_at)
    from meetlink.unseen u where not (select meetlink.swept());
    session_ids := array(select s.session_id::text from meetlink.stuck_sessions s order by s.starts_at);
    perform meetlink.retry_stuck();
    daemon := meetlink.daemon_alive();
end
$$;

create function meetlink.newest_attempt() returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select coalesce(max(a.id), 0) from meetlink.attempt a
$$;

-- What has become of sessions since attempt `seen`: those that are settled, each with the answer that
-- meetlink.retry would give. Runs as an operator.
create function meetlink.outcomes(session_ids text[], seen bigint) returns table (session_id text, answer jsonb)
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select i.id, meetlink.answer(i.id, case when s.id is not null
                                            then jsonb_build_object('join_url', s.join_url, 'wanted', s.wanted, 'status', s.status) end,
                                 j.job, s.join_url is not null)
    from unnest(session_ids) i(id)
    left join meetlink.session s on s.id = meetlink.session_key(i.id)
    cross join lateral meetlink.job_state(i.id) j
    where s.id is null or s.join_url is not null or not s.wanted
       or (j.seen > outcomes.seen and j.job ->> 'state' not in ('due', 'claimed'))
$$;

-- For /metrics.
create function meetlink.job_counts() returns table (state text, reason text, jobs bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select j.state, coalesce(j.reason, ''), count(*) from meetlink.job j group by 1, 2
$$;
