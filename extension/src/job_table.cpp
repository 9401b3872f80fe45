/*
 * job_table.cpp
 *	  Adds rows to meetlink.job below SQL: fast, and without any right of the booking role.
 *
 * The insertion is ON CONFLICT DO NOTHING by hand (nodeModifyTable.c, ExecInsert): insert speculatively,
 * and back out if the session has a job already. So a session that another transaction is flagging at
 * the same moment never fails a booking. Constraints and defaults are not checked on this way; every
 * value of the row is given here.
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

/*
 * What stays from row to row of a statement: with a partial index's predicate to prepare for each row,
 * opening the table as a target costs as much as the insertion. It lives in the trigger's FmgrInfo, and
 * holds no reference between rows: only locks, which last until the transaction ends in any case.
 */
struct JobTarget
{
	Oid table;
	List *indexes;
	EState *estate;
	ResultRelInfo *relation;
	TupleTableSlot *slot;
};

static void
FollowRelation(JobTarget *target, Relation relation)
{
	ResultRelInfo *info = target->relation;

	info->ri_RelationDesc = relation;
	for (int i = 0; i < info->ri_NumIndices; i++)
		info->ri_IndexRelationDescs[i] =
			index_open(list_nth_oid(target->indexes, i), RowExclusiveLock);
}

static void
LetGo(JobTarget *target)
{
	ResultRelInfo *info = target->relation;

	for (int i = 0; i < info->ri_NumIndices; i++)
		index_close(info->ri_IndexRelationDescs[i], NoLock);
	table_close(info->ri_RelationDesc, NoLock);
}

/* In the current memory context. */
static JobTarget *
MakeTarget(Relation relation, List *indexes)
{
	JobTarget *target = (JobTarget *) palloc0(sizeof(JobTarget));

	target->table = RelationGetRelid(relation);
	target->indexes = list_copy(indexes);
	target->estate = CreateExecutorState();
	target->relation = makeNode(ResultRelInfo);
	InitResultRelInfo(target->relation, relation, 1, nullptr, 0);
	ExecOpenIndices(target->relation, true);
	/* a copy, because the relation's own descriptor would have to be released by its owner */
	target->slot =
		MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(relation)), &TTSOpsVirtual);
	return target;
}

/* The table with its indexes, opened for insertion until LetGo(); null when there is none. */
static JobTarget *
OpenTarget(FmgrInfo *trigger)
{
	JobTarget *target = (JobTarget *) trigger->fn_extra;
	Oid table = target != nullptr ? target->table : InvalidOid;

	if (!OidIsValid(table))
	{
		/* by name without the caller's USAGE check: the booking role has no right on the schema */
		Oid schema = get_namespace_oid("meetlink", true);

		table = OidIsValid(schema) ? get_relname_relid("job", schema) : InvalidOid;
	}

	Relation relation = OidIsValid(table) ? try_table_open(table, RowExclusiveLock) : nullptr;

	if (relation == nullptr)
		return nullptr;
	if (RelationGetDescr(relation)->natts < job_columns_set)
	{
		table_close(relation, RowExclusiveLock);
		return nullptr;
	}

	List *indexes = RelationGetIndexList(relation);

	if (target == nullptr || !equal(indexes, target->indexes))
	{
		MemoryContext caller_context = MemoryContextSwitchTo(trigger->fn_mcxt);

		target = MakeTarget(relation, indexes);
		trigger->fn_extra = target;
		MemoryContextSwitchTo(caller_context);
	}
	else
		FollowRelation(target, relation);
	list_free(indexes);
	return target;
}

/* True: inserted. False: the session has a job. */
static bool
InsertUnlessThere(JobTarget *target, bool probably_new)
{
	ResultRelInfo *info = target->relation;

	/* The probe is half of the cost, and finds out nothing that the insertion would not. */
	for (bool probe = !probably_new;; probe = true)
	{
		ItemPointerData conflicting;
		bool conflict = false;

		CHECK_FOR_INTERRUPTS();
		if (probe && !CheckIndexConstraints(info, target->slot, target->estate, &conflicting))
			return false;

		uint32 token = SpeculativeInsertionLockAcquire(GetCurrentTransactionId());

		table_tuple_insert_speculative(info->ri_RelationDesc, target->slot,
									   GetCurrentCommandId(true), 0, nullptr, token);
		InsertIndexTuplesSpeculatively(info, target->slot, target->estate, &conflict);
		table_tuple_complete_speculative(info->ri_RelationDesc, target->slot, token, !conflict);
		SpeculativeInsertionLockRelease(GetCurrentTransactionId());
		if (!conflict)
			return true;
	}
}

JobAdded
AddJob(FmgrInfo *trigger, const NewJob &job, bool probably_new)
{
	JobTarget *target = OpenTarget(trigger);

	if (target == nullptr)
		return JobAdded::no_table;
	FillSlot(target->slot, job);

	bool inserted = InsertUnlessThere(target, probably_new);

	ExecClearTuple(target->slot);
	ResetPerTupleExprContext(target->estate);
	LetGo(target);
	return inserted ? JobAdded::added : JobAdded::exists;
}
