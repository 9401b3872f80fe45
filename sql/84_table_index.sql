-- Indexes and constraints of the user's tables: what attach knows of them when it generates views, and
-- the one index that meetlink wants on the sessions table: sessions without a link, by their start. Without it
-- everything works, but stuck_sessions, forecast and the sweep read the whole table. CREATE INDEX keeps bookings waiting
-- while it reads the table; so attach makes it only where that is a moment, and else meetlink.health() names the
-- statement for the tables' owner.

-- Up to this size of the table attach makes the index itself.
create function meetlink.small_table() returns bigint
language sql immutable set search_path = pg_catalog, pg_temp as
$$
    select 64 * 1024 * 1024::bigint
$$;

-- An index that serves meetlink.unlinked, whatever its name; null if there is none.
create function meetlink.unlinked_index(sessions regclass, mapping jsonb) returns regclass
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select i.indexrelid
    from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam and m.amname = 'btree'
    where i.indrelid = sessions and i.indisvalid and a.attname = mapping #>> '{session,starts_at}'
      and pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NULL)', mapping #>> '{session,join_url}')
    order by i.indexrelid limit 1
$$;

-- The one that bears meetlink's name, be it of use or not.
create function meetlink.own_unlinked_index(sessions regclass) returns regclass
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select c.oid from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = sessions and c.relname = 'meetlink_unlinked'
$$;

create function meetlink.create_unlinked_index(sessions regclass, mapping jsonb, online boolean) returns text
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select format('CREATE INDEX %smeetlink_unlinked ON %s (%I) WHERE %I IS NULL',
                  -- not for partitioned tables
                  case when online and c.relkind = 'r' then 'CONCURRENTLY ' else '' end, meetlink.qualified(sessions),
                  mapping #>> '{session,starts_at}', mapping #>> '{session,join_url}')
    from pg_class c where c.oid = sessions
$$;

-- Part of attach, which has locked the table.
create function meetlink.provide_unlinked_index(sessions regclass, mapping jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
begin
    if meetlink.unlinked_index(sessions, mapping) is not null then
        return;
    end if;
    perform meetlink.drop_unlinked_index(sessions);  -- of other columns, or half made
    if (select sum(pg_relation_size(relid)) from (select sessions as relid union select t.relid from pg_partition_tree(sessions) t) t)
       <= meetlink.small_table() then
        execute meetlink.create_unlinked_index(sessions, mapping, false);
    else
        raise notice 'table % is too large to make an index of it now', sessions
            using detail = 'Without one, the sweep and meetlink.stuck_sessions read the whole table.',
                  hint = format('At a quiet time, run: %s', meetlink.create_unlinked_index(sessions, mapping, true));
    end if;
end
$$;

create function meetlink.drop_unlinked_index(sessions regclass) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as
$$
begin
    if meetlink.own_unlinked_index(sessions) is not null then
        execute format('drop index %s', meetlink.qualified(meetlink.own_unlinked_index(sessions)));
    end if;
end
$$;

-- Whether sessions of one owner can be found without reading all of them.
create function meetlink.has_owner_index(sessions text, mapping jsonb) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select exists (
        select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = sessions::regclass and i.indisvalid and i.indpred is null
          and a.attname = mapping #>> '{session,owner}')
$$;

-- Whether no two rows have the same values in these columns (be it that one of them is unique).
create function meetlink.is_unique(relation text, variadic columns text[]) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select exists (
        select from pg_index i
        where i.indrelid = relation::regclass and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
          and not exists (select from unnest((i.indkey::smallint[])[0:i.indnkeyatts - 1]) k(attnum)
                          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
                          where a.attname <> all (columns)))
$$;

create function meetlink.is_not_null(relation text, column_name text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as
$$
    select a.attnotnull from pg_attribute a where a.attrelid = relation::regclass and a.attname = column_name
$$;
