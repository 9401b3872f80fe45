/*
 * settle.cpp
 *	  meetlink.hold_claims(), is_claimed_as() and record_links(): what nearly every batch of outcomes needs (sql/60_settle.sql).
 */
#include "postgres.hpp"

#include "as_owner.hpp"
#include "rows_by_index.hpp"
#include "job_table.hpp"
#include "json_members.hpp"
#include "table_target.hpp"

extern "C"
{
#include "commands/sequence.h"
#include "utils/array.h"
#include "utils/numeric.h"

	PG_FUNCTION_INFO_V1(meetlink_hold_claims);
	extern PGDLLEXPORT Datum meetlink_hold_claims(PG_FUNCTION_ARGS);

	PG_FUNCTION_INFO_V1(meetlink_is_claimed_as);
	extern PGDLLEXPORT Datum meetlink_is_claimed_as(PG_FUNCTION_ARGS);

	PG_FUNCTION_INFO_V1(meetlink_has_rows);
	extern PGDLLEXPORT Datum meetlink_has_rows(PG_FUNCTION_ARGS);

	PG_FUNCTION_INFO_V1(meetlink_record_links);
	extern PGDLLEXPORT Datum meetlink_record_links(PG_FUNCTION_ARGS);
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

static TableTarget attempts = {.table = "attempt", .least_columns = attempt_columns};

static bool
IsClaimedBy(TupleTableSlot *job, int64 daemon_id, int64 claim_id)
{
	return IsInt8(job, job_claim_id, claim_id) && IsInt8(job, job_claimed_by, daemon_id);
}

/* The job of an outcome, if its claim is still the one that the outcome is of. */
static bool
FindClaimed(RowsByIndex *jobs, JsonbContainer *outcome, int64 daemon_id, int64 *claim_id)
{
	Datum session_id;

	if (!GetText(outcome, "session_id", &session_id) || !GetInt8(outcome, "claim_id", claim_id))
		return false;

	ScanKeyData key = TextKey(1, session_id);

	Find(jobs, {&key, 1});
	return Next(jobs) && IsClaimedBy(jobs->row, daemon_id, *claim_id);
}

Datum
meetlink_hold_claims(PG_FUNCTION_ARGS)
{
	const int64 daemon_id = PG_GETARG_INT64(0);
	Jsonb *outcomes = PG_GETARG_JSONB_P(1);
	int64 claim_id;

	PreventCommandIfReadOnly("meetlink.hold_claims()");

	Relation table = OpenTable("job", job_columns, RowExclusiveLock);
	ArrayBuildState *held =
		initArrayResult(RelationGetDescr(table)->tdtypeid, CurrentMemoryContext, false);
	RowsByIndex jobs = BeginRows(table, "job_session", 1);
	TupleTableSlot *locked = table_slot_create(table, nullptr);

	for (int i = 0; i < ElementCount(outcomes); i++)
	{
		JsonbContainer *outcome = ObjectAt(outcomes, i);

		CHECK_FOR_INTERRUPTS();
		if (outcome == nullptr || !FindClaimed(&jobs, outcome, daemon_id, &claim_id) ||
			!Lock(table, &jobs.row->tts_tid, locked, LockWaitSkip) ||
			!IsClaimedBy(locked, daemon_id, claim_id)) /* taken away since the snapshot */
			continue;
		held = accumArrayResult(held, ExecFetchSlotHeapTupleDatum(locked), false,
								held->element_type, CurrentMemoryContext);
	}
	ExecDropSingleTupleTableSlot(locked);
	EndRows(&jobs);
	table_close(table, NoLock);
	PG_RETURN_DATUM(makeArrayResult(held, CurrentMemoryContext));
}

Datum
meetlink_is_claimed_as(PG_FUNCTION_ARGS)
{
	Relation table = OpenTable("job", job_columns, AccessShareLock);
	RowsByIndex jobs = BeginRows(table, "job_session", 1);
	ScanKeyData key = TextKey(1, PG_GETARG_DATUM(0));

	Find(&jobs, {&key, 1});

	const bool is_claimed = Next(&jobs) && IsInt8(jobs.row, job_claim_id, PG_GETARG_INT64(1));

	EndRows(&jobs);
	table_close(table, NoLock);
	PG_RETURN_BOOL(is_claimed);
}

Datum
meetlink_has_rows(PG_FUNCTION_ARGS)
{
	const Oid relation = PG_GETARG_OID(0);

	if (get_rel_relkind(relation) != RELKIND_RELATION ||
		get_rel_namespace(relation) != get_namespace_oid("meetlink", false))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("relation with OID %u is no table of meetlink's", relation)));

	Relation table = table_open(relation, AccessShareLock);
	TupleTableSlot *row = table_slot_create(table, nullptr);
	TableScanDesc scan = table_beginscan(table, GetActiveSnapshot(), 0, nullptr);
	const bool found = table_scan_getnextslot(scan, ForwardScanDirection, row);

	table_endscan(scan);
	ExecDropSingleTupleTableSlot(row);
	table_close(table, NoLock);
	PG_RETURN_BOOL(found);
}

static Datum
DaemonName(int64 daemon_id)
{
	Relation table = table_open(FindRelation("daemon"), AccessShareLock);
	RowsByIndex daemons = BeginRows(table, "daemon_pkey", 1);
	ScanKeyData key = Int8Key(1, daemon_id);
	Datum name;

	Find(&daemons, {&key, 1});
	name = Next(&daemons) && GetValue(daemons.row, daemon_name, &name)
		? datumCopy(name, false, -1)
		: CStringGetTextDatum("unknown");
	EndRows(&daemons);
	table_close(table, NoLock);
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
Timings(JsonbContainer *outcome, TupleTableSlot *job, TimestampTz now, Datum *timings)
{
	JsonbValue measured;
	JsonbValue took;
	JsonbParseState *state = nullptr;
	Datum flagged_at;

	if (!GetMember(outcome, "timings", jbvBinary, &measured))
		return false;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
	if (GetMember(outcome, "attempt_ms", jbvNumeric, &took))
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
Microseconds(JsonbContainer *outcome, const char *milliseconds)
{
	JsonbValue value;

	if (!GetMember(outcome, milliseconds, jbvNumeric, &value))
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
		SetValue(&attempts, column, value);
}

static void
CopyMember(int column, JsonbContainer *outcome, const char *name)
{
	Datum text;

	if (GetText(outcome, name, &text))
		SetValue(&attempts, column, text);
}

static void
RecordAttempt(JsonbContainer *outcome, TupleTableSlot *job, Datum daemon, Oid sequence)
{
	const TimestampTz now = GetCurrentTimestamp();
	Datum timings;

	BeginRow(&attempts);
	SetValue(&attempts, attempt_id, Int64GetDatum(nextval_internal(sequence, false)));
	CopyValue(attempt_session_id, job, job_session_id);
	CopyValue(attempt_owner_id, job, job_owner_id);
	CopyValue(attempt_provider, job, job_provider);
	CopyValue(attempt_claim_id, job, job_claim_id);
	CopyValue(attempt_attempt, job, job_attempts);
	SetValue(&attempts, attempt_daemon, daemon);
	SetValue(&attempts, attempt_started_at,
			 TimestampTzGetDatum(now - Microseconds(outcome, "attempt_ms")));
	SetValue(&attempts, attempt_finished_at, TimestampTzGetDatum(now));
	SetText(&attempts, attempt_outcome, IsTrue(outcome, "adopted") ? "adopted" : "linked");
	CopyMember(attempt_detail, outcome, "detail");
	CopyMember(attempt_external_id, outcome, "external_id");
	if (Timings(outcome, job, now, &timings))
		SetValue(&attempts, attempt_timings, timings);
	EndRow(&attempts);
	Insert(&attempts);
}

/* A create whose answer never came may be carried out after this attempt has looked: look once more. */
static void
LookOnceMore(Oid function, TupleTableSlot *job)
{
	static Statement suspect = {
		"insert into meetlink.orphan (session_id, owner_id, provider, starts_at, generation, claim_id, due_at) "
		"select $1, $2, $3, $4, $5, $6, pg_catalog.clock_timestamp() operator(pg_catalog.+) meetlink.quiet_time() "
		"where $2 is not null and $3 is not null"};
	static constexpr struct
	{
		Oid type;
		JobColumn column;
	} columns[] = {{TEXTOID, job_session_id}, {TEXTOID, job_owner_id},
				   {TEXTOID, job_provider},	  {TIMESTAMPTZOID, job_starts_at},
				   {INT4OID, job_generation}, {INT8OID, job_claim_id}};
	Argument arguments[lengthof(columns)];

	for (size_t i = 0; i < lengthof(columns); i++)
	{
		arguments[i].type = columns[i].type;
		arguments[i].isnull = !GetValue(job, columns[i].column, &arguments[i].value);
	}
	RunAs(FunctionOwner(function), &suspect, arguments);
}

/* Whether the link could not be written: then its verdict is there. */
static bool
HasVerdict(Jsonb *verdicts, int64 claim_id)
{
	char key[MAXINT8LEN + 1];
	JsonbValue verdict;

	if (!JB_ROOT_IS_OBJECT(verdicts))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("verdicts are no JSON object")));
	if (JB_ROOT_COUNT(verdicts) == 0)
		return false;
	pg_lltoa(claim_id, key);
	return getKeyJsonValueFromContainer(&verdicts->root, key, (int) strlen(key), &verdict) !=
		nullptr;
}

/* What is told twice is recorded once; the snapshot does not know yet. */
static bool
Contains(const ArrayBuildState *claim_ids, int64 claim_id)
{
	for (int i = 0; i < claim_ids->nelems; i++)
		if (DatumGetInt64(claim_ids->dvalues[i]) == claim_id)
			return true;
	return false;
}

Datum
meetlink_record_links(PG_FUNCTION_ARGS)
{
	const int64 daemon_id = PG_GETARG_INT64(0);
	Jsonb *links = PG_GETARG_JSONB_P(1);
	Jsonb *verdicts = PG_GETARG_JSONB_P(2);
	ArrayBuildState *recorded = initArrayResult(INT8OID, CurrentMemoryContext, false);
	const Oid sequence = FindRelation("attempt_id_seq");
	const Datum daemon = DaemonName(daemon_id);
	int64 claim_id;

	PreventCommandIfReadOnly("meetlink.record_links()");

	Relation table = OpenTable("job", job_columns, RowExclusiveLock);
	RowsByIndex jobs = BeginRows(table, "job_session", 1);

	MustOpen(&attempts);

	for (int i = 0; i < ElementCount(links); i++)
	{
		JsonbContainer *link = ObjectAt(links, i);
		Datum was_unknown;

		CHECK_FOR_INTERRUPTS();
		if (link == nullptr || !FindClaimed(&jobs, link, daemon_id, &claim_id) ||
			HasVerdict(verdicts, claim_id) || Contains(recorded, claim_id))
			continue;
		/* here and not by the trigger on the sessions table, which would do it one by one (meetlink.settling) */
		if (!Delete(table, &jobs.row->tts_tid))
			continue;
		RecordAttempt(link, jobs.row, daemon, sequence);
		if (IsTrue(link, "outcome_unknown") ||
			(GetValue(jobs.row, job_outcome_unknown, &was_unknown) && DatumGetBool(was_unknown)))
			LookOnceMore(fcinfo->flinfo->fn_oid, jobs.row);
		recorded = accumArrayResult(recorded, Int64GetDatum(claim_id), false, INT8OID,
									CurrentMemoryContext);
	}
	LetGo(&attempts);
	EndRows(&jobs);
	table_close(table, NoLock);
	PG_RETURN_DATUM(makeArrayResult(recorded, CurrentMemoryContext));
}
