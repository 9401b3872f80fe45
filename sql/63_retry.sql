-- Retry: one session's job is made due now. meetlink.retry (C++, extension/src/retry.cpp) commits this in
-- an autonomous transaction, so that a daemon can see it while the caller waits for the outcome.

-- Runs as the extension's owner, in the caller's transaction or in a background worker's. A job that is
-- due or claimed is left as it is: two people who press retry get one attempt.
create function meetlink.request_retry(session_id text, owner_id text, provider text, starts_at timestamptz, ends_at timestamptz)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as
$$
#variable_conflict use_column
begin
    insert into meetlink.job as j (session_id, owner_id, provider, starts_at, ends_at)
    values (request_retry.session_id, request_retry.owner_id, request_retry.provider,
            request_retry.starts_at, request_retry.ends_at)
    on conflict (session_id) do update
    set state = 'due', due_at = clock_timestamp()
    where j.state in ('waiting', 'blocked', 'gave_up');
    perform meetlink.ring();
end
$$;

-- Some daemon that fits the extension has given a sign of life lately.
create function meetlink.daemon_alive() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select exists (select from meetlink.daemon d
                   where d.heartbeat_at > clock_timestamp() - interval '30 seconds'
                     and d.version = (select e.extversion from pg_extension e where e.extname = 'meetlink'))
$$;

-- A daemon that is alive has swept: whatever no trigger saw has a job, but for the last few minutes.
create function meetlink.swept() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select exists (select from meetlink.daemon d
                   where d.heartbeat_at > clock_timestamp() - interval '30 seconds' and d.swept_at > clock_timestamp() - interval '1 hour'
                     and d.version = (select e.extversion from pg_extension e where e.extname = 'meetlink'))
$$;

-- Whose meetings the daemons that are alive can make; null: there is none, or it does not say.
create function meetlink.served_providers() returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select case when bool_and(d.providers is not null)
                then array(select distinct p from meetlink.daemon a, unnest(a.providers) p
                           where a.heartbeat_at > clock_timestamp() - interval '30 seconds') end
    from meetlink.daemon d
    where d.heartbeat_at > clock_timestamp() - interval '30 seconds'
$$;

-- A key as text, in the form in which the job table knows it; null if it cannot be one of the user's type.
create function meetlink.normal_key(key text, key_type text) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as
$$
begin
    if key_type in ('text', 'character varying') then
        return nullif(key, '');
    elsif key_type = 'uuid' then
        return key::uuid::text;
    end if;
    return case key_type when 'integer' then key::integer::text else key::bigint::text end;
exception
    when data_exception then
        return null;
end
$$;

-- Who asks, for a role that is not allowed everything: the subject of the request's JWT, null if none.
create function meetlink.jwt_subject() returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as
$$
begin
    return nullif(current_setting('request.jwt.claims', true)::jsonb ->> 'sub', '');
exception
    when data_exception then
        return null;
end
$$;

-- What meetlink.retry needs to know first: the key in normal form, whose rights read the session, and the
-- query that shows the caller its owner if the caller may see it at all.
create function meetlink.retry_target(id text, out key text, out table_owner oid, out visible text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as
$$
declare
    attached meetlink.attachment := meetlink.require_attachment();
    key_type text := meetlink.column_type(attached.sessions::regclass, attached.mapping #>> '{session,id}');
begin
    key := meetlink.normal_key(id, key_type);
    select c.relowner into strict table_owner from pg_class c where c.oid = attached.sessions::regclass;
    visible := format('select s.%I::pg_catalog.text from %s s where s.%I::pg_catalog.%s operator(pg_catalog.=) $1::pg_catalog.%s',
                      attached.mapping #>> '{session,owner}', attached.sessions, attached.mapping #>> '{session,id}',
                      case key_type when 'bigint' then 'int8' when 'integer' then 'int4' when 'uuid' then 'uuid' else 'text' end,
                      case key_type when 'bigint' then 'int8' when 'integer' then 'int4' when 'uuid' then 'uuid' else 'text' end);
end
$$;

create function meetlink.retry(id text, wait interval default '10 s') returns jsonb
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'meetlink_retry';
create function meetlink.retry(session_uuid uuid, wait interval default '10 s') returns jsonb
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'meetlink_retry';
create function meetlink.retry(session_bigint bigint, wait interval default '10 s') returns jsonb
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'meetlink_retry';

comment on function meetlink.retry(text, interval) is
    'Makes the session''s meeting link now, waits for the outcome for at most `wait`, and returns the answer object: the link, or the '
    'reason and who must act. Operators may retry any session, an end user those whose owner is the subject of request.jwt.claims.';

-- For people and RPC layers, which choose by argument name.
create function public.retry_meeting_link(id text, wait interval default '10 s') returns jsonb
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'meetlink_retry';
create function public.retry_meeting_link(session_uuid uuid, wait interval default '10 s') returns jsonb
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'meetlink_retry';
create function public.retry_meeting_link(session_bigint bigint, wait interval default '10 s') returns jsonb
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'meetlink_retry';

comment on function public.retry_meeting_link(text, interval) is
    'Makes a session''s meeting link now and answers with the link, or with the reason and who must act. See meetlink.retry.';
