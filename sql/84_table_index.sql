-- Indexes and constraints of the user's tables: what attach knows of them when it generates views.

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
