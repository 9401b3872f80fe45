-- What attach generates: triggers on the user's tables; views that give them meetlink's names; and the
-- few functions that write to them. All of it belongs to the owner of those tables, so no policy, grant
-- or role of the application changes. They are not members of the extension, and carry its version in
-- meetlink.attachment instead; nothing that runs as the extension's owner may use them.

-- A template with its {names} filled in. In one pass: what is filled in may hold braces of its own, and
-- must not become part of the template, since it comes from the user and the result runs as a superuser.
create function meetlink.fill(template text, names jsonb) returns text
language sql immutable set search_path = pg_catalog, pg_temp as
$$
    select string_agg(literal.part || coalesce(names ->> place.name[1], ''), '' order by literal.n)
    from regexp_split_to_table(template, '\{[a-z_.]+\}') with ordinality literal(part, n)
    left join regexp_matches(template, '\{([a-z_.]+)\}', 'g') with ordinality place(name, n) on place.n = literal.n
$$;

create function meetlink.generate(attached meetlink.attachment) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    sessions regclass := attached.sessions;
    connections regclass := attached.connections;
    names jsonb;
begin
    select jsonb_object_agg(
               c.kind || '.' || c.name,
               coalesce(quote_ident(m.column_name), 'null'))
           || jsonb_build_object(
               'sessions', attached.sessions,
               'connections', attached.connections,
               'table_owner', quote_ident(attached.table_owner),
               'session_key', meetlink.column_type(sessions, attached.mapping #>> '{session,id}'),
               'owner_key', meetlink.column_type(sessions, attached.mapping #>> '{session,owner}'),
               'wanted_status', (select string_agg(quote_literal(s), ', ')
                                 from jsonb_array_elements_text(attached.mapping -> 'wanted_status') s))
    into names
    from meetlink.canonical_columns() c
    cross join lateral (select attached.mapping -> c.kind ->> c.name as column_name) m;

    perform meetlink.grant_reading(attached.table_owner);
    perform meetlink.generate_views(names, attached.mapping);
    perform meetlink.generate_writers(names, attached.mapping);
    perform meetlink.generate_triggers(names, attached.mapping);
    perform meetlink.grant_retry(attached.mapping);
end
$$;

-- The tables' owner owns the views, so it must be able to read what they show.
create function meetlink.grant_reading(table_owner text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
begin
    if table_owner <> current_user then  -- the extension's owner has it all, and must keep it
        execute format('grant usage on schema meetlink to %I', table_owner);
        execute format('grant select on meetlink.job, meetlink.attempt, meetlink.reason, meetlink.refresh, meetlink.provider_block to %I', table_owner);
        execute format('grant execute on function meetlink.over_at(timestamptz, timestamptz), meetlink.is_moved(timestamptz, timestamptz, double precision, double precision), meetlink.is_claimed_as(text, bigint), meetlink.daemon_alive(), meetlink.swept(), meetlink.served_providers() to %I', table_owner);
    end if;
end
$$;

create function meetlink.revoke_reading(table_owner text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
begin
    if table_owner <> current_user and exists (select from pg_roles r where r.rolname = table_owner) then
        -- who was allowed to attach needs it to attach again
        if not has_function_privilege(table_owner, 'meetlink.attach(regclass, regclass, jsonb)', 'execute') then
            execute format('revoke usage on schema meetlink from %I', table_owner);
        end if;
        execute format('revoke select on meetlink.job, meetlink.attempt, meetlink.reason, meetlink.refresh, meetlink.provider_block from %I', table_owner);
        execute format('revoke execute on function meetlink.over_at(timestamptz, timestamptz), meetlink.is_moved(timestamptz, timestamptz, double precision, double precision), meetlink.is_claimed_as(text, bigint), meetlink.daemon_alive(), meetlink.swept(), meetlink.served_providers() from %I', table_owner);
    end if;
end
$$;

-- End users' roles may call the retry function, which decides itself who may retry what; and the HTTP
-- gateway may become them, but never a superuser.
create function meetlink.grant_retry(mapping jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    grantee text;
begin
    for grantee in select jsonb_array_elements_text(mapping -> 'grant_to') loop
        execute format('grant execute on function %s to %I', meetlink.retry_functions(), grantee);
        if not (select r.rolsuper from pg_roles r where r.rolname = grantee)
           and not pg_has_role('meetlink_gateway', grantee, 'member') then
            execute format('grant %I to meetlink_gateway', grantee);
        end if;
    end loop;
end
$$;

create function meetlink.revoke_retry(mapping jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    grantee text;
begin
    for grantee in select g from jsonb_array_elements_text(mapping -> 'grant_to') g join pg_roles r on r.rolname = g loop
        execute format('revoke execute on function %s from %I', meetlink.retry_functions(), grantee);
        if grantee <> 'meetlink_operator'  -- attached or not, it stays
           and exists (select from pg_auth_members m
                       where m.roleid = quote_ident(grantee)::regrole and m.member = 'meetlink_gateway'::regrole) then
            execute format('revoke %I from meetlink_gateway', grantee);
        end if;
    end loop;
end
$$;

create function meetlink.retry_functions() returns text
language sql immutable set search_path = pg_catalog, pg_temp as
$$
    select 'public.retry_meeting_link(text, interval), public.retry_meeting_link(uuid, interval), public.retry_meeting_link(bigint, interval)'
$$;

-- Columns as s.name and c.name, and the session's times made from them. An unmapped column is null, and has no
-- table to be read from.
create function meetlink.with_columns_of_s_and_c(names jsonb, mapping jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as
$$
    with qualified as (
        select names || jsonb_object_agg(c.kind || '.' || c.name,
                                         case when mapping -> c.kind ->> c.name is null then 'null'
                                              else left(c.kind, 1) || '.' || quote_ident(mapping -> c.kind ->> c.name) end) as names
        from meetlink.canonical_columns() c)
    select q.names || jsonb_build_object(
        'starts_at', meetlink.fill('{session.starts_at}::timestamptz', q.names),
        -- whatever a row holds, this must not fail: the bounds are those of the flag (flag.cpp)
        'ends_at', meetlink.fill($sql$coalesce({session.ends_at}::timestamptz,
                        case when {session.duration_minutes}::bigint between -52560000 and 52560000
                                  and {session.starts_at} between '4600-01-01 00:00+00 BC' and '294000-01-01 00:00+00'
                             then {session.starts_at}::timestamptz + {session.duration_minutes}::bigint * interval '1 minute'
                        end)$sql$, q.names))
    from qualified q
$$;

create function meetlink.generate_views(names jsonb, mapping jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    name text;
begin
    names := names || jsonb_build_object(
        'wanted', case when mapping #>> '{session,status}' is null
                       then 's.{session.join_url} is null'
                       -- never null, and without a function around it, so that partial indexes fit
                       else 's.{session.join_url} is null and s.{session.status} is not null and s.{session.status}::text in ({wanted_status})' end,
        'usable', concat_ws(' and ', 'true',
                       case when mapping #>> '{connection,active}' is not null then 'c.{connection.active}' end,
                       case when mapping #>> '{connection,status}' is not null
                            then 'c.{connection.status}::text = ''connected''' end));
    names := names || jsonb_build_object('wanted', meetlink.fill(names ->> 'wanted', names),
                                         'usable', meetlink.fill(names ->> 'usable', names));
    names := meetlink.with_columns_of_s_and_c(names, mapping);

    -- Keys as text, back to the user's type: plain SQL, so that the planner sees a cast and uses the index.
    execute meetlink.fill('create function meetlink.session_key(key text) returns {session_key}
        language sql immutable strict parallel safe return key::{session_key}', names);
    execute meetlink.fill('create function meetlink.owner_key(key text) returns {owner_key}
        language sql immutable strict parallel safe return key::{owner_key}', names);

    execute meetlink.fill($sql$
        create view meetlink.session as
        select {session.id}::{session_key} as id,
               {session.owner}::{owner_key} as owner,
               {session.provider}::text as provider,
               {session.status}::text as status,
               {starts_at} as starts_at,
               {ends_at} as ends_at,
               {session.duration_minutes}::bigint as duration_minutes,
               {session.join_url}::text as join_url,
               {session.external_id}::text as external_id,
               {session.linked_at}::timestamptz as linked_at,
               {session.title}::text as title,
               {wanted} as wanted
        from {sessions} s
        $sql$, names);
    execute meetlink.fill($sql$
        create view meetlink.connection as
        select {connection.owner}::{owner_key} as owner,
               {connection.provider}::text as provider,
               {connection.active}::boolean as active,
               {connection.status}::text as status,
               {connection.account}::text as account,
               {connection.access_token}::text as access_token,
               {connection.refresh_token}::text as refresh_token,
               {connection.expires_at}::timestamptz as expires_at,
               coalesce({usable}, false) as usable,
               hashtextextended(concat_ws('|', {connection.active}, {connection.status},
                                          {connection.access_token}, {connection.refresh_token}), 0) as print,
               hashtextextended({connection.refresh_token}::text, 0) as token_print
        from {connections} c
        $sql$, names);

    perform meetlink.generate_backlog_views(names ->> 'sessions', names ->> 'connections', mapping);
    perform meetlink.generate_connection_views(names ->> 'sessions', mapping);

    foreach name in array array['session', 'connection', 'unseen', 'unlinked', 'drift', 'stuck_sessions', 'connection_health',
                              'refresh_candidate', 'outlook'] loop
        execute format('alter view meetlink.%I owner to %s', name, names ->> 'table_owner');
    end loop;
    execute format('alter function meetlink.session_key(text) owner to %s', names ->> 'table_owner');
    execute format('alter function meetlink.owner_key(text) owner to %s', names ->> 'table_owner');
    revoke all on function meetlink.session_key(text), meetlink.owner_key(text) from public;
    grant execute on function meetlink.session_key(text), meetlink.owner_key(text) to meetlink_sidecar, meetlink_operator;
    grant select on meetlink.session, meetlink.connection, meetlink.drift, meetlink.refresh_candidate to meetlink_sidecar;
    grant select on meetlink.session, meetlink.unseen, meetlink.stuck_sessions, meetlink.connection_health, meetlink.outlook to meetlink_operator;
end
$$;

create function meetlink.generate_writers(names jsonb, mapping jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    signature text;
begin
    -- "column = value" lists without the columns that the user does not have
    names := names || jsonb_build_object(
        'link_columns', concat_ws(', ', '{session.join_url} = l.join_url',
            case when mapping #>> '{session,external_id}' is not null then '{session.external_id} = l.external_id' end,
            case when mapping #>> '{session,linked_at}' is not null then '{session.linked_at} = clock_timestamp()' end),
        -- an application without such columns: nothing to mark, but the comparison still counts
        'disconnect_columns', coalesce(nullif(concat_ws(', ',
            case when mapping #>> '{connection,active}' is not null then '{connection.active} = false' end,
            case when mapping #>> '{connection,status}' is not null then '{connection.status} = ''needs_reauth''' end), ''),
            '{connection.access_token} = c.{connection.access_token}'),
        'status_is_wanted', case when mapping #>> '{session,status}' is null then 'true'
            else 's.{session.status}::text in ({wanted_status})' end);
    names := names
        || jsonb_build_object('link_columns', meetlink.fill(names ->> 'link_columns', names),
                              'disconnect_columns', meetlink.fill(names ->> 'disconnect_columns', names),
                              'status_is_wanted', meetlink.fill(names ->> 'status_is_wanted', names));
    select names || jsonb_build_object('starts_at', n ->> 'starts_at', 'ends_at', n ->> 'ends_at')
    into names from meetlink.with_columns_of_s_and_c(names, mapping) n;

    -- Bodies are quoted as literals: a name of the user's that holds the dollar tag must not end them.

    -- Writes links to sessions that still want one and whose claim is still the given one, and never waits
    -- for a row. The application's triggers and constraints may refuse a link: then row by row, so that
    -- one refusal stays one row's trouble. A session that has another time than its meeting is left, and told
    -- with its time (moved): a link without starts_at and ends_at is written all the same.
    -- Returns an object with the claim ids of those that were not written, and of each verdict, detail, starts_at, ends_at.
    execute format('%s as %L', meetlink.fill($sql$
        create function meetlink.write_links(links jsonb) returns jsonb
        language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
        -- A plan that was made when the tables were small would read a backlog that comes all at once for each link. The
        -- application's triggers run under this, too, and prefer an index; how often they are planned does not change.
        set enable_seqscan = off set jit = off
        $sql$, names), meetlink.fill($body$
        #variable_conflict use_variable
        declare
            unwritten jsonb := '{}';
            link jsonb;
            key {session_key};
            claim_id bigint;
            wanted boolean;
            starts_now timestamptz;
            ends_now timestamptz;
            kept boolean;
            verdict text;
            detail text;
        begin
            if jsonb_array_length(links) > 1 then
                -- Somebody rebuilds or empties the table: everything waits then, this fails soon (meetlink.settle).
                lock table {sessions} in row exclusive mode;
                begin
                    with link as materialized (
                        select l.*, meetlink.session_key(l.session_id) as key
                        from jsonb_to_recordset(links) as l(session_id text, claim_id bigint, join_url text, external_id text,
                                                            starts_at double precision, ends_at double precision)
                        where meetlink.is_claimed_as(l.session_id, l.claim_id)  -- many, so that what follows is hashed
                    ), locked as materialized (
                        select s.{session.id} as key, s.{session.join_url} is null and {status_is_wanted} as wanted,
                               {starts_at} as starts_now, {ends_at} as ends_now
                        from {sessions} s
                        where s.{session.id} = any (array(select l.key from link l))  -- see meetlink.unblock
                        for no key update skip locked
                    ), compared as materialized (
                        select l.claim_id, l.key, l.join_url, l.external_id, k.wanted, k.starts_now, k.ends_now,
                               k.wanted and meetlink.is_moved(k.starts_now, k.ends_now, l.starts_at, l.ends_at) as moved
                        from locked k join link l using (key)
                    ), written as (
                        update {sessions} s
                        set {link_columns}
                        from compared l
                        where s.{session.id} = any (array(select l.key from compared l where l.wanted and not l.moved))
                          and s.{session.id} = l.key
                        returning l.claim_id, s.{session.join_url} is not null as kept
                    )
                    select coalesce(jsonb_object_agg(l.claim_id, jsonb_build_object(
                        'verdict', case when k.moved then 'moved'
                                        when k.wanted then 'rejected'
                                        when k.key is not null or (select true from {sessions} s where s.{session.id} = l.key limit 1) is null
                                          then 'unwanted'
                                        else 'busy' end,
                        'detail', case when k.wanted and not k.moved then 'a trigger of the table discarded the link' end,
                        'starts_at', case when k.moved then k.starts_now end, 'ends_at', case when k.moved then k.ends_now end)), '{}')
                    into unwritten
                    from link l left join compared k using (claim_id)
                    where not exists (select from written w where w.claim_id = l.claim_id and w.kept);
                    return unwritten;
                exception
                    -- trouble of the whole database is not one row's
                    when insufficient_resources or system_error or operator_intervention then raise;
                    when others then null;
                end;
            end if;

            -- One by one: to start these statements takes a fraction of what the one above needs.
            for i in 0 .. jsonb_array_length(links) - 1 loop
                link := links -> i;
                claim_id := link ->> 'claim_id';
                verdict := null;
                begin
                    key := meetlink.session_key(link ->> 'session_id');
                    continue when meetlink.is_claimed_as(link ->> 'session_id', claim_id) is not true;
                    select s.{session.join_url} is null and {status_is_wanted}, {starts_at}, {ends_at}
                    into wanted, starts_now, ends_now
                    from {sessions} s where s.{session.id} = key for no key update skip locked;
                    if not found then
                        verdict := case when exists (select from {sessions} s where s.{session.id} = key) then 'busy' else 'unwanted' end;
                    elsif wanted is not true then
                        verdict := 'unwanted';
                    elsif meetlink.is_moved(starts_now, ends_now, (link ->> 'starts_at')::double precision, (link ->> 'ends_at')::double precision) then
                        verdict := 'moved';
                    else
                        with written as (
                            update {sessions} s
                            set {link_columns}
                            from (select link ->> 'join_url' as join_url, link ->> 'external_id' as external_id) l
                            where s.{session.id} = key
                            returning s.{session.join_url} is not null as kept)
                        select bool_and(w.kept) into kept from written w;  -- a key may be unique in a partition only
                        if kept is not true then
                            verdict := 'rejected';
                            detail := 'a trigger of the table discarded the link';
                        end if;
                    end if;
                exception
                    when insufficient_resources or system_error or operator_intervention then raise;
                    when transaction_rollback or lock_not_available then
                        verdict := 'busy';
                    when others then
                        verdict := 'rejected';
                        detail := left(sqlerrm, 500);
                end;
                if verdict is not null then
                    unwritten := unwritten || jsonb_build_object(claim_id, jsonb_build_object(
                        'verdict', verdict, 'detail', case when verdict = 'rejected' then detail end,
                        'starts_at', case when verdict = 'moved' then starts_now end,
                        'ends_at', case when verdict = 'moved' then ends_now end));
                end if;
            end loop;
            return unwritten;
        end
        $body$, names));

    -- Refreshed tokens, only over those that were read.
    execute format('%s as %L', meetlink.fill($sql$
        create function meetlink.write_tokens(owner_id text, provider text, was_access text, was_refresh text,
                                              access text, refresh text, expires_at timestamptz)
        returns boolean
        language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
        $sql$, names), meetlink.fill($body$
        begin
            update {connections} c
            set {connection.access_token} = write_tokens.access, {connection.refresh_token} = write_tokens.refresh,
                {connection.expires_at} = write_tokens.expires_at
            where c.{connection.owner} = meetlink.owner_key(write_tokens.owner_id)
              and c.{connection.provider}::text = write_tokens.provider
              and c.{connection.access_token}::text is not distinct from write_tokens.was_access
              and c.{connection.refresh_token}::text is not distinct from write_tokens.was_refresh;
            return found;
        end
        $body$, names));

    -- The application's way to say that a person must reconnect, only while the tokens are those that died.
    execute format('%s as %L', meetlink.fill($sql$
        create function meetlink.mark_disconnected(owner_id text, provider text, was_access text, was_refresh text)
        returns boolean
        language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
        $sql$, names), meetlink.fill($body$
        begin
            update {connections} c
            set {disconnect_columns}
            where c.{connection.owner} = meetlink.owner_key(mark_disconnected.owner_id)
              and c.{connection.provider}::text = mark_disconnected.provider
              and c.{connection.access_token}::text is not distinct from mark_disconnected.was_access
              and c.{connection.refresh_token}::text is not distinct from mark_disconnected.was_refresh;
            return found;
        end
        $body$, names));

    foreach signature in array array[
        'write_links(jsonb)', 'write_tokens(text, text, text, text, text, text, timestamptz)',
        'mark_disconnected(text, text, text, text)'] loop
        execute format('alter function meetlink.%s owner to %s', signature, names ->> 'table_owner');
        execute format('revoke all on function meetlink.%s from public', signature);
        execute format('grant execute on function meetlink.%s to meetlink_sidecar', signature);
    end loop;
end
$$;

-- Triggers whose conditions keep sessions with a link away, so that these cost nothing. They ask no more than that:
-- each statement on the table compiles them anew (extension/src/flag.cpp).
-- UPDATE triggers name no columns: "UPDATE OF" misses what a BEFORE trigger changed.
create function meetlink.generate_triggers(names jsonb, mapping jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    reconnected text;
    usable text;
begin
    select string_agg(format('old.%1$I is distinct from new.%1$I', mapping -> 'connection' ->> c.name), ' or ') into reconnected
    from meetlink.canonical_columns() c
    where c.kind = 'connection' and c.name in ('owner', 'provider', 'active', 'status', 'access_token', 'refresh_token')
      and mapping -> 'connection' ->> c.name is not null;
    usable := concat_ws(' and ', 'true',
        case when mapping #>> '{connection,active}' is not null then 'new.{connection.active}' end,
        case when mapping #>> '{connection,status}' is not null then 'new.{connection.status}::text = ''connected''' end);
    names := names || jsonb_build_object(
        'reconnected', reconnected,
        'usable', meetlink.fill(usable, names),
        'session_arguments', (select string_agg(quote_literal(coalesce(mapping -> 'session' ->> n, '')), ', ' order by o)
                              from unnest(array['id', 'owner', 'provider', 'starts_at', 'ends_at', 'duration_minutes', 'join_url', 'status'])
                                   with ordinality as u(n, o)) || ', ' || (names ->> 'wanted_status'),
        'reconnect_arguments', quote_literal(mapping #>> '{connection,owner}') || ', ' || quote_literal(mapping #>> '{connection,provider}'));

    execute meetlink.fill($sql$
        create or replace trigger meetlink_flag_insert after insert on {sessions}
        for each row when (new.{session.join_url} is null) execute function meetlink.flag({session_arguments})$sql$, names);
    execute meetlink.fill($sql$
        create or replace trigger meetlink_flag_update after update on {sessions}
        for each row when (old.{session.join_url} is null or new.{session.join_url} is null)
        execute function meetlink.flag({session_arguments})$sql$, names);
    execute meetlink.fill($sql$
        create or replace trigger meetlink_retire_delete after delete on {sessions}
        for each row when (old.{session.join_url} is null) execute function meetlink.retire({session_arguments})$sql$, names);
    execute meetlink.fill($sql$
        create or replace trigger meetlink_retire_truncate after truncate on {sessions}
        for each statement execute function meetlink.retire({session_arguments})$sql$, names);
    execute meetlink.fill($sql$
        create or replace trigger meetlink_reconnect_insert after insert on {connections}
        for each row when ({usable}) execute function meetlink.reconnected({reconnect_arguments})$sql$, names);
    execute meetlink.fill($sql$
        create or replace trigger meetlink_reconnect_update after update on {connections}
        for each row when ({usable} and ({reconnected}))
        execute function meetlink.reconnected({reconnect_arguments})$sql$, names);
end
$$;

create function meetlink.drop_triggers(relation regclass) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
declare
    name text;
begin
    for name in
        select t.tgname from pg_trigger t
        where t.tgrelid = relation and t.tgparentid = 0
          and t.tgfoid in (select p.oid from pg_proc p
                           where p.pronamespace = 'meetlink'::regnamespace and p.proname in ('flag', 'retire', 'reconnected'))
    loop
        execute format('drop trigger %I on %s', name, relation);
    end loop;
end
$$;

create function meetlink.drop_generated() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp set client_min_messages = warning as
$$
begin
    drop view if exists meetlink.outlook, meetlink.stuck_sessions, meetlink.connection_health, meetlink.refresh_candidate, meetlink.drift,
        meetlink.unlinked, meetlink.unseen, meetlink.connection, meetlink.session;
    drop function if exists meetlink.write_links(jsonb),
        meetlink.write_tokens(text, text, text, text, text, text, timestamptz),
        meetlink.mark_disconnected(text, text, text, text), meetlink.session_key(text), meetlink.owner_key(text);
end
$$;
