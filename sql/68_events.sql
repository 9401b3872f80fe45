-- Events: how open pages hear that a session's state is another (README "HTTP", GET /api/events). Settling names its
-- sessions in a notification, but only while a daemon has readers: a NOTIFY takes a lock that commits wait for. What
-- is settled by nobody, like a link typed in by hand, shows in the marks, which daemons with readers compare.

create table meetlink.readers (
    only_one boolean primary key default true check (only_one),
    until    timestamptz not null
);

comment on table meetlink.readers is 'Until when some daemon has readers of event streams (private).';
revoke all on meetlink.readers from public;

-- Run as the daemon: for this long, settling is to name its sessions.
create function meetlink.expect_readers(duration interval) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    insert into meetlink.readers as r (until) values (clock_timestamp() + duration)
    on conflict (only_one) do update set until = greatest(r.until, excluded.until)
$$;

-- Part of settling. Payloads are limited to 8,000 bytes: up to 100 sessions each, or "*" for keys that are too long.
create function meetlink.tell_readers(outcomes jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
begin
    if exists (select from meetlink.readers r where r.until > clock_timestamp()) then
        perform pg_notify('meetlink_events', case when octet_length(named.ids) < 7900 then named.ids else '*' end)
        from (select jsonb_agg(o.outcome ->> 'session_id')::text as ids
              from jsonb_array_elements(outcomes) with ordinality o(outcome, n)
              group by (o.n - 1) / 100) named;
    end if;
end
$$;

-- 24 bits of a digest of what the API tells of each session. Runs as the daemon.
create function meetlink.session_marks(ids text[]) returns table (session_id text, mark integer)
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select i.id, (hashtextextended(row(s.owner, s.provider, s.title, s.status, s.wanted, s.join_url, s.starts_at, s.ends_at, j.mark)::text, 0)
                  & 16777215)::integer
    from unnest(ids) i(id)
    left join meetlink.session s on s.id = meetlink.session_key(i.id)
    left join meetlink.job_marks(ids) j on j.session_id = i.id
$$;

-- A job that is about to be tried looks the same as one that is being tried.
create function meetlink.job_marks(ids text[]) returns table (session_id text, mark text)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select j.session_id, case when j.state in ('due', 'claimed') then 'making'
                              else row(j.state, j.reason, j.detail, j.attempts, j.due_at)::text end
    from meetlink.job j where j.session_id = any (ids)
$$;

-- Another number whenever jobs or attempts have changed: the server's own count, which a transaction adds to within a second.
create function meetlink.console_mark() returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select sum(pg_stat_get_tuples_inserted(t.oid) + pg_stat_get_tuples_updated(t.oid) + pg_stat_get_tuples_deleted(t.oid))::bigint
    from (values ('meetlink.job'::regclass::oid), ('meetlink.attempt'::regclass::oid)) t(oid)
$$;
