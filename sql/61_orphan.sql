-- Orphans: meetings at a provider that no session wants (any more), and that are to be cancelled there.
-- A link was typed in or the session cancelled while its meeting was being made; a daemon died with a
-- create under way whose session went away; somebody made two. Any daemon takes them, a lease at a time.
--
-- No meeting that a session uses is ever cancelled. A session that wants a link again is faster than its
-- orphan: its job is claimed only while the orphan is not (meetlink.claim_jobs), then looks for the meeting
-- and adopts it; and right before it deletes a meeting, the daemon asks meetlink.may_cancel, which says no as soon as
-- there is a job. So the two cannot pass each other: whoever commits first is seen by the other.

create table meetlink.orphan (
    id            bigint generated always as identity primary key,
    session_id    text not null,
    owner_id      text not null,
    provider      text not null,
    starts_at     timestamptz,
    generation    integer not null default 0,
    claim_id      bigint,
    external_id   text,
    found_at      timestamptz not null default clock_timestamp(),
    due_at        timestamptz default clock_timestamp(),
    attempts      integer not null default 0,
    fence         bigint,
    lease_until   timestamptz,
    reason        text references meetlink.reason (code),
    http_status   integer,
    provider_code text,
    detail        text,
    constraint orphan_reason check (due_at is not null or reason is not null)
);

create index orphan_due on meetlink.orphan (due_at) where due_at is not null;
create index orphan_session on meetlink.orphan (session_id text_pattern_ops);

comment on table meetlink.orphan is
    'Meetings that no session wants and that are to be cancelled at the provider; gone when that is done.';
comment on column meetlink.orphan.claim_id is 'The claim under which it was, or may have been, made.';
comment on column meetlink.orphan.external_id is
    'The provider''s id of the meeting; null: nobody knows whether there is one, so it is searched for by the session''s mark.';
comment on column meetlink.orphan.due_at is 'Time of the next try, or the end of the lease; null: given up, see reason and detail.';

revoke all on meetlink.orphan from public;
select pg_catalog.pg_extension_config_dump('meetlink.orphan', '');
select pg_catalog.pg_extension_config_dump('meetlink.orphan_id_seq', '');

-- A create that got no answer may still be carried out for a moment: looked for after this.
create function meetlink.quiet_time() returns interval
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as
$$
    select interval '10 seconds'
$$;

-- A job that is given up while a meeting may have been made for it. While a daemon holds the claim, that
-- daemon will tell (meetlink.settle); when it dies, its lease ends.
create function meetlink.suspect(job meetlink.job) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    insert into meetlink.orphan (session_id, owner_id, provider, starts_at, generation, claim_id, due_at)
    select job.session_id, job.owner_id, job.provider, job.starts_at, job.generation, job.claim_id,
           greatest(clock_timestamp(), job.lease_until) + meetlink.quiet_time()
    where (job.state = 'claimed' or job.outcome_unknown)
      and job.owner_id is not null and job.provider is not null
      and meetlink.over_at(job.starts_at, job.ends_at) > clock_timestamp()
$$;

create function meetlink.suspect_retired() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$
begin
    perform meetlink.suspect(old);
    return null;
end
$$;

-- Not for a link that meetlink.settle writes, which retires its job too: that one knows what it does.
create trigger suspect after delete on meetlink.job for each row
when ((old.state = 'claimed' or old.outcome_unknown) and current_setting('meetlink.settling', true) is distinct from 'on')
execute function meetlink.suspect_retired();

-- From the outcomes of a batch (meetlink.settle): what was, or may have been, made under a claim that is
-- lost or for a session that wants no link any more; and what was found beside the one that was kept. The
-- suspicion of the same claim gives way to what is known now.
create function meetlink.record_orphans(outcomes jsonb, lost bigint[], writes jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    with reported as materialized (
        select o.*, o.claim_id = any (lost) or writes -> o.claim_id::text ->> 'verdict' = 'unwanted' as is_lost
        from jsonb_to_recordset(outcomes) as o(
            session_id text, claim_id bigint, outcome text, owner_id text, provider text, starts_at double precision,
            generation integer, outcome_unknown boolean, external_id text, surplus jsonb)
    ), settled as (
        delete from meetlink.orphan x using reported o
        where o.is_lost and x.session_id = o.session_id and x.claim_id = o.claim_id and x.external_id is null
    )
    insert into meetlink.orphan (session_id, owner_id, provider, starts_at, generation, claim_id, external_id, due_at)
    select o.session_id, o.owner_id, o.provider, to_timestamp(o.starts_at), coalesce(o.generation, 0), o.claim_id, m.external_id,
           clock_timestamp() + case when m.external_id is null then meetlink.quiet_time() else interval '0' end
    from reported o
    cross join lateral (
        select o.external_id where o.is_lost and o.outcome = 'linked'
        union all
        select null where o.is_lost and o.outcome_unknown
        union all
        select jsonb_array_elements_text(o.surplus) where o.outcome = 'linked'
    ) m
    where o.owner_id is not null and o.provider is not null
      -- the answer to a first report may have been lost: then it is reported again
      and not exists (select from meetlink.orphan x
                      where x.session_id = o.session_id and x.provider = o.provider and x.external_id = m.external_id)
$$;

create type meetlink.claimed_orphan as (
    orphan_id          bigint,
    fence              bigint,
    session_id         text,
    owner_id           text,
    provider           text,
    starts_at          timestamptz,
    generation         integer,
    external_id        text,
    connection_found   boolean,
    connection_usable  boolean,
    access_token       text,
    refresh_token      text,
    token_expires_at   timestamptz,
    connection_print   bigint
);

-- Runs as the daemon, like meetlink.claim. `skip` as there.
create function meetlink.claim_orphans(max integer, lease interval, skip text[] default '{}')
returns setof meetlink.claimed_orphan
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    taken meetlink.orphan[];
begin
    taken := array(select o from meetlink.take_orphans(max, lease, skip) o);
    return query
        select o.id, o.fence, o.session_id, o.owner_id, o.provider, o.starts_at, o.generation, o.external_id,
               k.owner is not null, coalesce(k.usable, false), k.access_token, k.refresh_token, k.expires_at, k.print
        from unnest(taken) o
        left join lateral (
            select * from meetlink.connection c
            where c.owner = meetlink.owner_key(o.owner_id) and c.provider = o.provider
            order by c.usable desc limit 1) k on true;
end
$$;

create function meetlink.take_orphans(max integer, lease interval, skip text[]) returns setof meetlink.orphan
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    with candidate as materialized (
        select o.id
        from meetlink.orphan o
        where o.due_at <= clock_timestamp()
          and concat(o.owner_id, '/', o.provider) <> all (skip)
          and concat('/', o.provider) <> all (skip)
          and not meetlink.being_linked(o)
        order by o.due_at
        limit max
        for update skip locked)
    update meetlink.orphan o
    set due_at = clock_timestamp() + lease, lease_until = clock_timestamp() + lease,
        attempts = o.attempts + 1, fence = nextval('meetlink.claim_id')
    from candidate c
    where o.id = c.id
    returning o.*
$$;

-- The same session wants a link of the same account: its job adopts the meeting, or makes it an orphan again.
create function meetlink.being_linked(orphan meetlink.orphan) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select exists (select from meetlink.job j
                   where j.session_id = orphan.session_id and j.owner_id = orphan.owner_id and j.provider = orphan.provider)
$$;

-- Asked right before a meeting is deleted. cancel: do; keep: a session uses it; wait: a job does, or the
-- lease is over.
create function meetlink.may_cancel(orphan_id bigint, fence bigint, external_id text, join_url text) returns text
language sql volatile set search_path = pg_catalog, pg_temp as
$$
    select case when not meetlink.holds_orphan(orphan_id, fence) then 'wait'
                when exists (select from meetlink.session s
                             where s.external_id = may_cancel.external_id or s.join_url = may_cancel.join_url) then 'keep'
                else 'cancel' end
$$;

create function meetlink.holds_orphan(orphan_id bigint, fence bigint) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    select exists (select from meetlink.orphan o
                   where o.id = orphan_id and o.fence = holds_orphan.fence
                     and o.lease_until > clock_timestamp() and not meetlink.being_linked(o))
$$;

-- What became of an orphan: cancelled (external_id: the meeting), kept (a session uses it, or there is none), postponed
-- (untouched), failed. Tried for a week, at most an hour apart; then it stays for a person to see.
create function meetlink.settle_orphan(
    daemon_id bigint, orphan_id bigint, fence bigint, outcome text, external_id text default null,
    reason text default null, http_status integer default null, provider_code text default null,
    detail text default null, retry_after interval default null)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
declare
    o meetlink.orphan;
    next_at timestamptz;
begin
    select * into o from meetlink.orphan x where x.id = orphan_id and x.fence = settle_orphan.fence for update;
    if not found then
        return false;
    end if;
    case outcome
    when 'cancelled', 'kept' then
        delete from meetlink.orphan x where x.id = orphan_id;
    when 'postponed' then
        update meetlink.orphan x
        set lease_until = null, due_at = clock_timestamp() + interval '5 seconds', attempts = x.attempts - 1
        where x.id = orphan_id;
    else
        if o.found_at > clock_timestamp() - interval '7 days' then
            select greatest(clock_timestamp() + least(interval '1 second' * power(2, least(o.attempts, 13) - 1), interval '1 hour')
                                                * (0.5 + random() / 2),
                            clock_timestamp() + least(coalesce(retry_after, interval '0'), interval '1 day'))
            into next_at;
        end if;
        update meetlink.orphan x
        set lease_until = null, due_at = next_at,
            reason = coalesce((select r.code from meetlink.reason r where r.code = settle_orphan.reason), 'internal_defect'),
            http_status = nullif(settle_orphan.http_status, 0), provider_code = nullif(settle_orphan.provider_code, ''),
            detail = settle_orphan.detail
        where x.id = orphan_id;
    end case;
    if outcome = 'cancelled' then
        insert into meetlink.attempt (session_id, owner_id, provider, claim_id, attempt, daemon, started_at, outcome, stage, external_id)
        values (o.session_id, o.owner_id, o.provider, fence, o.attempts,
                coalesce((select d.name from meetlink.daemon d where d.id = daemon_id), 'unknown'),
                clock_timestamp(), 'cancelled', 'settle', external_id);
    end if;
    return true;
end
$$;

comment on function meetlink.settle_orphan(bigint, bigint, bigint, text, text, text, integer, text, text, interval) is
    'The daemon''s report on an orphan; false: its lease had gone to another one.';

-- Those that nobody could take for a week, because a job of the session never came to an end, are given up
-- likewise; kept for another 30 days.
create function meetlink.prune_orphans() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    update meetlink.orphan o set due_at = null, lease_until = null, reason = coalesce(o.reason, 'session_over')
    where o.due_at < clock_timestamp() - interval '1 day' and o.found_at < clock_timestamp() - interval '7 days';
    delete from meetlink.orphan o
    where o.due_at is null and o.found_at < clock_timestamp() - interval '37 days';
$$;

create function meetlink.health_of_orphans(at timestamptz)
returns table (check_name text, status text, detail text, hint text)
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select 'orphans',
           case when n.given_up > 0 or n.since < at - interval '1 hour' then 'warning' else 'ok' end,
           format('%s meetings that no session wants are to be cancelled', n.open)
           || coalesce(', the first since ' || meetlink.utc(n.since), '')
           || case when n.given_up > 0 then format('; %s were given up', n.given_up) else '' end,
           case when n.given_up > 0 or n.since < at - interval '1 hour'
                then 'SELECT * FROM meetlink.orphan: mend the reason, or cancel them by hand at the provider and delete the rows.' end
    from (select count(o.due_at) as open, count(*) - count(o.due_at) as given_up,
                 min(o.found_at) filter (where o.due_at is not null) as since
          from meetlink.orphan o) n
$$;
