-- The daily budget: a provider may allow an account so many creates and updates a day (Zoom: 100 per user and UTC
-- day, PROVIDERS.md 2.4). A claim counts as one; settling corrects that to what the attempt really sent. What a
-- dead daemon had claimed stays counted, since it may have been sent.

-- Each daemon has its own rows, so that nobody waits for anybody: two claimers at the same moment may overdraw the
-- budget by what they claim, and then the provider says so. What settling corrects is in other rows (daemon_id is
-- negative there) than what claims count, because a daemon does both at a time.
create table meetlink.daily_use (
    owner_id  text not null,
    provider  text not null,
    day       date not null,
    daemon_id bigint not null,
    used      integer not null
) with (fillfactor = 50);

-- Compared byte by byte, as keys of sessions are (20_job.sql): a claim looks up each job's account.
create unique index daily_use_key on meetlink.daily_use (owner_id text_pattern_ops, provider text_pattern_ops, day, daemon_id);
alter table meetlink.daily_use replica identity using index daily_use_key;

comment on table meetlink.daily_use is
    'Creates and updates sent for an account on a UTC day by a daemon, claims under way included, for providers that count them. '
    'Rows with a negative daemon_id are corrections.';

revoke all on meetlink.daily_use from public;
select pg_catalog.pg_extension_config_dump('meetlink.daily_use', '');

-- How many requests of a day: `least_urgent` of them may be used by sessions that can wait for the next day,
-- all of them by those that cannot. A provider that is not here does not count.
create table meetlink.daily_budget (
    provider     text primary key,
    all_of_it    integer not null,
    least_urgent integer not null
);
insert into meetlink.daily_budget values ('zoom', 100, 80);

comment on table meetlink.daily_budget is
    'How many creates and updates a provider allows an account on a UTC day, and how many of them may go to sessions that can wait.';

revoke all on meetlink.daily_budget from public;

-- Bodies of these two are parsed already, and inlined.
create function meetlink.utc_day(at timestamptz) returns date
language sql immutable parallel safe
return (at at time zone 'UTC')::date;

-- When the next UTC day begins.
create function meetlink.next_utc_day(at timestamptz) returns timestamptz
language sql immutable parallel safe
return (meetlink.utc_day(at) + 1)::timestamp at time zone 'UTC';

create function meetlink.used_today(owner_id text, provider text, at timestamptz) returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select coalesce(sum(u.used), 0) from meetlink.daily_use u
    where u.owner_id = used_today.owner_id and u.provider = used_today.provider and u.day = meetlink.utc_day(at)
$$;

-- Counts each job as one request of its account, the nearest start first, as far as the day's budget goes; the claim
-- ids of the others. Sessions that start before urgent_until cannot wait for the next day. Below SQL
-- (extension/src/budget.cpp), as meetlink.claim_jobs.
create function meetlink.count_use(daemon_id bigint, jobs meetlink.job[], day date, urgent_until timestamptz) returns bigint[]
language c volatile strict as 'MODULE_PATHNAME', 'meetlink_count_use';

-- Of jobs that the daemon has just claimed, those whose account has budget left, the nearest start first. The
-- others wait for the next UTC day, and this was no attempt.
create function meetlink.within_budget(daemon_id bigint, jobs meetlink.job[], at timestamptz default clock_timestamp())
returns meetlink.job[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
declare
    tomorrow timestamptz := meetlink.next_utc_day(at);
    refused bigint[] := meetlink.count_use(daemon_id, jobs, meetlink.utc_day(at), tomorrow + interval '2 hours');
begin
    if cardinality(refused) = 0 then
        return jobs;
    end if;

    update meetlink.job j
    set state = 'waiting', due_at = tomorrow, attempts = j.attempts - 1,
        claim_id = null, claimed_by = null, lease_until = null,
        reason = 'daily_limit', stage = 'claim', http_status = null, provider_code = null,
        detail = format('%s requests were made for this account today (UTC); what is left is kept for sessions that start sooner',
                        meetlink.used_today(r.owner_id, r.provider, at))
    from unnest(jobs) r
    where j.session_id = r.session_id and r.claim_id = any (refused);
    return array(select j from unnest(jobs) j where j.claim_id <> all (refused));
end
$$;

-- A claim was counted as one request; these attempts, unless they go on, sent more or fewer.
create function meetlink.correct_use(daemon_id bigint, outcomes jsonb, held meetlink.job[], verdicts jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    insert into meetlink.daily_use as u (owner_id, provider, day, daemon_id, used)
    select j.owner_id, j.provider,
           meetlink.utc_day(clock_timestamp() - make_interval(secs => coalesce(o.attempt_ms, 0) / 1000.0)) as day,
           -correct_use.daemon_id, sum(o.writes - 1)
    from jsonb_to_recordset(outcomes) as o(claim_id bigint, writes integer, attempt_ms double precision)
    join unnest(held) j on j.claim_id = o.claim_id
    join meetlink.daily_budget b on b.provider = j.provider
    where o.writes <> 1 and j.owner_id is not null
      and coalesce(verdicts -> o.claim_id::text ->> 'verdict', '') not in ('busy', 'moved', 'unwanted')
    group by j.owner_id, j.provider, day
    on conflict (owner_id, provider, day, daemon_id) do update set used = u.used + excluded.used
$$;

-- Jobs that wait for the next day are due today. What somebody has locked waits on.
create function meetlink.try_today(session_ids text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
begin
    with free as (
        select j.session_id from meetlink.job j
        where j.session_id = any (session_ids) and j.state = 'waiting'
        for update skip locked)
    update meetlink.job j set state = 'due', due_at = clock_timestamp()
    from free f where j.session_id = f.session_id;
    if found then
        perform meetlink.ring();
    end if;
end
$$;

-- What attempts did not use of the budget is offered to as many as wait for the next day: they may be of an account
-- that no request can be sent for, and whose owner must be told so.
create function meetlink.offer_unused_budget(outcomes jsonb, held meetlink.job[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    with unused as (
        select j.owner_id, j.provider, count(*) as requests
        from jsonb_to_recordset(outcomes) as o(claim_id bigint, writes integer)
        join unnest(held) j on j.claim_id = o.claim_id
        join meetlink.daily_budget b on b.provider = j.provider
        where o.writes = 0
        group by 1, 2
    )
    select meetlink.try_today(array_agg(w.session_id))
    from unused u
    cross join lateral (
        select j.session_id from meetlink.job j
        where j.owner_id = u.owner_id and j.provider = u.provider
          and j.state = 'waiting' and j.reason = 'daily_limit' and j.stage = 'claim'
        order by j.starts_at limit u.requests for update skip locked) w
    having count(*) > 0
$$;

-- The same for what the statement above could not see: a claim that refused a job, and was not committed yet when the
-- last attempt gave back what it had not used. For the sweep.
create function meetlink.offer_rest_of_budget(at timestamptz default clock_timestamp()) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    with refused as materialized (
        select j.session_id, j.owner_id, j.provider,
               case when j.starts_at < meetlink.next_utc_day(at) + interval '2 hours' then b.all_of_it else b.least_urgent end as most,
               row_number() over (partition by j.owner_id, j.provider order by j.starts_at) as place
        from meetlink.job j join meetlink.daily_budget b on b.provider = j.provider
        where j.state = 'waiting' and j.reason = 'daily_limit' and j.stage = 'claim'
    ), account as materialized (
        select r.owner_id, r.provider, meetlink.used_today(r.owner_id, r.provider, at) as used
        from refused r where r.place = 1
    )
    select meetlink.try_today(array_agg(r.session_id))
    from refused r join account a using (owner_id, provider)
    where r.place <= r.most - a.used
    having count(*) > 0
$$;

create function meetlink.prune_budget() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    delete from meetlink.daily_use u where u.day < meetlink.utc_day(clock_timestamp()) - 1
$$;
