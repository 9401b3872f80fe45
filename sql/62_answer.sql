-- The answer object: what SQL and HTTP say of one session's link (README "The answer").

-- Says what is, from the session as its owner's views show it ({found, wanted, status, join_url}) and its
-- job as meetlink.job_state shows it (null if none). Status `queued`: due, nobody works on it yet.
create function meetlink.answer(session_id text, session jsonb, job jsonb, created boolean default false)
returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as
$$
declare
    state text := job ->> 'state';
    reason jsonb := job -> 'reason';
    status text;
    answer jsonb;
begin
    status := case
        when session is null then 'not_found'
        when session ->> 'join_url' is not null then 'linked'
        when not (session ->> 'wanted')::boolean then 'not_schedulable'
        when state = 'claimed' then 'working'
        when state in ('waiting', 'blocked', 'gave_up') then state
        else 'queued' end;
    answer := jsonb_build_object(
        'success', status = 'linked', 'status', status, 'session_id', session_id,
        'join_url', session ->> 'join_url',
        'message', case status
            when 'linked' then case when created then 'Meeting link created successfully'
                                    else 'Session already has a meeting link' end
            when 'not_found' then 'Session not found'
            when 'not_schedulable' then 'Can only create meeting links for scheduled sessions'
            when 'working' then 'The meeting link is being made right now'
            when 'queued' then 'The meeting link is about to be made'
            else reason ->> 'title' end);
    if status = 'linked' then
        return answer || '{"reason": null}';
    end if;
    return answer || jsonb_build_object(
        'error', case
            when status in ('not_found', 'not_schedulable') then answer ->> 'message'
            when status in ('waiting', 'blocked', 'gave_up') then
                case when reason ->> 'action' = 'disconnect_reconnect' then 'Video provider authentication expired'
                     when reason ->> 'action' = 'connect_provider' then 'Video provider is not connected'
                     else 'Failed to create meeting link' end end,
        'details', case
            when status = 'not_schedulable' then format('The session''s status is %s.', coalesce(session ->> 'status', 'unknown'))
            when reason ->> 'action' = 'disconnect_reconnect' then 'Please reconnect your video provider in Settings'
            when status in ('waiting', 'blocked', 'gave_up') then coalesce(job ->> 'detail', reason ->> 'title') end,
        'action', case
            when status in ('waiting', 'blocked', 'gave_up') then reason ->> 'action'
            when status in ('working', 'queued') then 'wait'
            else 'none' end,
        'reason', case
            when status in ('not_found', 'not_schedulable') then status
            else coalesce(reason ->> 'code', 'pending') end,
        'retry_at', job -> 'retry_at',
        'attempts', coalesce((job ->> 'attempts')::integer, 0));
end
$$;

-- A retry that nobody can wait for: `note` says why, `action` what to do.
create function meetlink.queued_answer(session_id text, note text, action text, attempts integer) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as
$$
    select jsonb_build_object('success', false, 'status', 'queued', 'session_id', session_id, 'join_url', null,
                              'message', note, 'error', null, 'details', null, 'action', action, 'reason', 'pending',
                              'retry_at', null, 'attempts', attempts)
$$;

-- An answer that no session is needed for: invalid, forbidden, not_found.
create function meetlink.refusal(session_id text, status text, error text, details text) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as
$$
    select jsonb_build_object('success', false, 'status', status, 'session_id', session_id, 'join_url', null,
                              'message', error, 'error', error, 'details', details, 'action', 'none', 'reason', status,
                              'retry_at', null, 'attempts', 0)
$$;

-- The job of a session for meetlink.answer, null if none; `seen` is the newest attempt's id.
create function meetlink.job_state(session_id text, out job jsonb, out seen bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select (select jsonb_build_object(
                       'state', j.state, 'attempts', j.attempts, 'detail', j.detail,
                       'retry_at', case when j.state = 'waiting'
                                        then to_char(j.due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') end,
                       'reason', (select to_jsonb(r) - 'min_delay' from meetlink.reason r where r.code = j.reason))
            from meetlink.job j where j.session_id = job_state.session_id),
           coalesce((select max(a.id) from meetlink.attempt a where a.session_id = job_state.session_id), 0)
$$;

-- The HTTP status that goes with an answer (APP.md, "The retry endpoint").
create function meetlink.http_status(answer jsonb) returns integer
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$
    select case answer ->> 'status'
        when 'linked' then 200
        when 'queued' then 202
        when 'working' then 202
        when 'not_found' then 404
        when 'not_schedulable' then 400
        when 'invalid' then 400
        when 'forbidden' then 403
        else coalesce((select r.http_status from meetlink.reason r where r.code = answer ->> 'reason'), 502) end
$$;
