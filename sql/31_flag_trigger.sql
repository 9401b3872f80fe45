-- Flagging, the C++ half (extension/src/flag.cpp, doorbell.cpp). A hosted flavour without a C++ module
-- would replace this part alone.

-- AFTER INSERT OR UPDATE FOR EACH ROW, for sessions that have no link or had none: adds the job, moves the one there
-- is, or removes it.
-- Arguments, here and below: names of the columns id, owner, provider, starts_at, ends_at, duration_minutes, join_url,
-- status ('' where there is none); then the values of status of which a session needs a link.
-- Runs as the booking role, which needs no right on schema meetlink. Never fails a booking for a reason
-- of its own: what it cannot flag it leaves to the sweep, with a warning.
create function meetlink.flag() returns trigger
language c as 'MODULE_PATHNAME', 'meetlink_flag';

-- AFTER DELETE FOR EACH ROW, for sessions without a link: removes the job. AFTER TRUNCATE: all jobs.
create function meetlink.retire() returns trigger
language c as 'MODULE_PATHNAME', 'meetlink_retire';

-- AFTER INSERT OR UPDATE FOR EACH ROW on the connections table, for connections that became usable or got
-- other tokens: the owner's blocked jobs are due. Arguments: names of the owner and provider columns.
create function meetlink.reconnected() returns trigger
language c as 'MODULE_PATHNAME', 'meetlink_reconnected';

-- Rings the doorbell when the current transaction commits: at most one NOTIFY per transaction.
create function meetlink.ring() returns void
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'meetlink_ring';

comment on function meetlink.flag() is 'Trigger on the sessions table: a session that needs a link gets a job, one that needs none any more loses it.';
comment on function meetlink.retire() is 'Trigger on the sessions table: a session that is deleted loses its job.';
comment on function meetlink.reconnected() is 'Trigger on the connections table: a reconnect makes the owner''s blocked jobs due.';
comment on function meetlink.ring() is 'Wakes the daemon when the current transaction commits.';
