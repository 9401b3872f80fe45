-- The daily budget: a provider may allow an account so many creates and updates a day (Zoom: 100 per user and UTC
-- day, PROVIDERS.md 2.4). What an attempt sent is counted when it is settled; until then a claim counts as one.
-- Nobody waits for anybody here: two claimers at the same moment may overdraw the budget by what they claim, and
-- then the provider says so.

-- Only added to, so that no two daemons wait for a row; it stays short, since the budget is.
create table meetlink.daily_use (
    owner_id text not null,
    provider text not null,
    day      date not null,
    used     integer not null
);

create index daily_use_account on meetlink.daily_use (owner_id, provider, day);

comment on table meetlink.daily_use is
    'Creates and updates sent for an account on a UTC day, one row per attempt, for providers that count them.';

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

create function meetlink.used_today(owner_id text, provider text, at timestamptz) returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select coalesce(sum(u.used), 0) from meetlink.daily_use u
    where u.owner_id = used_today.owner_id and u.provider = used_today.provider and u.day = meetlink.utc_day(at)
$$;

-- Of jobs that were just claimed, those whose account has budget left, the nearest start first. The others
-- wait for the next UTC day, and this was no attempt.
create function meetlink.within_budget(jobs meetlink.job[], at timestamptz default clock_timestamp()) returns meetlink.job[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
declare
    refused bigint[];
    -- once, and not for each job: calls of functions would be most of what a claim costs
    today date := meetlink.utc_day(at);
    tomorrow timestamptz := meetlink.next_utc_day(at);
begin
    if not exists (select from unnest(jobs) j, meetlink.daily_budget(j.provider) b where b.all_of_it is not null) then
        return jobs;
    end if;
    select array_agg(r.claim_id) into refused
    from (
        select j.claim_id,
               -- the claimed ones include these
               coalesce(u.used, 0) + coalesce(c.claimed, 0) - count(*) over (partition by j.owner_id, j.provider)
               + row_number() over (partition by j.owner_id, j.provider order by j.starts_at, j.session_id)
               > case when j.starts_at < tomorrow + interval '2 hours' then b.all_of_it else b.least_urgent end as over
        from unnest(jobs) j
        join (select p.provider, b.* from (select distinct x.provider from unnest(jobs) x) p
              cross join meetlink.daily_budget(p.provider) b) b on b.provider = j.provider
        left join (
            select d.owner_id, d.provider, sum(d.used) as used
            from meetlink.daily_use d
            where d.day = today and d.owner_id = any (array(select x.owner_id from unnest(jobs) x))
            group by d.owner_id, d.provider) u on u.owner_id = j.owner_id and u.provider = j.provider
        left join (
            select o.owner_id, o.provider, count(*) as claimed
            from meetlink.job o
            where o.state = 'claimed'
            group by o.owner_id, o.provider) c on c.owner_id = j.owner_id and c.provider = j.provider
        where b.all_of_it is not null and j.owner_id is not null
    ) r
    where r.over;
    if refused is null then
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

create function meetlink.prune_budget() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    delete from meetlink.daily_use u where u.day < meetlink.utc_day(clock_timestamp()) - 1
$$;
