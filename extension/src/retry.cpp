/*
 * retry.cpp
 *	  SELECT retry_meeting_link(id): asks for a link now, and answers with it or with the reason.
 *
 * Who may is decided first, as the caller, before any user is switched. The request is committed in an
 * autonomous transaction, because a daemon cannot see what the caller has not committed; then fresh
 * snapshots are polled until the outcome is there or the deadline has passed. Three roles read and
 * write: the caller (may he see the session?), the tables' owner (the session, whose view may run his
 * code), the extension's owner (the job). What the answers say is in sql/62_answer.sql.
 */
#include "postgres.hpp"

#include "as_owner.hpp"
#include "autonomous.hpp"

extern "C"
{
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/jsonb.h"
#include "utils/wait_event.h"

	PG_FUNCTION_INFO_V1(meetlink_retry);
	extern PGDLLEXPORT Datum meetlink_retry(PG_FUNCTION_ARGS);
}

/* What remains for the answer when statement_timeout is near. */
static constexpr int64 timeout_reserve_ms = 500;
static constexpr int64 longest_wait_ms = 10 * 60 * 1000;
static constexpr long first_poll_ms = 3;
static constexpr long longest_poll_ms = 50;

struct Roles
{
	Oid extension_owner;
	Oid table_owner;
};

/* What is committed now of one session: as its owner's view shows it, and its job. */
struct State
{
	char *session; /* jsonb of {join_url, wanted, status}; null: no such session */
	char *owner_id;
	char *provider;
	char *starts_at;
	char *ends_at;
	bool linked;
	bool wanted;

	char *job; /* jsonb; null: none */
	char *job_state;
	int64 seen; /* newest attempt */
	int attempts;
};

static Datum
Answer(const Roles &roles, Statement *statement, std::span<const Argument> arguments)
{
	char *answer;

	RunAs(roles.extension_owner, statement, arguments, {&answer, 1});
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(answer));
}

static Datum
Refuse(const Roles &roles, const char *id, const char *status, const char *error,
	   const char *details)
{
	static Statement refusal = {"select meetlink.refusal($1, $2, $3, $4)"};
	const Argument arguments[] = {TextArgument(id), TextArgument(status), TextArgument(error),
								  TextArgument(details)};

	return Answer(roles, &refusal, arguments);
}

static Datum
Queued(const Roles &roles, const char *key, const State &state, const char *note,
	   const char *action)
{
	static Statement queued = {"select meetlink.queued_answer($1, $2, $3, $4)"};
	const Argument arguments[] = {TextArgument(key),
								  TextArgument(note),
								  TextArgument(action),
								  {INT4OID, Int32GetDatum(state.attempts), false}};

	return Answer(roles, &queued, arguments);
}

static Datum
Describe(const Roles &roles, const char *key, const State &state, bool created)
{
	static Statement answer = {
		"select meetlink.answer($1, $2::pg_catalog.jsonb, $3::pg_catalog.jsonb, $4)"};
	const Argument arguments[] = {TextArgument(key),
								  TextArgument(state.session),
								  TextArgument(state.job),
								  {BOOLOID, BoolGetDatum(created), false}};

	return Answer(roles, &answer, arguments);
}

/* Whether the caller may retry any session. Not by inheritance through NOINHERIT roles. */
static bool
MayRetryAnything()
{
	Oid caller = GetUserId();
	Oid operators = get_role_oid("meetlink_operator", true);

	return superuser_arg(caller) || has_bypassrls_privilege(caller) ||
		(OidIsValid(operators) && has_privs_of_role(caller, operators));
}

enum class Permission
{
	allowed,
	forbidden,
	invisible,
};

/* Through the caller's own row-level security: is the session visible, and is its owner the caller? */
static Permission
CallerPermission(const Roles &roles, const char *key, const char *visible_query)
{
	static Statement jwt_subject = {"select meetlink.jwt_subject()"};
	const Argument arguments[] = {TextArgument(key)};
	Statement visible = {visible_query};
	char *owner;
	char *subject;

	if (MayRetryAnything())
		return Permission::allowed;

	bool found = RunAs(GetUserId(), &visible, arguments, {&owner, 1});

	SPI_freeplan(visible.plan);
	if (!found)
		return Permission::invisible;
	RunAs(roles.extension_owner, &jwt_subject, {}, {&subject, 1});
	return owner != nullptr && subject != nullptr && strcmp(owner, subject) == 0
		? Permission::allowed
		: Permission::forbidden;
}

static State
Read(const Roles &roles, const char *key)
{
	static Statement read_session = {
		"select pg_catalog.jsonb_build_object('join_url', s.join_url, 'wanted', s.wanted, 'status', s.status), "
		"s.owner::pg_catalog.text, s.provider, "
		"pg_catalog.jsonb_build_array(s.starts_at) operator(pg_catalog.->>) 0, "
		"pg_catalog.jsonb_build_array(s.ends_at) operator(pg_catalog.->>) 0, "
		"s.join_url is not null, s.wanted "
		"from meetlink.session s where s.id operator(pg_catalog.=) meetlink.session_key($1)"};
	static Statement read_job = {
		"select j.job, j.job operator(pg_catalog.->>) 'state', j.seen, "
		"j.job operator(pg_catalog.->>) 'attempts' from meetlink.job_state($1) j"};
	const Argument arguments[] = {TextArgument(key)};
	char *session[7];
	char *job[4];

	RunAs(roles.table_owner, &read_session, arguments, session, Sees::what_is_committed_now);
	RunAs(roles.extension_owner, &read_job, arguments, job, Sees::what_is_committed_now);

	return State{
		.session = session[0],
		.owner_id = session[1],
		.provider = session[2],
		.starts_at = session[3],
		.ends_at = session[4],
		.linked = session[5] != nullptr && session[5][0] == 't',
		.wanted = session[6] != nullptr && session[6][0] == 't',
		.job = job[0],
		.job_state = job[1],
		.seen = job[2] ? strtoll(job[2], nullptr, 10) : 0,
		.attempts = job[3] ? atoi(job[3]) : 0,
	};
}

/* An attempt has ended since `before`, and what it left is not about to change at once. */
static bool
IsSettled(const State &state, const State &before)
{
	if (state.session == nullptr || state.linked || !state.wanted)
		return true;
	return state.seen > before.seen && state.job_state != nullptr &&
		strcmp(state.job_state, "due") != 0 && strcmp(state.job_state, "claimed") != 0;
}

/*
 * All calls of one statement share a deadline, so that a SELECT over many rows does not wait for each;
 * and an answer is worth more than a timeout's error.
 */
static TimestampTz
Deadline(const Interval *wait)
{
	int64 wait_us;
	int64 days = (int64) wait->month * DAYS_PER_MONTH + wait->day;

	if (pg_mul_s64_overflow(days, USECS_PER_DAY, &wait_us) ||
		pg_add_s64_overflow(wait_us, wait->time, &wait_us))
		wait_us = wait->time > 0 ? PG_INT64_MAX : 0;

	int64 wait_ms = Max(0, Min(wait_us / 1000, longest_wait_ms));

	if (StatementTimeout > 0)
		wait_ms = Min(wait_ms, Max(0, StatementTimeout - timeout_reserve_ms));
	return GetCurrentStatementStartTimestamp() + wait_ms * 1000;
}

static State
WaitForOutcome(const Roles &roles, const char *key, const State &before, TimestampTz deadline)
{
	State state = Read(roles, key);
	long pause_ms = first_poll_ms;

	while (!IsSettled(state, before))
	{
		long left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		if (left_ms <= 0)
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Min(pause_ms, left_ms), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		pause_ms = Min(pause_ms * 3 / 2 + 1, longest_poll_ms);
		state = Read(roles, key);
	}
	return state;
}

static bool
DaemonAlive(const Roles &roles)
{
	static Statement alive = {"select meetlink.daemon_alive()"};
	char *answer;

	RunAs(roles.extension_owner, &alive, {}, {&answer, 1}, Sees::what_is_committed_now);
	return answer != nullptr && answer[0] == 't';
}

/* The session needs a link: asks for one, and waits. */
static Datum
RequestAndWait(const Roles &roles, const char *key, const State &before, TimestampTz deadline)
{
	const RetryRequest request = {key, before.owner_id, before.provider, before.starts_at,
								  before.ends_at};

	/* Waiting while this transaction holds locks could wait for itself. */
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		RequestRetryHere(request, roles.extension_owner);
		return Queued(roles, key, before,
					  "The retry is queued and begins when this transaction commits, "
					  "because it has already changed something",
					  "wait");
	}
	if (const char *obstacle = RequestRetryAutonomously(request, roles.extension_owner))
	{
		RequestRetryHere(request, roles.extension_owner);
		return Queued(roles, key, before,
					  psprintf("The retry is queued and begins when this transaction commits, "
							   "because %s",
							   obstacle),
					  "wait");
	}
	if (!DaemonAlive(roles))
		return Queued(roles, key, before,
					  "The retry is queued, but no meetlink daemon is running to carry it out",
					  "contact_support");

	State after = WaitForOutcome(roles, key, before, deadline);

	return Describe(roles, key, after, after.linked);
}

/* The id argument, uuid, bigint or text, as text. */
static const char *
IdArgument(FunctionCallInfo fcinfo)
{
	Oid output;
	bool is_varlena;
	Oid *types;
	int count;

	(void) get_func_signature(fcinfo->flinfo->fn_oid, &types, &count);
	getTypeOutputInfo(types[0], &output, &is_varlena);
	return OidOutputFunctionCall(output, PG_GETARG_DATUM(0));
}

Datum
meetlink_retry(PG_FUNCTION_ARGS)
{
	static Statement target = {
		"select t.key, t.table_owner, t.visible from meetlink.retry_target($1) t"};
	Roles roles = {FunctionOwner(fcinfo->flinfo->fn_oid), InvalidOid};
	Interval no_wait = {};

	PreventCommandDuringRecovery("retry_meeting_link()");
	PreventCommandIfReadOnly("retry_meeting_link()");

	if (PG_ARGISNULL(0))
		PG_RETURN_DATUM(Refuse(roles, nullptr, "invalid", "Session ID is required", nullptr));

	const char *id = IdArgument(fcinfo);
	const TimestampTz deadline = Deadline(PG_ARGISNULL(1) ? &no_wait : PG_GETARG_INTERVAL_P(1));
	const Argument arguments[] = {TextArgument(id)};
	char *found[3];

	RunAs(roles.extension_owner, &target, arguments, found);

	const char *key = found[0];

	roles.table_owner = atooid(found[1]);
	if (key == nullptr)
		PG_RETURN_DATUM(Refuse(roles, id, "invalid", "Session ID is required",
							   "The given id cannot be the key of a session."));

	switch (CallerPermission(roles, key, found[2]))
	{
		case Permission::invisible:
			PG_RETURN_DATUM(Refuse(roles, key, "not_found", "Session not found", nullptr));
		case Permission::forbidden:
			PG_RETURN_DATUM(Refuse(roles, key, "forbidden",
								   "Only the session's owner may retry its meeting link", nullptr));
		case Permission::allowed:
			break;
	}

	State before = Read(roles, key);

	if (before.session == nullptr || before.linked || !before.wanted)
		PG_RETURN_DATUM(Describe(roles, key, before, false));
	PG_RETURN_DATUM(RequestAndWait(roles, key, before, deadline));
}
