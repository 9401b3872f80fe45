\echo Use "CREATE EXTENSION meetlink" to load this file. \quit

-- Path of a row: 20_job -> 30_flag (the application's transaction) -> 40_claim -> 50_token
-- -> 60_settle (the daemon) ; 70_housekeeping for all that time does ; 80.. attach to the user's tables.
--
-- Rules of these files: names are qualified; every function locks its search_path; functions of the
-- extension's owner (SECURITY DEFINER) touch private tables only, never the user's tables nor views
-- over them, because those run code that belongs to the tables' owner.

set local search_path = pg_catalog, pg_temp;

create schema meetlink;

comment on schema meetlink is 'meetlink: every booked session gets its meeting link, or the reason why not.';

-- Roles belong to the whole cluster: another database, or a restore, may have made them already.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'meetlink_sidecar') then
        create role meetlink_sidecar nologin;
    end if;
    if not exists (select from pg_catalog.pg_roles where rolname = 'meetlink_operator') then
        create role meetlink_operator nologin;
    end if;
    if not exists (select from pg_catalog.pg_roles where rolname = 'meetlink_gateway') then
        create role meetlink_gateway nologin noinherit;
    end if;
    if not pg_catalog.pg_has_role('meetlink_gateway', 'meetlink_operator', 'member') then
        grant meetlink_operator to meetlink_gateway;
    end if;
end
$$;

grant usage on schema meetlink to meetlink_sidecar, meetlink_operator;
