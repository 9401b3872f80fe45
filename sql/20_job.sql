-- Jobs: one row per session that still needs a link.
--
--     due ──claim──> claimed ──linked──> (row deleted, attempt kept)
--      ^               │ ├─ retry ────> waiting (due_at = backoff) ──> due
--      │               │ ├─ block ────> blocked (reason) ──reconnect / retry──> due
--      │               │ └─ give_up ──> gave_up (reason)
--      └─lease expired─┘
--
-- "due" is materialised, so that a claim reads one small index however many jobs wait or are blocked.
-- Rows are written from C++ (extension/src/table_target.hpp): the flag adds them, a claim takes them, settling deletes
-- them. It knows the order of the first columns and runs no defaults, checks or triggers: new columns go to the end and
-- are nullable.
-- Lock order: nobody waits for a job's lock except the application's own transaction on that session.

create table meetlink.job (
    session_id       text not null,
    owner_id         text,
    provider         text,
    starts_at        timestamptz,
    ends_at          timestamptz,
    state            text not null default 'due',
    flagged_at       timestamptz not null default clock_timestamp(),
    due_at           timestamptz not null default clock_timestamp(),
    attempts         integer not null default 0,
    generation       integer not null default 0,
    outcome_unknown  boolean not null default false,
    claim_id         bigint,
    claimed_by       bigint,
    lease_until      timestamptz,
    reason           text references meetlink.reason (code),
    stage            text,
    http_status      integer,
    provider_code    text,
    detail           text,
    connection_print bigint,
    constraint job_state check (state in ('due', 'claimed', 'waiting', 'blocked', 'gave_up')),
    constraint job_claim check (num_nonnulls(claim_id, claimed_by, lease_until)
                                = case when state = 'claimed' then 3 else 0 end),
    constraint job_reason check (reason is not null or state not in ('waiting', 'blocked', 'gave_up'))
) with (
    -- Small and busy: vacuum by count, not by share, and without a brake.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000
);

-- Keys of sessions, here and below, are compared byte by byte: a locale's order costs a booking several times as much.
-- By the operator class and not by the column's collation, which would keep a join with text keys from the index of
-- the user's table.
create unique index job_session on meetlink.job (session_id text_pattern_ops);
alter table meetlink.job replica identity using index job_session;

-- By provider, so that a claim steps over one that is paused, however many of its jobs are due; without nulls, so
-- that it can begin at a time (40_claim.sql).
create index job_due on meetlink.job ((case when provider in ('google_meet', 'zoom') then provider else '' end) text_pattern_ops, (coalesce(starts_at, 'infinity')))
    where state = 'due';
create index job_waiting on meetlink.job (due_at) where state = 'waiting';
create index job_claimed on meetlink.job (lease_until) where state = 'claimed';
create index job_blocked on meetlink.job (owner_id, provider) where state = 'blocked';

-- The fencing token: rises with every claim, of every job.
create sequence meetlink.claim_id;

comment on table meetlink.job is
    'One row per session that still needs a link (private; see meetlink.stuck_sessions). Deleted when the link is written.';
comment on column meetlink.job.due_at is 'due: since when; waiting: the time of the next attempt.';
comment on column meetlink.job.claim_id is 'Identity of the current claim: only its holder may settle the job.';
comment on column meetlink.job.outcome_unknown is
    'A create without an answer may have succeeded, or may yet: each further attempt looks before it creates, and once more is looked after the last.';
comment on column meetlink.job.connection_print is
    'Fingerprint of the connection that the last attempt used: a different one means it is worth trying again.';

create table meetlink.attempt (
    id            bigint generated always as identity primary key,
    session_id    text not null,
    owner_id      text,
    provider      text,
    claim_id      bigint not null,
    attempt       integer not null,
    daemon        text not null,
    started_at    timestamptz not null,
    finished_at   timestamptz not null default clock_timestamp(),
    outcome       text not null check (outcome in ('linked', 'adopted', 'failed', 'released', 'lost', 'rescued', 'cancelled')),
    stage         text,
    reason        text references meetlink.reason (code),
    http_status   integer,
    provider_code text,
    detail        text,
    external_id   text,
    next_at       timestamptz,
    timings       jsonb,
    constraint attempt_reason check (reason is not null or outcome in ('linked', 'adopted', 'released', 'lost', 'cancelled'))
);

create index attempt_session on meetlink.attempt (session_id text_pattern_ops, id);
create index attempt_finished on meetlink.attempt using brin (finished_at);

comment on table meetlink.attempt is
    'Every try to make a link, kept for 30 days: when, by which daemon, how far it came, what the provider said, where the time went.';
comment on column meetlink.attempt.outcome is
    'linked; adopted (an earlier create turned out to have succeeded); failed; released (daemon stopped); '
    'lost (the claim or the session was gone: a meeting in external_id is an orphan); rescued (the daemon died or stalled); '
    'cancelled (an orphan was removed at the provider).';
comment on column meetlink.attempt.next_at is 'When the next attempt was due, null if none.';
comment on column meetlink.attempt.timings is
    'Milliseconds: token, dns, connect, tls, first_byte, http (the whole last request), attempt (all of it); of a link also age, since the session was flagged. '
    'What took no time, as to connect where a connection was kept, is left out.';

-- Daemons that are, or were lately, at work. One row per start of a process.
create table meetlink.daemon (
    id            bigint generated always as identity primary key,
    name          text not null,
    version       text not null,
    backend_pid   integer not null,
    backend_start timestamptz not null,
    started_at    timestamptz not null default clock_timestamp(),
    heartbeat_at  timestamptz not null default clock_timestamp(),
    in_flight     integer not null default 0,
    heard_at      timestamptz,
    breakers      jsonb not null default '[]',
    providers     text[],
    swept_at      timestamptz,
    sweep_took    interval
);

comment on table meetlink.daemon is 'Daemons and their heartbeats (private; see meetlink.health()).';
comment on column meetlink.daemon.heard_at is 'When the last probe came back to its listener: notifications arrive.';
comment on column meetlink.daemon.swept_at is 'When its last sweep of the attached tables had found all there was; what that took, in sweep_took.';
comment on column meetlink.daemon.providers is 'Whose client id and secret its configuration has; null: not known.';
comment on column meetlink.daemon.breakers is 'Open circuit breakers: array of {provider, reason, open_s, retry_in_s}.';

-- One refresher per connection: a lease, and how the last refresh went.
create table meetlink.refresh (
    owner_id           text,
    provider           text,
    fence              bigint not null default 0,
    held_by            bigint,
    lease_until        timestamptz,
    last_at            timestamptz,
    last_reason        text references meetlink.reason (code),
    last_detail        text,
    refresh_expires_at timestamptz,
    refreshed_at       timestamptz,
    asked_with         bigint,
    lost_with          bigint,
    token_print        bigint,
    foreseen           text references meetlink.reason (code),
    primary key (owner_id, provider),
    constraint refresh_lease check ((held_by is null) = (lease_until is null))
);

comment on table meetlink.refresh is
    'Who may refresh a connection''s tokens right now (a fenced lease), and the outcome of the last refresh (private).';
comment on column meetlink.refresh.last_reason is 'Null when the last refresh succeeded.';
comment on column meetlink.refresh.refreshed_at is 'When a refresh succeeded last: the refresh token was used then.';
comment on column meetlink.refresh.asked_with is 'Fingerprint of the connection that the holder of the lease asks the provider with.';
comment on column meetlink.refresh.lost_with is
    'Fingerprint of a connection whose refresh was asked for without a known answer: its refresh token may be used up.';
comment on column meetlink.refresh.token_print is
    'Fingerprint of the refresh token that the outcome and refresh_expires_at are about: they say nothing of another one.';
comment on column meetlink.refresh.foreseen is
    'What creating a meeting with these tokens will fail for, as the scopes in the provider''s last answer say (PROVIDERS.md 1.1, 2.2).';
comment on column meetlink.refresh.refresh_expires_at is
    'When the refresh token dies, as far as the provider''s last answer said (PROVIDERS.md 1.1, refresh_token_expires_in).';

revoke all on meetlink.job, meetlink.attempt, meetlink.daemon, meetlink.refresh from public;
