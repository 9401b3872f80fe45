-- The daily budget: a provider may allow an account so many creates and updates a day (Zoom: 100 per user and UTC
-- day, PROVIDERS.md 2.4). Every claim reserves one; what an attempt really sent is counted when it is settled.

create table meetlink.daily_use (
    owner_id text,
    provider text,
    day      date,
    used     integer not null,
    primary key (owner_id, provider, day)
);

comment on table meetlink.daily_use is 'Creates and updates sent for an account on a UTC day, for providers that count them (private).';

revoke all on meetlink.daily_use from public;
select pg_catalog.pg_extension_config_dump('meetlink.daily_use', '');

-- How many requests of a day: `least_urgent` of them may be used by sessions that can wait for the next day,
-- all of them by those that cannot. Null: nobody counts.
create function meetlink.daily_budget(provider text, out all_of_it integer, out least_urgent integer)
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as
$$
    select 100, 80 where provider = 'zoom'
$$;

create function meetlink.utc_day(at timestamptz) returns date
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as
$$
    select (at at time zone 'UTC')::date
$$;

-- When the next UTC day begins.
create function meetlink.next_utc_day(at timestamptz) returns timestamptz
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as
$$
    select (meetlink.utc_day(at) + 1)::timestamp at time zone 'UTC'
$$;

-- Of jobs that were just claimed, those whose account has budget left, the nearest start first. The others
-- wait for the next UTC day, and this was no attempt.
create function meetlink.within_budget(jobs meetlink.job[], at timestamptz default clock_timestamp()) returns meetlink.job[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
declare
    refused bigint[];
begin
    if not exists (select from unnest(jobs) j, meetlink.daily_budget(j.provider) b where b.all_of_it is not null) then
        return jobs;
    end if;
    -- In the order of the key, so that two claimers of the same accounts do not wait for each other.
    insert into meetlink.daily_use as u (owner_id, provider, day, used)
    select j.owner_id, j.provider, meetlink.utc_day(at), 0
    from unnest(jobs) j, meetlink.daily_budget(j.provider) b
    where b.all_of_it is not null and j.owner_id is not null
    group by j.owner_id, j.provider
    order by j.owner_id, j.provider
    on conflict (owner_id, provider, day) do update set used = u.used;  -- locks it

    with ranked as (
        select j.claim_id, j.owner_id, j.provider,
               u.used + row_number() over (partition by j.owner_id, j.provider order by j.starts_at, j.session_id)
               <= case when j.starts_at < meetlink.next_utc_day(at) + interval '2 hours' then b.all_of_it else b.least_urgent end as granted
        from unnest(jobs) j
        cross join meetlink.daily_budget(j.provider) b
        join meetlink.daily_use u on u.owner_id = j.owner_id and u.provider = j.provider and u.day = meetlink.utc_day(at)
        where b.all_of_it is not null
    ), reserved as (
        update meetlink.daily_use u set used = u.used + g.granted
        from (select r.owner_id, r.provider, count(*) as granted from ranked r where r.granted group by 1, 2) g
        where u.owner_id = g.owner_id and u.provider = g.provider and u.day = meetlink.utc_day(at)
    )
    select array_agg(r.claim_id) into refused from ranked r where not r.granted;
    if refused is null then
        return jobs;
    end if;

    update meetlink.job j
    set state = 'waiting', due_at = meetlink.next_utc_day(at), attempts = j.attempts - 1,
        claim_id = null, claimed_by = null, lease_until = null,
        reason = 'daily_limit', stage = 'claim', http_status = null, provider_code = null,
        detail = format('%s requests were made for this account today (UTC); the rest is kept for sessions that start sooner', u.used)
    from unnest(jobs) r
    join meetlink.daily_use u on u.owner_id = r.owner_id and u.provider = r.provider and u.day = meetlink.utc_day(at)
    where j.session_id = r.session_id and r.claim_id = any (refused);
    return array(select j from unnest(jobs) j where j.claim_id <> all (refused));
end
$$;

-- What the attempts of a batch really sent (meetlink.settle): one was reserved for each. When the provider says that the
-- budget is used up, it is, whoever used it.
create function meetlink.count_use(outcomes jsonb, held meetlink.job[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    with spent as (
        select j.owner_id, j.provider, b.all_of_it, sum(coalesce(o.writes, 1) - 1) as more, bool_or(o.reason = 'daily_limit') as used_up
        from jsonb_to_recordset(outcomes) as o(claim_id bigint, writes integer, reason text)
        join unnest(held) j on j.claim_id = o.claim_id
        cross join meetlink.daily_budget(j.provider) b
        where b.all_of_it is not null
        group by j.owner_id, j.provider, b.all_of_it
        having sum(coalesce(o.writes, 1) - 1) <> 0 or bool_or(o.reason = 'daily_limit')
    ), locked as materialized (
        -- in the order of the key, as above
        select u.owner_id, u.provider, u.day, s.more, s.all_of_it, s.used_up
        from meetlink.daily_use u join spent s on s.owner_id = u.owner_id and s.provider = u.provider
        where u.day = meetlink.utc_day(clock_timestamp())
        order by u.owner_id, u.provider
        for update of u
    )
    update meetlink.daily_use u
    set used = greatest(u.used + l.more, case when l.used_up then l.all_of_it end, 0)
    from locked l
    where u.owner_id = l.owner_id and u.provider = l.provider and u.day = l.day
$$;

create function meetlink.prune_budget() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    delete from meetlink.daily_use u where u.day < meetlink.utc_day(clock_timestamp()) - 1
$$;
