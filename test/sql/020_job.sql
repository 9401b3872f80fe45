-- The job table and its neighbours: what C++ relies on, and which states cannot be written.
select no_plan();

-- extension/src/job_table.hpp, enum JobColumn: read and written by position; the flag fills the first eleven
select is((select array_agg(attname || ' ' || format_type(atttypid, atttypmod) order by attnum) from pg_attribute
           where attrelid = 'meetlink.job'::regclass and attnum between 1 and 14),
    array['session_id text', 'owner_id text', 'provider text', 'starts_at timestamp with time zone', 'ends_at timestamp with time zone', 'state text',
          'flagged_at timestamp with time zone', 'due_at timestamp with time zone', 'attempts integer', 'generation integer', 'outcome_unknown boolean',
          'claim_id bigint', 'claimed_by bigint', 'lease_until timestamp with time zone'],
    'the first columns are those that C++ knows, in its order, with its types');
-- extension/src/attempt_table.cpp, enum AttemptColumn: it gives every value
select is((select array_agg(attname || ' ' || format_type(atttypid, atttypmod) order by attnum) from pg_attribute
           where attrelid = 'meetlink.attempt'::regclass and attnum > 0),
    array['id bigint', 'session_id text', 'owner_id text', 'provider text', 'claim_id bigint', 'attempt integer', 'daemon text',
          'started_at timestamp with time zone', 'finished_at timestamp with time zone', 'outcome text', 'stage text', 'reason text', 'http_status integer',
          'provider_code text', 'detail text', 'external_id text', 'next_at timestamp with time zone', 'timings jsonb'],
    'so are those of attempts, all of them');
select is((select attname::text from pg_attribute where attrelid = 'meetlink.daemon'::regclass and attnum = 2), 'name', 'and a daemon''s name is its second column');
select is_empty($$select tgrelid::regclass, tgname from pg_trigger
                  where tgrelid in ('meetlink.attempt'::regclass, 'meetlink.daily_use'::regclass) and not tgisinternal
                  union all
                  select tgrelid::regclass, tgname from pg_trigger
                  where tgrelid = 'meetlink.job'::regclass and not tgisinternal and (tgname <> 'suspect' or tgtype & 16 <> 0)  -- UPDATE$$,
    'no trigger but the one that settling keeps from firing, since C++ fires none');
select is_empty($$select attname from pg_attribute
                  where attrelid = 'meetlink.job'::regclass and attnum > 11 and (attnotnull or attgenerated <> '' or attisdropped)$$,
    'every later column may be null, since the flag runs no defaults');
select is_empty($$select tgname from pg_trigger where tgrelid = 'meetlink.job'::regclass and not tgisinternal
    and tgtype & 4 <> 0$$,  -- INSERT
    'no trigger for inserts on the job table, since the flag fires none');
select results_eq($$select pg_get_indexdef(indexrelid), indisreplident from pg_index where indrelid = 'meetlink.job'::regclass and indisunique$$,
    $$values ('CREATE UNIQUE INDEX job_session ON meetlink.job USING btree (session_id text_pattern_ops)', true)$$,
    'one unique index, by which the flag looks for a duplicate, and a subscriber of a publication for the row');
select ok(not relrowsecurity and not relispartition and relkind = 'r' and relpersistence = 'p', 'a plain, logged table')
from pg_class where oid = 'meetlink.job'::regclass;

-- the indexes that keep a claim at one small index
select is((select pg_get_indexdef('meetlink.job_due'::regclass)),
    'CREATE INDEX job_due ON meetlink.job USING btree ((
CASE
    WHEN (provider = ANY (ARRAY[''google_meet''::text, ''zoom''::text])) THEN provider
    ELSE ''''::text
END) text_pattern_ops, COALESCE(starts_at, ''infinity''::timestamp with time zone)) WHERE (state = ''due''::text)', 'due jobs by provider and start');
select is((select pg_get_indexdef('meetlink.job_waiting'::regclass)),
    'CREATE INDEX job_waiting ON meetlink.job USING btree (due_at) WHERE (state = ''waiting''::text)', 'waiting jobs by time');
select is((select pg_get_indexdef('meetlink.job_claimed'::regclass)),
    'CREATE INDEX job_claimed ON meetlink.job USING btree (lease_until) WHERE (state = ''claimed''::text)', 'claimed jobs by lease');
select is((select pg_get_indexdef('meetlink.job_blocked'::regclass)),
    'CREATE INDEX job_blocked ON meetlink.job USING btree (owner_id, provider) WHERE (state = ''blocked''::text)',
    'blocked jobs by connection');

-- the state machine
prepare job(text, bigint, bigint, timestamptz, text) as
insert into meetlink.job (session_id, state, claim_id, claimed_by, lease_until, reason)
values (gen_random_uuid()::text, $1, $2, $3, $4, $5);
select throws_ok($$execute job('sleeping', null, null, null, null)$$, '23514', null, 'an unknown state is refused');
select throws_ok($$execute job('claimed', null, null, null, null)$$, '23514', null, 'claimed without a claim is refused');
select throws_ok($$execute job('claimed', 1, null, now(), null)$$, '23514', null, 'claimed by nobody is refused');
select throws_ok($$execute job('claimed', 1, 1, null, null)$$, '23514', null, 'claimed without a lease is refused');
select throws_ok($$execute job('due', 1, 1, now(), null)$$, '23514', null, 'due with a claim is refused');
select throws_ok($$execute job('waiting', null, null, null, null)$$, '23514', null, 'waiting without a reason is refused');
select throws_ok($$execute job('blocked', null, null, null, null)$$, '23514', null, 'blocked without a reason is refused');
select throws_ok($$execute job('gave_up', null, null, null, null)$$, '23514', null, 'given up without a reason is refused');
select throws_ok($$execute job('blocked', null, null, null, 'bad_luck')$$, '23503', null, 'an unknown reason is refused');
select lives_ok($$execute job('due', null, null, null, null)$$, 'due is allowed');
select lives_ok($$execute job('claimed', 1, 1, now(), null)$$, 'claimed with claim and lease is allowed');
select lives_ok($$execute job('waiting', null, null, null, 'network_error')$$, 'waiting with a reason is allowed');
select lives_ok($$execute job('blocked', null, null, null, 'grant_revoked')$$, 'blocked with a reason is allowed');
select lives_ok($$execute job('gave_up', null, null, null, 'session_over')$$, 'given up with a reason is allowed');

-- history
prepare attempt(text, text) as
insert into meetlink.attempt (session_id, claim_id, attempt, daemon, started_at, outcome, reason) values ('1', 1, 1, 'd', now(), $1, $2);
select throws_ok($$execute attempt('failed', null)$$, '23514', null, 'a failure without a reason is refused');
select throws_ok($$execute attempt('rescued', null)$$, '23514', null, 'a rescue without a reason is refused');
select throws_ok($$execute attempt('fine', null)$$, '23514', null, 'an unknown outcome is refused');
select lives_ok($$execute attempt('linked', null)$$, 'a link needs no reason');

-- the refresh lease
select throws_ok($$insert into meetlink.refresh (owner_id, provider, held_by) values ('1', 'zoom', 1)$$, '23514', null,
    'a refresh lease without an end is refused');

-- what the schema's users see has a comment
select is_empty($$
    select a.attrelid::regclass, a.attname from pg_attribute a
    where a.attrelid = 'meetlink.reason'::regclass and a.attnum > 0 and col_description(a.attrelid, a.attnum) is null
    $$, 'every column of the reason table is explained');
select is_empty($$
    select c.oid::regclass from pg_class c
    where c.relnamespace = 'meetlink'::regnamespace and c.relkind = 'r' and obj_description(c.oid) is null
    $$, 'every table is explained');

select * from finish();
