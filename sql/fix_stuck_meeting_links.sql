-- Do I have the problem that meetlink solves? Five questions to the application's tables alone.
--
-- Nothing is installed and nothing is changed: paste the whole file, or one query, into psql or a web SQL
-- editor. Table and column names are those of the application meetlink was first built for; replace
-- public.sessions and public.tutor_video_provider_connections by yours. A web editor that shows the
-- result of the last statement only shows the summary, so that comes last.

-- 1. Which sessions should have a link and have none? The nearest start first.
select s.id as session_id,
       s.tutor_id,
       s.provider,
       s.status,
       s.scheduled_start_at as starts_at,
       floor(extract(epoch from s.scheduled_start_at - now()) / 60)::integer as minutes_to_start,
       age(now(), s.created_at) as waiting_since,
       case
           when c.tutor_id is null then 'the tutor has no connection for this provider'
           when not c.is_active or c.connection_status <> 'connected' then 'the tutor must reconnect'
           when c.refresh_token_encrypted is null then 'the connection cannot be refreshed'
           when c.token_expires_at < now() then 'the access token has expired'
           else 'the connection looks fine: the provider''s API or the network failed'
       end as cause,
       c.connection_status,
       c.token_expires_at
from public.sessions s
left join public.tutor_video_provider_connections c on c.tutor_id = s.tutor_id and c.provider = s.provider
where s.join_url is null
  and s.status in ('SCHEDULED', 'JOIN_OPEN')
  and s.scheduled_end_at > now()
order by s.scheduled_start_at;

-- 2. How many sessions went by without a link in the last 30 days?
select count(*) filter (where s.join_url is null) as without_link,
       count(*) as sessions,
       round(100.0 * count(*) filter (where s.join_url is null) / nullif(count(*), 0), 1) as percent
from public.sessions s
where s.status <> 'CANCELLED'
  and s.scheduled_start_at between now() - interval '30 days' and now();

-- 3. Which connections need their tutor, and how many upcoming sessions depend on each?
select c.tutor_id,
       c.provider,
       c.provider_account_email as account,
       c.is_active,
       c.connection_status,
       c.refresh_token_encrypted is not null as can_be_refreshed,
       c.updated_at as last_changed,
       count(s.id) as upcoming_sessions_without_link,
       min(s.scheduled_start_at) as next_start
from public.tutor_video_provider_connections c
left join public.sessions s on s.tutor_id = c.tutor_id and s.provider = c.provider and s.join_url is null
     and s.status in ('SCHEDULED', 'JOIN_OPEN') and s.scheduled_end_at > now()
where not c.is_active or c.connection_status <> 'connected' or c.refresh_token_encrypted is null
group by c.tutor_id, c.provider, c.provider_account_email, c.is_active, c.connection_status,
         c.refresh_token_encrypted is not null, c.updated_at
order by min(s.scheduled_start_at) nulls last;

-- 4. Which access tokens have expired? By itself this is harmless: a refresh token renews them. It
--    becomes a missing link where nothing refreshes before the API is called.
select c.tutor_id, c.provider, c.token_expires_at, age(now(), c.token_expires_at) as expired_since
from public.tutor_video_provider_connections c
where c.is_active and c.connection_status = 'connected' and c.token_expires_at < now()
order by c.token_expires_at;

-- 5. The summary: stuck sessions by cause, and what helps.
select cause, what_helps, count(*) as sessions, min(starts_at) as next_start,
       count(*) filter (where starts_at < now() + interval '24 hours') as within_24_hours
from (
    select s.scheduled_start_at as starts_at,
           case
               when c.tutor_id is null then 'no connection for this provider'
               when not c.is_active or c.connection_status <> 'connected' then 'connection needs its tutor'
               when c.refresh_token_encrypted is null then 'connection cannot be refreshed'
               when c.token_expires_at < now() then 'access token expired'
               else 'provider or network failed'
           end as cause,
           case
               when c.tutor_id is null then 'the tutor connects an account'
               when not c.is_active or c.connection_status <> 'connected' then 'the tutor reconnects in Settings'
               when c.refresh_token_encrypted is null then 'the tutor reconnects and agrees to offline access'
               when c.token_expires_at < now() then 'refresh and try again: meetlink does both'
               else 'try again: meetlink does'
           end as what_helps
    from public.sessions s
    left join public.tutor_video_provider_connections c on c.tutor_id = s.tutor_id and c.provider = s.provider
    where s.join_url is null
      and s.status in ('SCHEDULED', 'JOIN_OPEN')
      and s.scheduled_end_at > now()) stuck
group by cause, what_helps
order by min(starts_at);
