/*
 * attempt_table.cpp
 *	  Links that were written, as history.
 */
#include "attempt_table.hpp"

#include "job_table.hpp"
#include "rows_by_index.hpp"
#include "table_target.hpp"

extern "C"
{
#include "commands/sequence.h"
#include "utils/numeric.h"
}

/* Columns in the order of sql/20_job.sql; test/sql/020_job.sql compares. */
enum AttemptColumn : int
{
	attempt_id,
	attempt_session_id,
	attempt_owner_id,
	attempt_provider,
	attempt_claim_id,
	attempt_attempt,
	attempt_daemon,
	attempt_started_at,
	attempt_finished_at,
	attempt_outcome,
	attempt_stage,
	attempt_reason,
	attempt_http_status,
	attempt_provider_code,
	attempt_detail,
	attempt_external_id,
	attempt_next_at,
	attempt_timings,
	attempt_columns
};

static constexpr double longest_attempt_ms = 1000.0 * SECS_PER_DAY;
static constexpr int daemon_name = 1; /* column of meetlink.daemon */

static TableTarget table = {.table = "attempt", .least_columns = attempt_columns};

static Datum
DaemonName(int64 daemon_id)
{
	Relation known = table_open(FindRelation("daemon"), AccessShareLock);
	RowsByIndex daemons = BeginRows(known, "daemon_pkey", 1);
	ScanKeyData key = Int8Key(1, daemon_id);
	Datum name;

	Find(&daemons, {&key, 1});
	name = Next(&daemons) && GetValue(daemons.row, daemon_name, &name)
		? datumCopy(name, false, -1)
		: CStringGetTextDatum("unknown");
	EndRows(&daemons);
	table_close(known, NoLock);
	return name;
}

static void
AddNumber(JsonbParseState **object, const char *name, Numeric number)
{
	JsonbValue key = {};
	JsonbValue value = {};

	key.type = jbvString;
	key.val.string.val = (char *) name;
	key.val.string.len = (int) strlen(name);
	value.type = jbvNumeric;
	value.val.numeric = number;
	pushJsonbValue(object, WJB_KEY, &key);
	pushJsonbValue(object, WJB_VALUE, &value);
}

/* What the daemon has measured, and how long after the session was flagged this is. False: it has nothing. */
static bool
Timings(JsonbContainer *link, TupleTableSlot *job, TimestampTz now, Datum *timings)
{
	JsonbValue measured;
	JsonbValue took;
	JsonbParseState *state = nullptr;
	Datum flagged_at;

	if (!GetMember(link, "timings", jbvBinary, &measured))
		return false;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
	if (GetMember(link, "attempt_ms", jbvNumeric, &took))
		AddNumber(&state, "attempt_ms", took.val.numeric);
	if (GetValue(job, job_flagged_at, &flagged_at))
		AddNumber(&state, "age_ms",
				  int64_div_fast_to_numeric((now - DatumGetTimestampTz(flagged_at) + 50) / 100, 1));

	JsonbValue *more = pushJsonbValue(&state, WJB_END_OBJECT, nullptr);

	*timings = DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(JsonbValueToJsonb(&measured)),
								   JsonbPGetDatum(JsonbValueToJsonb(more)));
	return true;
}

static int64
Microseconds(JsonbContainer *link, const char *milliseconds)
{
	JsonbValue value;

	if (!GetMember(link, milliseconds, jbvNumeric, &value))
		return 0;

	const double ms = DatumGetFloat8(
		DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value.val.numeric)));

	return ms > 0 && ms < longest_attempt_ms ? (int64) (1000 * ms) : 0;
}

static void
CopyValue(int column, TupleTableSlot *job, JobColumn from)
{
	Datum value;

	if (GetValue(job, from, &value))
		SetValue(&table, column, value);
}

static void
CopyMember(int column, JsonbContainer *link, const char *name)
{
	Datum text;

	if (GetText(link, name, &text))
		SetValue(&table, column, text);
}

Attempts
BeginAttempts(int64 daemon_id)
{
	MustOpen(&table);
	return Attempts{FindRelation("attempt_id_seq"), DaemonName(daemon_id)};
}

void
EndAttempts()
{
	LetGo(&table);
}

void
AddLink(const Attempts &to, JsonbContainer *link, TupleTableSlot *job)
{
	const TimestampTz now = GetCurrentTimestamp();
	Datum timings;

	BeginRow(&table);
	SetValue(&table, attempt_id, Int64GetDatum(nextval_internal(to.sequence, false)));
	CopyValue(attempt_session_id, job, job_session_id);
	CopyValue(attempt_owner_id, job, job_owner_id);
	CopyValue(attempt_provider, job, job_provider);
	CopyValue(attempt_claim_id, job, job_claim_id);
	CopyValue(attempt_attempt, job, job_attempts);
	SetValue(&table, attempt_daemon, to.daemon);
	SetValue(&table, attempt_started_at,
			 TimestampTzGetDatum(now - Microseconds(link, "attempt_ms")));
	SetValue(&table, attempt_finished_at, TimestampTzGetDatum(now));
	SetText(&table, attempt_outcome, IsTrue(link, "adopted") ? "adopted" : "linked");
	CopyMember(attempt_detail, link, "detail");
	CopyMember(attempt_external_id, link, "external_id");
	if (Timings(link, job, now, &timings))
		SetValue(&table, attempt_timings, timings);
	EndRow(&table);
	Insert(&table);
}
