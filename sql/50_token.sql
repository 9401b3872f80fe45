-- Tokens: one refresher per connection over all daemons, by a fenced lease; what it got is written
-- only while the lease is its own and the stored tokens are still the ones it read, because the
-- application refreshes the same rows. No transaction stays open while the provider is asked.

-- Takes the lease if nobody holds it, and always says what is stored now. response_lost: these very tokens were
-- sent to the provider before, and what it answered never arrived (or died with its daemon). Runs as the daemon.
create function meetlink.begin_refresh(daemon_id bigint, owner_id text, provider text, lease interval)
returns table (granted boolean, fence bigint, connection_found boolean, connection_usable boolean,
               access_token text, refresh_token text, token_expires_at timestamptz, connection_print bigint,
               response_lost boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    token_print bigint;
begin
    select t.granted, t.fence into granted, fence
    from meetlink.take_refresh_lease(daemon_id, owner_id, provider, lease) t;
    -- a statement of its own: it must see what the former holder stored
    select k.usable, k.access_token, k.refresh_token, k.expires_at, k.print, k.token_print
    into connection_usable, access_token, refresh_token, token_expires_at, connection_print, token_print
    from meetlink.connection k
    where k.owner = meetlink.owner_key(begin_refresh.owner_id) and k.provider = begin_refresh.provider
    order by k.usable desc limit 1;
    connection_found := found;
    connection_usable := coalesce(connection_usable, false);
    response_lost := granted and meetlink.ask_with(owner_id, provider, fence, connection_print, token_print);
    return next;
end
$$;

create function meetlink.take_refresh_lease(daemon_id bigint, owner_id text, provider text, lease interval)
returns table (granted boolean, fence bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
begin
    insert into meetlink.refresh as r (owner_id, provider, fence, held_by, lease_until)
    values (take_refresh_lease.owner_id, take_refresh_lease.provider, 1, daemon_id, clock_timestamp() + lease)
    on conflict on constraint refresh_pkey do update
    set fence = r.fence + 1, held_by = excluded.held_by, lease_until = excluded.lease_until, asked_with = null,
        lost_with = coalesce(r.asked_with, r.lost_with)  -- only a holder that never came back left it
    where r.held_by is null or r.lease_until < clock_timestamp()
       or not exists (select from meetlink.daemon d where d.id = r.held_by)
    returning true, r.fence into granted, fence;
    granted := found;
    return next;
end
$$;

-- Notes what the holder of the lease is about to ask with; whether an answer to just that was lost before. What is
-- known of another refresh token is forgotten.
create function meetlink.ask_with(owner_id text, provider text, fence bigint, connection_print bigint, token_print bigint)
returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$
    update meetlink.refresh r
    set asked_with = ask_with.connection_print, token_print = ask_with.token_print,
        last_at = case when r.token_print is not distinct from ask_with.token_print then r.last_at end,
        last_reason = case when r.token_print is not distinct from ask_with.token_print then r.last_reason end,
        last_detail = case when r.token_print is not distinct from ask_with.token_print then r.last_detail end,
        refresh_expires_at = case when r.token_print is not distinct from ask_with.token_print then r.refresh_expires_at end,
        foreseen = case when r.token_print is not distinct from ask_with.token_print then r.foreseen end
    where r.owner_id = ask_with.owner_id and r.provider = ask_with.provider and r.fence = ask_with.fence
    returning coalesce(r.lost_with = ask_with.connection_print, false)
$$;

-- The outcome of a refresh (null reason: it succeeded), and the end of its lease. False: the lease was no
-- longer this daemon's. Whether the provider accepts the application's secret is learnt here. A success says when the
-- refresh token dies, or by its silence that it has no fixed end; token_print: which one is stored from now on;
-- foreseen: the reason for which no meeting can be made with it, if there is one.
create function meetlink.finish_refresh(
    daemon_id bigint, owner_id text, provider text, fence bigint, reason text, detail text, refresh_expires_in interval,
    answer_lost boolean default false, token_print bigint default null, foreseen text default null)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
declare
    known_reason text := (select r.code from meetlink.reason r where r.code = coalesce(finish_refresh.reason, ''));
begin
    if reason is not null and known_reason is null then
        known_reason := 'internal_defect';  -- a daemon of another version
    end if;
    update meetlink.refresh r
    set held_by = null, lease_until = null, last_at = clock_timestamp(), asked_with = null,
        lost_with = case when finish_refresh.reason is null then null
                         when answer_lost then coalesce(r.asked_with, r.lost_with)
                         else r.lost_with end,
        refreshed_at = case when finish_refresh.reason is null then clock_timestamp() else r.refreshed_at end,
        last_reason = known_reason, last_detail = finish_refresh.detail,
        refresh_expires_at = case when finish_refresh.reason is null then clock_timestamp() + refresh_expires_in
                                  else r.refresh_expires_at end,
        token_print = coalesce(finish_refresh.token_print, r.token_print),
        foreseen = case when finish_refresh.reason is null then (select k.code from meetlink.reason k where k.code = finish_refresh.foreseen)
                        else r.foreseen end
    where r.owner_id = finish_refresh.owner_id and r.provider = finish_refresh.provider
      and r.held_by = daemon_id and r.fence = finish_refresh.fence;
    if not found then
        return false;
    end if;
    -- a refresh token is looked at only after the secret was accepted
    if reason is null or known_reason in ('grant_revoked', 'grant_response_lost', 'reauth_policy') then
        perform meetlink.unblock_provider(finish_refresh.provider, '{client_rejected,provider_not_configured}');
    elsif exists (select from meetlink.reason r where r.code = known_reason and r.scope = 'provider' and r.disposition = 'block') then
        perform meetlink.block_provider(finish_refresh.provider, known_reason, finish_refresh.detail);
    end if;
    return true;
end
$$;

-- Gives the lease back without having asked the provider: what was known of the last refresh stays, also when the
-- same refresh token is stored in another form (token_print).
create function meetlink.release_refresh(daemon_id bigint, owner_id text, provider text, fence bigint, token_print bigint default null)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
begin
    update meetlink.refresh r
    set held_by = null, lease_until = null, asked_with = null, token_print = coalesce(release_refresh.token_print, r.token_print)
    where r.owner_id = release_refresh.owner_id and r.provider = release_refresh.provider
      and r.held_by = daemon_id and r.fence = release_refresh.fence;
    return found;
end
$$;

-- A holder whose lease ran out before it could store (the database was away, the row was locked) has the only
-- refresh token that still works, once the provider has rotated it. As long as nobody stored another one it
-- becomes the current refresher again, and the fence of whoever took the lease meanwhile is void (rule 4).
create function meetlink.retake_refresh(
    daemon_id bigint, owner_id text, provider text, fence bigint, refresh_expires_in interval, token_print bigint,
    foreseen text)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
declare
    taken bigint;
begin
    update meetlink.refresh r
    set fence = r.fence + 1, held_by = daemon_id, lease_until = clock_timestamp()
    where r.owner_id = retake_refresh.owner_id and r.provider = retake_refresh.provider
      and r.fence > retake_refresh.fence
    returning r.fence into taken;
    return found and meetlink.finish_refresh(daemon_id, owner_id, provider, taken, null, null, refresh_expires_in,
                                               token_print => retake_refresh.token_print, foreseen => retake_refresh.foreseen);
end
$$;

-- Stores refreshed tokens, synchronously committed: once this has returned, they are on disk (rule 6).
-- If somebody else stored others meanwhile, those win and are returned with stored = false.
create function meetlink.store_tokens(
    daemon_id bigint, owner_id text, provider text, fence bigint, was_access text, was_refresh text,
    access text, refresh text, expires_at_in interval, refresh_expires_in interval, foreseen text default null)
returns table (stored boolean, access_token text, refresh_token text, token_expires_at timestamptz,
               connection_usable boolean, connection_print bigint)
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    token_print bigint := hashtextextended(refresh, 0);
begin
    if current_setting('synchronous_commit') in ('off', 'local') then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    stored := meetlink.finish_refresh(daemon_id, owner_id, provider, fence, null, null, refresh_expires_in,
                                      token_print => token_print, foreseen => foreseen);
    if not stored and refresh is distinct from was_refresh
       and exists (select from meetlink.connection k
                   where k.owner = meetlink.owner_key(store_tokens.owner_id) and k.provider = store_tokens.provider
                     and k.usable and k.access_token is not distinct from was_access
                     and k.refresh_token is not distinct from was_refresh) then
        stored := meetlink.retake_refresh(daemon_id, owner_id, provider, fence, refresh_expires_in, token_print, foreseen);
    end if;
    stored := stored
              and meetlink.write_tokens(owner_id, provider, was_access, was_refresh, access, refresh,
                                        clock_timestamp() + expires_at_in);
    select k.access_token, k.refresh_token, k.expires_at, k.usable, k.print
    into access_token, refresh_token, token_expires_at, connection_usable, connection_print
    from meetlink.connection k
    where k.owner = meetlink.owner_key(store_tokens.owner_id) and k.provider = store_tokens.provider
    order by k.usable desc limit 1;
    connection_usable := coalesce(connection_usable, false);
    return next;
end
$$;

-- A refresh that failed, or (null reason) that turned out not to be needed; the tokens stay as they are.
-- answer_lost: the provider may have carried it out.
create function meetlink.end_refresh(
    daemon_id bigint, owner_id text, provider text, fence bigint, reason text, detail text, answer_lost boolean default false)
returns void
language sql volatile set search_path = pg_catalog, pg_temp as
$$
    select case when reason is null then meetlink.release_refresh(daemon_id, owner_id, provider, fence)
                else meetlink.finish_refresh(daemon_id, owner_id, provider, fence, reason, detail, null, answer_lost) end
$$;

-- The same tokens, encrypted anew (meetlinkd --reencrypt). Under the lease: whoever has sent the refresh token
-- to the provider compares ciphertexts when he stores the answer, and must not find them changed.
create function meetlink.replace_ciphertext(
    daemon_id bigint, owner_id text, provider text, fence bigint, was_access text, was_refresh text, access text, refresh text)
returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
begin
    return meetlink.release_refresh(daemon_id, owner_id, provider, fence, hashtextextended(refresh, 0))
           and meetlink.write_tokens(
                   owner_id, provider, was_access, was_refresh, access, refresh,
                   (select k.expires_at from meetlink.connection k
                    where k.owner = meetlink.owner_key(replace_ciphertext.owner_id)
                      and k.provider = replace_ciphertext.provider
                      and k.access_token is not distinct from was_access
                      and k.refresh_token is not distinct from was_refresh limit 1));
end
$$;

-- A dead grant: the connection is marked as the application does it, and every job that waits for it
-- is blocked with the one reason. False: the tokens changed meanwhile, so it was a race or a reconnect.
create function meetlink.disconnect(
    daemon_id bigint, owner_id text, provider text, fence bigint, was_access text, was_refresh text, reason text, detail text)
returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    marked boolean := false;
begin
    if meetlink.finish_refresh(daemon_id, owner_id, provider, fence, reason, detail, null) then
        marked := meetlink.mark_disconnected(owner_id, provider, was_access, was_refresh);
        if marked then
            perform meetlink.block_jobs(owner_id, provider, reason, detail,
                                        (select k.print from meetlink.connection k
                                         where k.owner = meetlink.owner_key(disconnect.owner_id)
                                           and k.provider = disconnect.provider limit 1));
        end if;
    end if;
    return marked;
end
$$;

create function meetlink.block_jobs(owner_id text, provider text, reason text, detail text, connection_print bigint)
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
declare
    blocked integer;
begin
    with mine as (
        select j.session_id from meetlink.job j
        where j.owner_id = block_jobs.owner_id and j.provider = block_jobs.provider and j.state in ('due', 'waiting')
        for update skip locked)
    update meetlink.job j
    set state = 'blocked', reason = block_jobs.reason, stage = 'token', detail = block_jobs.detail,
        http_status = null, provider_code = null, connection_print = block_jobs.connection_print
    from mine m where j.session_id = m.session_id;
    get diagnostics blocked = row_count;
    return blocked;
end
$$;
