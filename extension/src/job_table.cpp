/*
 * job_table.cpp
 *	  Adds rows to meetlink.job below SQL: fast, and without any right of the booking role.
 *
 * The insertion is ON CONFLICT DO NOTHING by hand (nodeModifyTable.c, ExecInsert): probe the unique
 * index, insert speculatively, back out and probe again if somebody was faster. So a session that
 * another transaction is flagging at the same moment never fails a booking. Constraints and defaults
 * are not checked on this way; every value of the row is given here.
 */
#include "job_table.hpp"

#include <span>

/* Columns in the order of sql/20_job.sql; test/sql/020_job.sql compares. */
enum JobColumn : int
{
	job_session_id,
	job_owner_id,
	job_provider,
	job_starts_at,
	job_ends_at,
	job_state,
	job_flagged_at,
	job_due_at,
	job_attempts,
	job_generation,
	job_outcome_unknown,
	job_columns_set
};

static void
SetText(TupleTableSlot *slot, JobColumn column, const char *value)
{
	if (value == nullptr)
		return;
	slot->tts_values[column] = CStringGetTextDatum(value);
	slot->tts_isnull[column] = false;
}

static void
SetValue(TupleTableSlot *slot, JobColumn column, Datum value)
{
	slot->tts_values[column] = value;
	slot->tts_isnull[column] = false;
}

static void
FillSlot(TupleTableSlot *slot, const NewJob &job)
{
	TimestampTz now = GetCurrentTimestamp();

	ExecClearTuple(slot);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
		slot->tts_isnull[i] = true;

	SetText(slot, job_session_id, job.session_id);
	SetText(slot, job_owner_id, job.owner_id);
	SetText(slot, job_provider, job.provider);
	if (job.starts_at != nullptr)
		SetValue(slot, job_starts_at, TimestampTzGetDatum(*job.starts_at));
	if (job.ends_at != nullptr)
		SetValue(slot, job_ends_at, TimestampTzGetDatum(*job.ends_at));
	SetText(slot, job_state, "due");
	SetValue(slot, job_flagged_at, TimestampTzGetDatum(now));
	SetValue(slot, job_due_at, TimestampTzGetDatum(now));
	SetValue(slot, job_attempts, Int32GetDatum(0));
	SetValue(slot, job_generation, Int32GetDatum(0));
	SetValue(slot, job_outcome_unknown, BoolGetDatum(false));
	ExecStoreVirtualTuple(slot);
}

/* True: inserted. False: the session has a job. */
static bool
InsertUnlessThere(ResultRelInfo *target, TupleTableSlot *slot, EState *estate)
{
	Relation relation = target->ri_RelationDesc;

	for (;;)
	{
		ItemPointerData conflicting;
		bool conflict = false;

		CHECK_FOR_INTERRUPTS();
		if (!CheckIndexConstraints(target, slot, estate, &conflicting))
			return false;

		uint32 token = SpeculativeInsertionLockAcquire(GetCurrentTransactionId());

		table_tuple_insert_speculative(relation, slot, GetCurrentCommandId(true), 0, nullptr,
									   token);
		InsertIndexTuplesSpeculatively(target, slot, estate, &conflict);
		table_tuple_complete_speculative(relation, slot, token, !conflict);
		SpeculativeInsertionLockRelease(GetCurrentTransactionId());
		if (!conflict)
			return true;
	}
}

JobAdded
AddJob(const NewJob &job)
{
	/* by name without the caller's USAGE check: the booking role has no right on the schema */
	Oid schema = get_namespace_oid("meetlink", true);
	Oid table = OidIsValid(schema) ? get_relname_relid("job", schema) : InvalidOid;
	Relation relation = OidIsValid(table) ? try_table_open(table, RowExclusiveLock) : nullptr;

	if (relation == nullptr)
		return JobAdded::no_table;
	if (RelationGetDescr(relation)->natts < job_columns_set)
	{
		table_close(relation, RowExclusiveLock);
		return JobAdded::no_table;
	}

	EState *estate = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);
	TupleTableSlot *slot = table_slot_create(relation, nullptr);
	MemoryContext caller_context = MemoryContextSwitchTo(estate->es_query_cxt);

	InitResultRelInfo(target, relation, 1, nullptr, 0);
	ExecOpenIndices(target, true);
	FillSlot(slot, job);

	bool inserted = InsertUnlessThere(target, slot, estate);

	ExecCloseIndices(target);
	MemoryContextSwitchTo(caller_context);
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(estate);
	table_close(relation, NoLock);
	return inserted ? JobAdded::added : JobAdded::exists;
}
