-- Flagging, the SQL half: what the application's transactions do to jobs other than adding one.
-- The triggers are C++ (31_flag_trigger.sql, extension/src/flag.cpp); they call these as the
-- extension's owner, since the booking role has no rights here.

-- The session of an existing job changed and still needs a link: its job follows.
create function meetlink.move_job(session_id text, owner_id text, provider text, starts_at timestamptz, ends_at timestamptz)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$
declare
    job meetlink.job;
    other_account boolean;
    other_time boolean;
begin
    select * into job from meetlink.job j where j.session_id = move_job.session_id for update;
    if not found then
        return;
    end if;
    other_account := (job.owner_id, job.provider) is distinct from (move_job.owner_id, move_job.provider);
    other_time := (job.starts_at, job.ends_at) is distinct from (move_job.starts_at, move_job.ends_at);
    if not other_account and not other_time then
        return;
    end if;
    -- Another account is another meeting, and another time may be the cure of a bad schedule, or too soon to wait
    -- for the next day: all are worth a try now. Taking the claim away makes a daemon that works on the old one settle nothing.
    if other_account or job.state = 'gave_up' or job.reason = 'invalid_schedule' or (job.state = 'waiting' and job.reason = 'daily_limit') then
        if other_account then
            perform meetlink.suspect(job);
        end if;
        update meetlink.job j
        set state = 'due', due_at = clock_timestamp(), claim_id = null, claimed_by = null, lease_until = null,
            generation = j.generation + case when other_account then 1 else 0 end,
            outcome_unknown = (j.outcome_unknown or j.state = 'claimed') and not other_account,
            owner_id = move_job.owner_id, provider = move_job.provider,
            starts_at = move_job.starts_at, ends_at = move_job.ends_at
        where j.session_id = move_job.session_id;
    else
        update meetlink.job j
        set starts_at = move_job.starts_at, ends_at = move_job.ends_at,
            due_at = case j.state
                     when 'waiting' then least(j.due_at, meetlink.last_call(move_job.starts_at))
                     else j.due_at end
        where j.session_id = move_job.session_id;
    end if;
exception
    -- under REPEATABLE READ, when the daemon touched the job since the snapshot; the sweep moves it
    when serialization_failure then null;
end
$$;

-- The session needs no link any more (linked, cancelled, deleted): its job is gone, whatever its state.
-- For REPEATABLE READ; otherwise the trigger deletes by itself.
create function meetlink.retire_job(session_id text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$
begin
    delete from meetlink.job j where j.session_id = retire_job.session_id;
exception
    when serialization_failure then null;  -- the daemon touched it since; the claim or the sweep retires it
end
$$;

-- The owner's connection became usable, or got other tokens (trigger meetlink.reconnected): jobs that wait
-- for that are due again in the same transaction, nearest session first.
-- A claimed job is touched, so that a daemon that is just about to block it looks at the connection again
-- (meetlink.settle). Rows that are locked right now are left to the sweep: this must not wait.
create function meetlink.unblock(owner_id text, provider text) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$
declare
    woken integer;
begin
    with blocked as (
        select j.session_id
        from meetlink.job j join meetlink.reason r on r.code = j.reason
        where j.state = 'blocked' and r.scope = 'connection'
          and j.owner_id = unblock.owner_id and j.provider = unblock.provider
        order by j.starts_at
        for update of j skip locked)
    update meetlink.job j
    set state = 'due', due_at = clock_timestamp()
    -- by an array: a join with a table that looks empty may read all of it for each row
    where j.session_id = any (array(select b.session_id from blocked b));
    get diagnostics woken = row_count;

    with claimed as (
        select j.session_id from meetlink.job j
        where j.state = 'claimed' and j.owner_id = unblock.owner_id and j.provider = unblock.provider
        for update skip locked)
    update meetlink.job j set connection_print = null
    where j.session_id = any (array(select c.session_id from claimed c));
    return woken;
exception
    when serialization_failure then return 0;  -- as in move_job
end
$$;
