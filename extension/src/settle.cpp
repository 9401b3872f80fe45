/*
 * settle.cpp
 *	  What nearly every batch of outcomes needs: meetlink.hold_claims(), is_claimed_as(), has_rows() and
 *	  record_links() (sql/60_settle.sql).
 */
#include "postgres.hpp"

#include "as_owner.hpp"
#include "attempt_table.hpp"
#include "job_table.hpp"
#include "json_members.hpp"
#include "rows_by_index.hpp"
#include "table_target.hpp"

extern "C"
{
#include "utils/array.h"

	PG_FUNCTION_INFO_V1(meetlink_hold_claims);
	extern PGDLLEXPORT Datum meetlink_hold_claims(PG_FUNCTION_ARGS);

	PG_FUNCTION_INFO_V1(meetlink_is_claimed_as);
	extern PGDLLEXPORT Datum meetlink_is_claimed_as(PG_FUNCTION_ARGS);

	PG_FUNCTION_INFO_V1(meetlink_has_rows);
	extern PGDLLEXPORT Datum meetlink_has_rows(PG_FUNCTION_ARGS);

	PG_FUNCTION_INFO_V1(meetlink_record_links);
	extern PGDLLEXPORT Datum meetlink_record_links(PG_FUNCTION_ARGS);
}

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
	int64 claim_id;

	PreventCommandIfReadOnly("meetlink.record_links()");

	Relation table = OpenTable("job", job_columns, RowExclusiveLock);
	RowsByIndex jobs = BeginRows(table, "job_session", 1);

	const Attempts attempts = BeginAttempts(daemon_id);

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
		AddLink(attempts, link, jobs.row);
		if (IsTrue(link, "outcome_unknown") ||
			(GetValue(jobs.row, job_outcome_unknown, &was_unknown) && DatumGetBool(was_unknown)))
			LookOnceMore(fcinfo->flinfo->fn_oid, jobs.row);
		recorded = accumArrayResult(recorded, Int64GetDatum(claim_id), false, INT8OID,
									CurrentMemoryContext);
	}
	EndAttempts();
	EndRows(&jobs);
	table_close(table, NoLock);
	PG_RETURN_DATUM(makeArrayResult(recorded, CurrentMemoryContext));
}
