/*
 * job_table.cpp
 *	  Adds rows to meetlink.job below SQL: fast, and without any right of the booking role.
 *
 * The insertion is ON CONFLICT DO NOTHING by hand (nodeModifyTable.c, ExecInsert): insert, speculatively
 * unless the session is new, and back out if it has a job already. So a session that another transaction
 * is flagging at the same moment never fails a booking. Constraints and defaults are not checked on this way; every
 * value of the row is given here.
 */
#include "job_table.hpp"

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
 * The table as a target of insertions, kept from one booking to the next: to describe its indexes and to
 * compile their predicates for each costs more than the insertion. It holds no reference between rows, only
 * locks, which last until the transaction ends in any case; a change of the table makes it outdated.
 */
struct JobTarget
{
	MemoryContext context; /* of all the rest */
	Oid table;
	Oid *indexes; /* as many as relation->ri_NumIndices */
	EState *estate;
	ResultRelInfo *relation;
	TupleTableSlot *slot;
};

static JobTarget *target = nullptr;
static bool outdated = false;

extern "C"
{
	static void
	OnRelationChange(Datum, Oid relation)
	{
		/* without a target: one may be in the making, from what was so before */
		outdated =
			outdated || target == nullptr || !OidIsValid(relation) || relation == target->table;
		for (int i = 0; !outdated && i < target->relation->ri_NumIndices; i++)
			outdated = relation == target->indexes[i];
	}
}

static void
Forget()
{
	if (target != nullptr)
		MemoryContextDelete(target->context);
	target = nullptr;
}

static void
OpenIndexes()
{
	ResultRelInfo *info = target->relation;

	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		info->ri_IndexRelationDescs[i] = index_open(target->indexes[i], RowExclusiveLock);
		info->ri_IndexRelationInfo[i]->ii_AmCache = nullptr; /* of an insertion that failed */
	}
}

/* What an access method keeps for the next row may point to the index, or pin its pages. */
static void
LetGo()
{
	ResultRelInfo *info = target->relation;

	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		CleanUpAfterInsertion(info->ri_IndexRelationDescs[i], info->ri_IndexRelationInfo[i]);
		index_close(info->ri_IndexRelationDescs[i], NoLock);
	}
	table_close(info->ri_RelationDesc, NoLock);
	ExecClearTuple(target->slot);
	ResetPerTupleExprContext(target->estate);
}

/* Whether nothing but the state decides which rows the index holds. */
static bool
IsOfState(const IndexInfo *index)
{
	Bitmapset *columns = nullptr;

	pull_varattnos((Node *) index->ii_Predicate, 1, &columns);
	return bms_membership(columns) == BMS_SINGLETON &&
		bms_is_member(job_state + 1 - FirstLowInvalidHeapAttributeNumber, columns);
}

/* The state of a new job is known, and so is which of these indexes it goes into: the others are let go. */
static void
DecideByState(JobTarget *made)
{
	ResultRelInfo *info = made->relation;
	int kept = 0;

	FillSlot(made->slot, NewJob{});
	GetPerTupleExprContext(made->estate)->ecxt_scantuple = made->slot;
	made->indexes = (Oid *) palloc(sizeof(Oid) * Max(info->ri_NumIndices, 1));
	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		Relation index = info->ri_IndexRelationDescs[i];
		IndexInfo *description = info->ri_IndexRelationInfo[i];

		if (IsOfState(description))
		{
			ExprState *holds = ExecPrepareQual(description->ii_Predicate, made->estate);

			if (!ExecQual(holds, GetPerTupleExprContext(made->estate)))
			{
				index_close(index, NoLock);
				continue;
			}
			description->ii_Predicate = NIL;
		}
		/* what an access method keeps there is gone with the row */
		description->ii_Context = GetPerTupleMemoryContext(made->estate);
		info->ri_IndexRelationDescs[kept] = index;
		info->ri_IndexRelationInfo[kept] = description;
		made->indexes[kept++] = RelationGetRelid(index);
	}
	info->ri_NumIndices = kept;
}

static JobTarget *
MakeTarget(Relation relation)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "meetlink job table", ALLOCSET_SMALL_SIZES);
	MemoryContext caller_context = MemoryContextSwitchTo(context);
	JobTarget *made = (JobTarget *) palloc0(sizeof(JobTarget));

	made->context = context;
	made->table = RelationGetRelid(relation);
	made->estate = CreateExecutorState();
	made->relation = makeNode(ResultRelInfo);
	InitResultRelInfo(made->relation, relation, 1, nullptr, 0);
	ExecOpenIndices(made->relation, true);
	/* a copy, because the relation's own descriptor would have to be released by its owner */
	made->slot =
		MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(relation)), &TTSOpsVirtual);
	DecideByState(made);
	MemoryContextSwitchTo(caller_context);
	MemoryContextSetParent(context, CacheMemoryContext); /* not before nothing can fail any more */
	return made;
}

/* By name without the caller's USAGE check: the booking role has no right on the schema. */
static Oid
FindTable()
{
	Oid schema = get_namespace_oid("meetlink", true);

	return OidIsValid(schema) ? get_relname_relid("job", schema) : InvalidOid;
}

/*
 * Opens the table with its indexes until LetGo(). False: there is none.
 *
 * Whoever builds an index concurrently waits for transactions that hold the table, so for the current one a
 * target may be older than the index (index.c, index_concurrently_build); for the next one it may not.
 */
static bool
OpenTarget()
{
	static bool callback_registered = false;

	if (!callback_registered)
		CacheRegisterRelcacheCallback(OnRelationChange, 0);
	callback_registered = true;

	for (;;)
	{
		const bool known = target != nullptr && !outdated;

		if (!known)
		{
			Forget();
			outdated = false;
		}

		Oid table = known ? target->table : FindTable();
		Relation relation = OidIsValid(table) ? try_table_open(table, RowExclusiveLock) : nullptr;

		/* the lock was the moment to hear of changes */
		if (known && outdated)
		{
			if (relation != nullptr)
				table_close(relation, NoLock);
			continue;
		}
		if (relation == nullptr)
			return false;
		if (RelationGetDescr(relation)->natts < job_columns_set)
		{
			table_close(relation, RowExclusiveLock);
			return false;
		}
		if (known)
		{
			target->relation->ri_RelationDesc = relation;
			OpenIndexes();
		}
		else
			target = MakeTarget(relation);
		return true;
	}
}

/* Inserts the index entries of a row that is there; whether the session already had a job. */
static bool
IndexEntriesConflict()
{
	ResultRelInfo *info = target->relation;
	bool conflict = false;

	InsertIndexTuplesSpeculatively(info, target->slot, target->estate, &conflict);
	return conflict;
}

/*
 * True: inserted. False: the session may have a job.
 *
 * Without the token of a speculative insertion, which is a heavyweight lock and a WAL record for each row.
 * It tells those who meet the row that they need not wait for the whole transaction; but nobody adds a job
 * for a session that is not there yet. A job that was left over from a session of the same key (deleted with
 * triggers disabled) costs a dead row, whose insertion and deletion logical decoding sees.
 */
static bool
InsertNew()
{
	Relation table = target->relation->ri_RelationDesc;

	table_tuple_insert(table, target->slot, GetCurrentCommandId(true), 0, nullptr);
	if (!IndexEntriesConflict())
		return true;
	CommandCounterIncrement(); /* what this command has inserted it may not delete */
	simple_table_tuple_delete(table, &target->slot->tts_tid, nullptr);
	return false;
}

/* True: inserted. False: the session has a job. */
static bool
InsertUnlessThere()
{
	ResultRelInfo *info = target->relation;

	for (;;)
	{
		ItemPointerData conflicting;

		CHECK_FOR_INTERRUPTS();
		if (!CheckIndexConstraints(info, target->slot, target->estate, &conflicting))
			return false;

		uint32 token = SpeculativeInsertionLockAcquire(GetCurrentTransactionId());

		table_tuple_insert_speculative(info->ri_RelationDesc, target->slot,
									   GetCurrentCommandId(true), 0, nullptr, token);

		const bool conflict = IndexEntriesConflict();

		table_tuple_complete_speculative(info->ri_RelationDesc, target->slot, token, !conflict);
		SpeculativeInsertionLockRelease(GetCurrentTransactionId());
		if (!conflict)
			return true;
	}
}

JobAdded
AddJob(const NewJob &job, bool is_new)
{
	if (!OpenTarget())
		return JobAdded::no_table;
	FillSlot(target->slot, job);

	const bool inserted = (is_new && InsertNew()) || InsertUnlessThere();

	LetGo();
	return inserted ? JobAdded::added : JobAdded::exists;
}
