-- Flagging, the C++ half (extension/src/flag.cpp, doorbell.cpp). A hosted flavour without a C++ module
-- would replace this part alone.

-- AFTER INSERT OR UPDATE FOR EACH ROW, for rows without a link: adds the job, or moves the one there is.
-- Arguments: names of the columns id, owner, provider, starts_at, ends_at, duration_minutes, status ('' where there is
-- none); then the values of status of which a session needs a link.
-- Runs as the booking role, which needs no right on schema meetlink. Never fails a booking for a reason
-- of its own: what it cannot flag it leaves to the sweep, with a warning.
create function meetlink.flag() returns trigger
language c as 'MODULE_PATHNAME', 'meetlink_flag';

-- AFTER UPDATE OR DELETE FOR EACH ROW, for rows that need no link any more, and AFTER TRUNCATE: removes
-- the job of the old row. Argument: name of the id column.
create function meetlink.retire() returns trigger
language c as 'MODULE_PATHNAME', 'meetlink_retire';

-- AFTER INSERT OR UPDATE FOR EACH ROW on the connections table, for connections that became usable or got
-- other tokens: the owner's blocked jobs are due. Arguments: names of the owner and provider columns.
create function meetlink.reconnected() returns trigger
language c as 'MODULE_PATHNAME', 'meetlink_reconnected';

-- Rings the doorbell when the current transaction commits: at most one NOTIFY per transaction.
create function meetlink.ring() returns void
language c volatile parallel unsafe as 'MODULE_PATHNAME', 'meetlink_ring';

comment on function meetlink.flag() is 'Trigger on the sessions table: a session that needs a link gets a job.';
comment on function meetlink.retire() is 'Trigger on the sessions table: a session that needs no link any more loses its job.';
comment on function meetlink.reconnected() is 'Trigger on the connections table: a reconnect makes the owner''s blocked jobs due.';
comment on function meetlink.ring() is 'Wakes the daemon when the current transaction commits.';
