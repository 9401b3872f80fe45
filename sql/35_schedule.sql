-- When to try again. Numbers of time live here and nowhere else.

-- The attempt that is made shortly before the start, whatever the backoff says.
create function meetlink.last_call(starts_at timestamptz) returns timestamptz
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as
$$
    select starts_at - interval '90 seconds'
$$;

-- No meeting lasts longer: the providers end one after a day or so (PROVIDERS.md).
create function meetlink.longest_session() returns interval
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as
$$
    select interval '7 days'
$$;

-- A session is over at its end; without one, an hour after its start; without both, never. In any case after the
-- longest session, so that nobody need look at what began before that. Its body is parsed already, and inlined.
create function meetlink.over_at(starts_at timestamptz, ends_at timestamptz) returns timestamptz
language sql stable parallel safe
return least(coalesce(case when ends_at > starts_at then ends_at end, starts_at + interval '1 hour', 'infinity'),
             starts_at + interval '7 days');

-- Exponential backoff with equal jitter: between half and all of 1 s * 2^(attempts - 1), capped by a tenth of
-- the time to the start (at least 5 s, at most 15 min), so that tries get denser as the start comes near;
-- never beyond the last call. A provider's Retry-After and the reason's min_delay are lower bounds that win.
-- `luck` is in [0, 1): random() for real, a number for tests.
create function meetlink.next_attempt_at(
    attempts integer, starts_at timestamptz, min_delay interval, retry_after interval,
    luck double precision default random(), at timestamptz default clock_timestamp())
returns timestamptz
language sql volatile parallel safe set search_path = pg_catalog, pg_temp as
$$
    select greatest(
        least(
            at + capped * (0.5 + luck / 2),
            -- once the last call has passed, only the cap counts
            case when meetlink.last_call(starts_at) > at then meetlink.last_call(starts_at) end),
        at + coalesce(min_delay, interval '0'),
        at + least(coalesce(retry_after, interval '0'), interval '1 day'))
    from (select least(
                interval '1 second' * power(2, least(greatest(attempts, 1), 12) - 1),
                greatest(
                    case when isfinite(starts_at) and starts_at - at < interval '10 days'
                         then least((starts_at - at) / 10, interval '15 minutes')
                         else interval '15 minutes' end,
                    interval '5 seconds')) as capped) as backoff
$$;

comment on function meetlink.next_attempt_at(integer, timestamptz, interval, interval, double precision, timestamptz) is
    'Time of the next attempt: jittered exponential backoff that shrinks as the session''s start comes near.';
