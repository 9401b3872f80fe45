-- Settling: outcomes of attempts are written back in batches, each fenced by its claim. Nothing here
-- waits for a lock, since a batch holds many rows: what somebody has locked comes back as 'busy'.

-- Runs as the daemon. `outcomes` is an array of objects:
--   session_id, claim_id, outcome ('linked' | 'failed' | 'released'), attempt_ms, generation,
--   outcome_unknown, connection_print, owner_id, provider, starts_at (epoch), writes (creates and updates sent);
--   linked: join_url, external_id, adopted, surplus (ids of other meetings found for this session), ends_at (epoch),
--     detail (what else is to be known of it);
--   failed: reason, stage, http_status, provider_code, detail, retry_after_s; timings (object of milliseconds).
-- What is left out is 0 or false, and of writes 1: to read as jsonb what says nothing takes longer than to write an index entry.
-- Verdicts: done; busy (send it again shortly); rejected (the application's table refuses the link, as `detail`
-- says: the attempt failed with write_rejected); lost (the claim is not this daemon's any more, or the session
-- needs no link any more: a meeting that was, or may have been, made becomes an orphan); moved (the session has got
-- another time, which is returned, than the meeting, which has starts_at and ends_at: the claim goes on).
create function meetlink.settle(daemon_id bigint, outcomes jsonb)
returns table (claim_id bigint, verdict text, detail text, starts_at timestamptz, ends_at timestamptz)
-- Rows are never waited for, but a table may be locked as a whole (TRUNCATE, ALTER TABLE), by somebody whose
-- triggers then wait for these jobs. Shorter than deadlock_timeout, so that it is this statement that fails.
language plpgsql volatile set search_path = pg_catalog, pg_temp set lock_timeout = '200ms'
set meetlink.settling = 'on' as  -- for the triggers that retire jobs
$$
declare
    held meetlink.job[] := meetlink.hold_claims(daemon_id, outcomes);
    all_held boolean := cardinality(held) = jsonb_array_length(outcomes);
    only_links boolean := all_held and not outcomes @? '$[*] ? (!(@.outcome == "linked"))';
    lost bigint[] := '{}';
    links jsonb := outcomes;
    unwritten jsonb := '{}';  -- of links that could not be written: verdict, detail, starts_at, ends_at
    written bigint[] := '{}';
begin
    if not all_held then
        lost := meetlink.lost_claims(daemon_id, outcomes);
    end if;
    if not only_links then
        links := (select jsonb_agg(o) from jsonb_array_elements(outcomes) o
                  where o ->> 'outcome' = 'linked'
                    and exists (select from unnest(held) j where j.claim_id = (o ->> 'claim_id')::bigint));
    end if;
    if links is not null then
        unwritten := meetlink.write_links(links);
        written := meetlink.record_links(daemon_id, links, unwritten);
    end if;

    verdict := 'done';
    foreach settle.claim_id in array written loop
        return next;
    end loop;
    if cardinality(written) < jsonb_array_length(outcomes) then
        return query
            select r.claim_id, r.verdict, r.detail, (unwritten -> r.claim_id::text ->> 'starts_at')::timestamptz,
                   (unwritten -> r.claim_id::text ->> 'ends_at')::timestamptz
            from meetlink.record_others(daemon_id, outcomes, written, held, lost, unwritten,
                                        case when only_links then '{}' else meetlink.reconnected_meanwhile(outcomes) end) r;
    end if;
    if not only_links or unwritten <> '{}' or outcomes @? '$[*] ? (@.writes != 1 || exists(@.surplus[*]))'
       or meetlink.has_rows('meetlink.provider_block') then
        perform meetlink.draw_conclusions(daemon_id, outcomes, held, lost, unwritten, written);
    end if;
    if meetlink.has_rows('meetlink.readers') then
        perform meetlink.tell_readers(outcomes);
    end if;

    -- Nothing but links that were written: readers need not wait for the disk. A crash that forgets them leaves the
    -- claims, which are on disk (meetlink.claim), and whoever rescues those looks for the meetings before it creates any.
    if only_links and unwritten = '{}' and current_setting('synchronous_commit') in ('on', 'local') then
        perform set_config('synchronous_commit', 'off', true);
    end if;
end
$$;

-- Whether a session's time is another than its meeting's (seconds since 1970). One without a time that a meeting can
-- have, or a meeting whose time is not known, is not moved. The body is parsed already, and inlined; extract() would
-- compute in numeric.
create function meetlink.is_moved(starts_at timestamptz, ends_at timestamptz, meeting_starts_at double precision, meeting_ends_at double precision)
returns boolean
language sql stable parallel safe
return coalesce(isfinite(starts_at) and isfinite(ends_at) and starts_at < ends_at
                and meeting_starts_at is not null and meeting_ends_at is not null
                and (floor(date_part('epoch', starts_at)) <> meeting_starts_at or floor(date_part('epoch', ends_at)) <> meeting_ends_at), false);

-- Claims that failed with a connection that is another one now: to wait for a reconnect is not worth storing when
-- that has happened.
create function meetlink.reconnected_meanwhile(outcomes jsonb) returns bigint[]
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as  -- as in meetlink.claim
$$
begin
    return array(
        select o.claim_id
        from jsonb_to_recordset(outcomes) as o(claim_id bigint, session_id text, outcome text, connection_print bigint)
        cross join lateral (select x.owner, x.provider from meetlink.session x where x.id = meetlink.session_key(o.session_id) offset 0) s
        cross join lateral (select x.print from meetlink.connection x
                            where x.owner = s.owner and x.provider = s.provider and x.usable offset 0) k
        where o.outcome = 'failed' and k.print is distinct from o.connection_print);
end
$$;

-- Locks the jobs of those claims that are still this daemon's, and returns them as they are. Below SQL
-- (extension/src/settle.cpp), as meetlink.claim_jobs.
create function meetlink.hold_claims(daemon_id bigint, outcomes jsonb) returns meetlink.job[]
language c volatile strict as 'MODULE_PATHNAME', 'meetlink_hold_claims';

-- Whether one of meetlink's tables has any row, for what is nearly always empty: a statement takes ten times as long
-- to find that out.
create function meetlink.has_rows(relation regclass) returns boolean
language c stable strict as 'MODULE_PATHNAME', 'meetlink_has_rows';

-- Whether the session's job is claimed as that. For the tables' owner, who writes the link. A function, and not a
-- comparison, because the planner expects a third of the rows to pass it, instead of one.
create function meetlink.is_claimed_as(session_id text, claim_id bigint) returns boolean
language c stable strict as 'MODULE_PATHNAME', 'meetlink_is_claimed_as';

-- Claims that are not this daemon's any more. One that is neither held nor lost is busy.
create function meetlink.lost_claims(daemon_id bigint, outcomes jsonb) returns bigint[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as  -- as in meetlink.claim
$$
begin
    return array(
        select o.claim_id
        from jsonb_to_recordset(outcomes) as o(session_id text, claim_id bigint)
        where not exists (select from meetlink.job j
                          where j.session_id = o.session_id and j.state = 'claimed'
                            and j.claimed_by = daemon_id and j.claim_id = o.claim_id));
end
$$;

-- Of links to jobs that are held: those without a verdict were written, so the job is gone and an attempt kept. That
-- is what nearly all outcomes are, and so it is below SQL, as meetlink.hold_claims. Returns their claim ids.
create function meetlink.record_links(daemon_id bigint, links jsonb, verdicts jsonb) returns bigint[]
language c volatile strict as 'MODULE_PATHNAME', 'meetlink_record_links';

-- What follows for others: orphans, the daily budget, what is known of the providers. Nothing, when all are links that
-- were written with one request each and no provider is blocked.
create function meetlink.draw_conclusions(
    daemon_id bigint, outcomes jsonb, held meetlink.job[], lost bigint[], verdicts jsonb, written bigint[])
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
begin
    if cardinality(lost) > 0 or outcomes @? '$[*].surplus[*]' or verdicts @? '$.*.verdict ? (@ == "unwanted")' then
        perform meetlink.record_orphans(outcomes, lost, verdicts);
    end if;
    if outcomes @? '$[*] ? (@.writes != 1)' then
        perform meetlink.correct_use(daemon_id, outcomes, held, verdicts);
    end if;
    if outcomes @? '$[*] ? (@.writes == 0)' then
        perform meetlink.offer_unused_budget(outcomes, held);
    end if;
    if cardinality(written) < jsonb_array_length(outcomes) or exists (select from meetlink.provider_block) then
        perform meetlink.judge_providers(outcomes, held);
    end if;
end
$$;

-- The outcomes but those written: attempts that made no link, and links that could not be written, as history and as
-- jobs' next states. `verdicts` says what became of each such link.
create function meetlink.record_others(
    daemon_id bigint, outcomes jsonb, written bigint[], held meetlink.job[], lost bigint[], verdicts jsonb, reconnected bigint[])
returns table (claim_id bigint, verdict text, detail text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as
$$
#variable_conflict use_column
begin
    return query
    with reported as (
        select o.*,
               w.write ->> 'verdict' as write_verdict,
               case when w.write ->> 'verdict' = 'rejected' then 'write_rejected'
                    -- a daemon of another version must not make a batch fail
                    when o.outcome = 'failed' and not exists (select from meetlink.reason k where k.code = o.reason)
                      then 'internal_defect'
                    -- what made the connection inactive says more than that it is
                    when o.reason = 'connection_inactive' then coalesce(dead.reason, o.reason)
                    else o.reason end as final_reason,
               case when w.write ->> 'verdict' = 'rejected' then 'settle' else o.stage end as final_stage,
               case when w.write ->> 'verdict' = 'rejected' then w.write ->> 'detail'
                    when o.reason = 'connection_inactive' then coalesce(dead.detail, o.detail)
                    else o.detail end as final_detail,
               case when o.claim_id = any (lost) then 'lost'
                    when h.claim_id is null or w.write ->> 'verdict' = 'busy' then 'busy'
                    when w.write ->> 'verdict' = 'unwanted' then 'lost'
                    when w.write ->> 'verdict' in ('moved', 'rejected') then w.write ->> 'verdict'
                    else 'done' end as verdict
        from jsonb_to_recordset(outcomes) as o(
                 session_id text, claim_id bigint, outcome text, attempt_ms double precision, generation integer,
                 outcome_unknown boolean, connection_print bigint, external_id text,
                 reason text, stage text, http_status integer, provider_code text, detail text,
                 retry_after_s double precision, timings jsonb, writes integer)
        cross join lateral (select verdicts -> o.claim_id::text as write) w
        left join unnest(held) h on h.claim_id = o.claim_id
        left join lateral (
            select f.last_reason as reason, f.last_detail as detail
            from meetlink.refresh f join meetlink.reason k on k.code = f.last_reason
            where f.owner_id = h.owner_id and f.provider = h.provider
              and k.scope = 'connection' and k.disposition = 'block') dead on true
        where o.claim_id <> all (written)
    ),
    -- What follows from it: the state, and the time of the next attempt.
    decided as materialized (
        select p.*, j.owner_id, j.provider, j.attempts,
               case when p.verdict not in ('done', 'rejected') then null
                    when p.outcome = 'released' then 'due'
                    when r.disposition = 'give_up' or meetlink.over_at(j.starts_at, j.ends_at) <= t.at
                      then 'gave_up'
                    when r.disposition = 'block' and not (r.scope = 'connection' and p.claim_id = any (reconnected))
                      then 'blocked'
                    else 'waiting' end as next_state,
               case when p.outcome = 'released' then t.at
                    else meetlink.next_attempt_at(j.attempts, j.starts_at, r.min_delay,
                                                  make_interval(secs => least(coalesce(p.retry_after_s, 0), 86400)), random(), t.at) end as next_at
        from reported p
        join unnest(held) j on j.claim_id = p.claim_id
        left join meetlink.reason r on r.code = p.final_reason
        cross join (select clock_timestamp() as at) t
    ),
    retired as (
        -- of a session that turned out to need no link
        delete from meetlink.job j
        where j.session_id = any (array(select d.session_id from decided d where d.write_verdict = 'unwanted'))
          and j.claim_id = any (array(select d.claim_id from decided d where d.write_verdict = 'unwanted'))
    ),
    moved as (
        update meetlink.job j
        set state = d.next_state,
            due_at = case when d.next_state in ('due', 'waiting') then d.next_at else j.due_at end,
            attempts = j.attempts - case when d.outcome = 'released' then 1 else 0 end,
            generation = greatest(j.generation, d.generation),
            -- What was unknown stays so, whatever an attempt finds: it may be carried out later.
            outcome_unknown = j.outcome_unknown or coalesce(d.outcome_unknown, false) or d.write_verdict is not null,
            claim_id = null, claimed_by = null, lease_until = null,
            reason = coalesce(d.final_reason, j.reason),
            stage = case when d.final_reason is null then j.stage else d.final_stage end,
            http_status = case when d.final_reason is null then j.http_status else nullif(d.http_status, 0) end,
            provider_code = case when d.final_reason is null then j.provider_code else nullif(d.provider_code, '') end,
            detail = case when d.final_reason is null then j.detail else d.final_detail end,
            connection_print = d.connection_print
        from decided d
        where j.session_id = any (array(select t.session_id from decided t where t.next_state in ('due', 'waiting', 'blocked', 'gave_up')))
          and j.session_id = d.session_id and j.claim_id = d.claim_id and d.next_state is not null
    ),
    recorded as (
        insert into meetlink.attempt (
            session_id, owner_id, provider, claim_id, attempt, daemon, started_at, outcome, stage, reason,
            http_status, provider_code, detail, external_id, next_at, timings)
        select p.session_id, d.owner_id, d.provider, p.claim_id, coalesce(d.attempts, 0),
               coalesce((select m.name from meetlink.daemon m where m.id = daemon_id), 'unknown'),
               clock_timestamp() - make_interval(secs => coalesce(p.attempt_ms, 0) / 1000.0),
               case when p.verdict = 'lost' then 'lost'
                    when p.write_verdict = 'rejected' then 'failed'
                    else p.outcome end,
               p.final_stage, p.final_reason, nullif(p.http_status, 0), nullif(p.provider_code, ''), p.final_detail,
               p.external_id, case when d.next_state in ('due', 'waiting') then d.next_at end,
               p.timings || jsonb_build_object('attempt_ms', p.attempt_ms)
        from reported p
        left join decided d on d.claim_id = p.claim_id
        where p.verdict not in ('busy', 'moved')
    )
    select p.claim_id, p.verdict, case when p.verdict = 'rejected' then p.final_detail end from reported p;
end
$$;
