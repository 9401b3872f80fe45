-- Attaching to the user's tables: checks here, what is generated in 81_generate.sql.
-- meetlink.attach itself is C++ (extension/src/attach.cpp): as the caller it checks that the caller owns
-- both tables, and then runs attach_tables as the extension's owner.

create function meetlink.attach(sessions regclass default null, connections regclass default null, mapping jsonb default '{}')
returns text
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'meetlink_attach';

comment on function meetlink.attach(regclass, regclass, jsonb) is
    'Attaches meetlink to the tables of sessions and connections (run it as their owner; again after an upgrade or a renamed '
    'column). Null means the tables that are attached already, else public.sessions and public.tutor_video_provider_connections. Keys of mapping: session and connection '
    '(objects: canonical column -> your column, or null), wanted_status (array), grant_to (array of roles).';

create function meetlink.detach(keep_jobs boolean default false) returns text
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'meetlink_detach';

comment on function meetlink.detach(boolean) is
    'Removes every trace of meetlink from the user''s tables, and with them jobs and history unless keep_jobs is true.';

-- The canonical columns: what they are called in APP's tables, whether meetlink can do without, and their types.
create function meetlink.canonical_columns()
returns table (kind text, name text, default_column text, required boolean, written boolean, types text[])
language sql immutable set search_path = pg_catalog, pg_temp as
$$
    values
    ('session',    'id',               'id',                      true,  false, '{uuid,bigint,integer,text,character varying}'::text[]),
    ('session',    'owner',            'tutor_id',                true,  false, '{uuid,bigint,integer,text,character varying}'),
    ('session',    'provider',         'provider',                true,  false, '{text,character varying,enum}'),
    ('session',    'status',           'status',                  false, false, '{text,character varying,enum}'),
    ('session',    'starts_at',        'scheduled_start_at',      true,  false, '{timestamp with time zone}'),
    ('session',    'ends_at',          'scheduled_end_at',        false, false, '{timestamp with time zone}'),
    ('session',    'duration_minutes', 'duration_minutes',        false, false, '{integer,smallint,bigint}'),
    ('session',    'join_url',         'join_url',                true,  true,  '{text,character varying}'),
    ('session',    'external_id',      'meeting_external_id',     false, true,  '{text,character varying}'),
    ('session',    'linked_at',        'meeting_created_at',      false, true,  '{timestamp with time zone}'),
    ('session',    'title',            null,                      false, false, '{text,character varying}'),
    ('connection', 'owner',            'tutor_id',                true,  false, '{uuid,bigint,integer,text,character varying}'),
    ('connection', 'provider',         'provider',                true,  false, '{text,character varying,enum}'),
    ('connection', 'active',           'is_active',               false, true,  '{boolean}'),
    ('connection', 'status',           'connection_status',       false, true,  '{text,character varying,enum}'),
    ('connection', 'account',          'provider_account_email',  false, false, '{text,character varying}'),
    ('connection', 'access_token',     'access_token_encrypted',  true,  true,  '{text,character varying}'),
    ('connection', 'refresh_token',    'refresh_token_encrypted', true,  true,  '{text,character varying}'),
    ('connection', 'expires_at',       'token_expires_at',        true,  true,  '{timestamp with time zone}')
$$;

-- Checks the mapping's form, and completes it with the defaults.
create function meetlink.complete_mapping(mapping jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp as
$$
declare
    key text;
    canonical text;
    value jsonb;
    complete jsonb;
begin
    if jsonb_typeof(coalesce(mapping, '{}')) <> 'object' then
        raise exception 'mapping must be a JSON object' using errcode = 'invalid_parameter_value';
    end if;
    for key, value in select * from jsonb_each(coalesce(mapping, '{}')) loop
        if key in ('session', 'connection') then
            if jsonb_typeof(value) <> 'object' then
                raise exception 'mapping key "%" must be an object', key
                    using errcode = 'invalid_parameter_value', hint = 'It maps canonical column names to yours.';
            end if;
            for canonical, value in select * from jsonb_each(value) loop
                if not exists (select from meetlink.canonical_columns() c where c.kind = key and c.name = canonical) then
                    raise exception 'mapping names an unknown % column "%"', key, canonical
                        using errcode = 'invalid_parameter_value',
                              hint = format('Canonical columns of a %s are: %s.', key,
                                            (select string_agg(c.name, ', ') from meetlink.canonical_columns() c where c.kind = key));
                elsif jsonb_typeof(value) not in ('string', 'null') or value #>> '{}' = '' then
                    raise exception 'mapping of % column "%" must be a column name or null', key, canonical
                        using errcode = 'invalid_parameter_value';
                elsif jsonb_typeof(value) = 'null'
                      and (select c.required from meetlink.canonical_columns() c where c.kind = key and c.name = canonical) then
                    raise exception 'mapping of % column "%" cannot be null', key, canonical
                        using errcode = 'invalid_parameter_value', detail = 'meetlink cannot work without this column.';
                end if;
            end loop;
        elsif key in ('wanted_status', 'grant_to') then
            if jsonb_typeof(value) <> 'array' or jsonb_path_exists(value, '$[*] ? (@.type() != "string")') then
                raise exception 'mapping key "%" must be an array of strings', key using errcode = 'invalid_parameter_value';
            elsif key = 'wanted_status' and jsonb_array_length(value) = 0 then
                raise exception 'mapping key "wanted_status" must not be empty'
                    using errcode = 'invalid_parameter_value', detail = 'No session would ever need a link.';
            end if;
        else
            raise exception 'mapping has an unknown key "%"', key
                using errcode = 'invalid_parameter_value', hint = 'Keys are session, connection, wanted_status and grant_to.';
        end if;
    end loop;

    select jsonb_object_agg(d.kind, d.columns || coalesce(mapping -> d.kind, '{}')) into complete
    from (select c.kind, jsonb_object_agg(c.name, c.default_column) as columns
          from meetlink.canonical_columns() c group by c.kind) d;
    return jsonb_build_object('wanted_status', '["SCHEDULED", "JOIN_OPEN"]'::jsonb, 'grant_to', '[]'::jsonb)
           || (coalesce(mapping, '{}') - 'session' - 'connection') || complete;
end
$$;

-- The base type of a column as meetlink sees it ("enum" for every enum), null when there is no such column.
create function meetlink.column_type(relation regclass, column_name text) returns text
language sql stable set search_path = pg_catalog, pg_temp as
$$
    with recursive base as (
        select t.oid, t.typtype, t.typbasetype
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        where a.attrelid = relation and a.attname = column_name and a.attnum > 0 and not a.attisdropped
        union all
        select t.oid, t.typtype, t.typbasetype
        from base b join pg_type t on t.oid = b.typbasetype
        where b.typtype = 'd')
    select case b.typtype when 'e' then 'enum' else format_type(b.oid, null) end
    from base b where b.typtype <> 'd'
$$;

-- Raises a clear error for the first table or column that cannot be used.
create function meetlink.check_tables(sessions regclass, connections regclass, mapping jsonb) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as
$$
declare
    relation regclass;
    class pg_class;
    c record;
    column_name text;
    found_type text;
begin
    foreach relation in array array[sessions, connections] loop
        select * into class from pg_class where oid = relation;
        if class.relkind not in ('r', 'p') then
            raise exception '% is not a table', relation
                using errcode = 'wrong_object_type', detail = 'meetlink needs triggers, so it attaches to tables and partitioned tables only.';
        elsif class.relpersistence = 't' then
            raise exception '% is a temporary table', relation using errcode = 'wrong_object_type';
        elsif class.relispartition then
            raise exception '% is a partition', relation
                using errcode = 'wrong_object_type', hint = 'Attach to the partitioned table.';
        elsif class.relforcerowsecurity then
            raise exception 'row-level security is forced on %', relation
                using errcode = 'object_not_in_prerequisite_state',
                      detail = 'meetlink reads and writes as the table''s owner, whose rows would vanish silently.',
                      hint = format('Run: ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', relation);
        end if;
    end loop;
    if sessions = connections then
        raise exception 'sessions and connections cannot be the same table' using errcode = 'invalid_parameter_value';
    end if;

    for c in select * from meetlink.canonical_columns() loop
        relation := case c.kind when 'session' then sessions else connections end;
        column_name := mapping -> c.kind ->> c.name;
        continue when column_name is null;
        found_type := meetlink.column_type(relation, column_name);
        if found_type is null then
            raise exception 'column "%" of table % does not exist', column_name, relation
                using errcode = 'undefined_column',
                      detail = format('It is mapped as the %s column "%s".', c.kind, c.name),
                      hint = format('Name yours in the mapping, for example: SELECT meetlink.attach(mapping => ''{"%s": {"%s": "your_column"}}'')%s',
                                    c.kind, c.name, case when c.required then '' else '; null if there is none' end);
        elsif found_type <> all (c.types) then
            raise exception 'column "%" of table % has type %, which cannot be a %', column_name, relation, found_type,
                    c.kind || '''s ' || c.name
                using errcode = 'datatype_mismatch',
                      detail = format('Usable types are: %s.', array_to_string(c.types, ', '));
        elsif c.written and exists (select from pg_attribute a where a.attrelid = relation and a.attname = column_name
                                                                 and a.attgenerated <> '') then
            raise exception 'column "%" of table % is generated, but meetlink must write it', column_name, relation
                using errcode = 'object_not_in_prerequisite_state';
        end if;
    end loop;

    if meetlink.column_type(sessions, mapping #>> '{session,owner}')
       is distinct from meetlink.column_type(connections, mapping #>> '{connection,owner}') then
        raise exception 'sessions and connections name their owner by different types, % and %',
                meetlink.column_type(sessions, mapping #>> '{session,owner}'),
                meetlink.column_type(connections, mapping #>> '{connection,owner}')
            using errcode = 'datatype_mismatch';
    end if;
    if not exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
                   where i.indrelid = sessions and i.indisunique and i.indpred is null
                     and a.attname = mapping #>> '{session,id}') then
        raise exception 'no unique index of table % begins with column "%"', sessions, mapping #>> '{session,id}'
            using errcode = 'object_not_in_prerequisite_state',
                  detail = 'Sessions are read and written by this key.';
    end if;
end
$$;

-- The rest of attach, as the extension's owner; the caller's right to do it has been checked.
-- Bookings must not queue up behind a lock that is itself waiting: hence the lock_timeout.
create function meetlink.attach_tables(sessions regclass, connections regclass, mapping jsonb) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp set lock_timeout = '3s' as
$$
declare
    complete jsonb;
    before meetlink.attachment;
    attached meetlink.attachment;
    owners oid[];
    grantee text;
begin
    begin
        execute format('lock table %s, %s in share row exclusive mode', sessions, connections);
    exception
        when lock_not_available then
            raise exception 'could not lock % and % within 3 s', sessions, connections
                using errcode = 'lock_not_available', detail = 'Another transaction uses them; nothing was changed.',
                      hint = 'Try again when they are less busy.';
        when wrong_object_type then
            null;  -- check_tables says it better
    end;

    select * into before from meetlink.attachment for update;
    if before is not null and (to_regclass(before.sessions) is distinct from sessions
                               or to_regclass(before.connections) is distinct from connections) then
        if to_regclass(before.sessions) is not null then
            raise exception 'meetlink is already attached to % and %', before.sessions, before.connections
                using errcode = 'ML002', hint = 'There is one attachment per database; run SELECT meetlink.detach() first.';
        end if;
        perform meetlink.drop_generated();  -- of tables that are gone, or renamed
    end if;
    -- run again without a mapping, it keeps the one there is
    complete := meetlink.complete_mapping(case when before is not null and coalesce(mapping, '{}') = '{}' then before.mapping else mapping end);
    perform meetlink.check_tables(sessions, connections, complete);

    select array_agg(distinct relowner) into owners from pg_class where oid in (sessions, connections);
    if cardinality(owners) > 1 then
        raise exception 'tables % and % have different owners', sessions, connections
            using errcode = 'object_not_in_prerequisite_state',
                  detail = 'Links and tokens are written back with the rights of the tables'' one owner.';
    end if;
    for grantee in select jsonb_array_elements_text(complete -> 'grant_to') loop
        if not exists (select from pg_roles where rolname = grantee) then
            raise exception 'role "%" in mapping key "grant_to" does not exist', grantee using errcode = 'undefined_object';
        end if;
    end loop;

    if before is not null then
        perform meetlink.revoke_retry(before.mapping);
        perform meetlink.revoke_reading(before.table_owner);
    end if;
    insert into meetlink.attachment as a (sessions, connections, mapping, table_owner, generated_version)
    values (meetlink.qualified(sessions), meetlink.qualified(connections), complete, pg_get_userbyid(owners[1]),
            (select extversion from pg_extension where extname = 'meetlink'))
    on conflict (only_one) do update
    set sessions = excluded.sessions, connections = excluded.connections, mapping = excluded.mapping,
        table_owner = excluded.table_owner, generated_version = excluded.generated_version
    returning * into attached;
    insert into meetlink.tenant default values on conflict do nothing;
    update meetlink.daemon set swept_at = null, sweep_took = null where swept_at is not null;  -- those were other tables

    -- Jobs kept over a migration may have keys of another type; the sweep makes them anew.
    begin
        execute format('select count(session_id::%s), count(owner_id::%s) from meetlink.job',
                       meetlink.column_type(sessions, complete #>> '{session,id}'),
                       meetlink.column_type(sessions, complete #>> '{session,owner}'));
    exception
        when data_exception then delete from meetlink.job;
    end;

    perform meetlink.drop_generated();
    perform meetlink.generate(attached);
    return format('attached to %s and %s', attached.sessions, attached.connections);
end
$$;

create function meetlink.qualified(relation regclass) returns text
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select format('%I.%I', n.nspname, c.relname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = relation
$$;

create function meetlink.detach_tables(keep_jobs boolean) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp set lock_timeout = '3s' as
$$
declare
    before meetlink.attachment;
begin
    delete from meetlink.attachment returning * into before;
    if not found then
        return 'meetlink was not attached';
    end if;
    perform meetlink.revoke_retry(before.mapping);
    perform meetlink.drop_triggers(to_regclass(before.sessions));
    perform meetlink.drop_triggers(to_regclass(before.connections));
    perform meetlink.drop_generated();
    perform meetlink.revoke_reading(before.table_owner);
    if not keep_jobs then
        delete from meetlink.job;
        delete from meetlink.orphan;  -- also those that the line above makes
        delete from meetlink.daily_use;
        delete from meetlink.attempt;
        delete from meetlink.refresh;
        delete from meetlink.provider_block;
        delete from meetlink.daemon;
    end if;
    return format('detached from %s and %s', before.sessions, before.connections);
end
$$;
