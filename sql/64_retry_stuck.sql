-- Bulk retry, for operators: what a person has put right is tried again without waiting.

create function meetlink.retry_stuck(reason text default null, owner text default null, provider text default null,
                                     max integer default null)
returns table (session_id text, owner_id text, job_provider text, starts_at timestamptz, was text, was_reason text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
begin
    if reason is not null and not exists (select from meetlink.reason r where r.code = retry_stuck.reason) then
        raise exception 'reason "%" does not exist', reason
            using errcode = 'invalid_parameter_value', hint = 'See the column code of meetlink.reason.';
    elsif max < 0 then
        raise exception 'max must not be negative' using errcode = 'invalid_parameter_value';
    end if;
    return query
        with stuck as materialized (
            select j.session_id, j.state, j.reason
            from meetlink.job j
            where j.state in ('waiting', 'blocked', 'gave_up')
              and (retry_stuck.reason is null or j.reason = retry_stuck.reason)
              and (retry_stuck.owner is null or j.owner_id = retry_stuck.owner)
              and (retry_stuck.provider is null or j.provider = retry_stuck.provider)
              -- a session that is over cannot be helped by any attempt
              and meetlink.over_at(j.starts_at, j.ends_at) > clock_timestamp()
            order by j.starts_at
            limit retry_stuck.max
            for update skip locked)
        update meetlink.job j
        set state = 'due', due_at = clock_timestamp()
        from stuck s
        where j.session_id = s.session_id
        returning j.session_id, j.owner_id, j.provider, j.starts_at, s.state, s.reason;
    if found then
        perform meetlink.ring();
    end if;
end
$$;

comment on function meetlink.retry_stuck(text, text, text, integer) is
    'Makes every waiting, blocked or given-up job due now, or those of a reason, an owner, a provider, at most max, nearest start '
    'first; returns what it changed.';
