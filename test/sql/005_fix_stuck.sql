-- sql/fix_stuck_meeting_links.sql: runs as it is without the extension, and tells each cause apart.
drop extension meetlink cascade;
\ir ../fixture/app_schema.sql
\ir ../fixture/people.sql
select no_plan();

-- Sessions 1 to 6, each stuck for another cause, by a tutor of its own; those from 7 on are not stuck.
insert into public.profiles (id, role) select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'tutor' from generate_series(1, 10) n;
create function tutor(n integer) returns uuid language sql as $$ select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
select fixture.connect(tutor(n)) from generate_series(2, 10) n \g /dev/null
update public.tutor_video_provider_connections set is_active = false where tutor_id = tutor(2);
update public.tutor_video_provider_connections set connection_status = 'needs_reauth' where tutor_id = tutor(3);
update public.tutor_video_provider_connections set refresh_token_encrypted = null where tutor_id = tutor(4);
update public.tutor_video_provider_connections set token_expires_at = now() - interval '1 hour' where tutor_id = tutor(5);
select fixture.book(n, tutor(n), ahead => n * interval '1 hour') from generate_series(1, 6) n \g /dev/null
select fixture.book(7, tutor(7), join_url => 'https://zoom.us/j/7'), fixture.book(8, tutor(8), status => 'CANCELLED'),
    fixture.book(9, tutor(9), ahead => '-1 day'), fixture.book(10, tutor(10), ahead => '-2 days', join_url => 'https://zoom.us/j/10') \g /dev/null

-- as it is
\o /dev/null
begin read only;
\ir ../../sql/fix_stuck_meeting_links.sql
commit;
\o
select pass('the file runs as it is, and writes nothing');

-- what each query answers
\set script `cat sql/fix_stuck_meeting_links.sql`
create temp table script as select :'script'::text as content;
do $$
declare
    part text;
    n integer := 0;
begin
    foreach part in array (select regexp_split_to_array(content, ';\s*(\n|$)') from script) loop
        continue when part !~ 'select';
        n := n + 1;
        execute format('create temp table answer_%s as %s', n, regexp_replace(part, '^\s*(--[^\n]*\n\s*)+', ''));
    end loop;
end
$$;
select is((select string_agg(right(session_id::text, 1) || ' ' || cause, ', ') from answer_1),
    '1 the tutor has no connection for this provider, 2 the tutor must reconnect, 3 the tutor must reconnect, 4 the connection cannot be refreshed, 5 the access token has expired, '
    '6 the connection looks fine: the provider''s API or the network failed', '1: stuck sessions, the nearest first, and why');
select is((select minutes_to_start from answer_1 limit 1), 59, '1: and how soon');
select results_eq('select without_link, sessions, percent from answer_2', 'values (1::bigint, 2::bigint, 50.0)', '2: how many went by without a link');
select is((select string_agg(concat_ws(' ', right(tutor_id::text, 1), is_active, connection_status, can_be_refreshed, upcoming_sessions_without_link), ', ') from answer_3),
    '2 f connected t 1, 3 t needs_reauth t 1, 4 t connected f 1', '3: which tutors must act');
select is((select string_agg(right(tutor_id::text, 1), ' ') from answer_4), '5', '4: whose access token has expired');
select is((select string_agg(cause || ' ' || sessions || '/' || within_24_hours, ', ') from answer_5),
    'no connection for this provider 1/1, connection needs its tutor 2/2, connection cannot be refreshed 1/1, access token expired 1/1, provider or network failed 1/1', '5: the summary');
select ok(not exists (select from answer_5 where what_helps is null), '5: and what helps');
select * from finish();
