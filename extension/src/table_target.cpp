/*
 * table_target.cpp
 *	  One of meetlink's tables as a target of changes below SQL.
 *
 * What nodeModifyTable.c does for a statement, without the statement.
 */
#include "table_target.hpp"

/*
 * Kept from one call to the next: to describe the indexes and to compile their predicates for each costs more
 * than the change. It holds no reference between calls, only locks, which last until the transaction ends in
 * any case; a change of the table makes it outdated.
 */
struct TableAccess
{
	TableAccess *next;		  /* all of this process */
	MemoryContext context;	  /* of all the rest */
	MemoryContext of_indexes; /* what access methods keep between the rows of one use */
	Oid table;
	Oid *indexes; /* as many as info->ri_NumIndices */
	EState *estate;
	ResultRelInfo *info;
	TupleTableSlot *row;
	bool outdated;
};

static TableAccess *kept = nullptr;
/* Changes of relations so far: one that is heard of while an access is made may not be in it. */
static uint64 changes = 0;

extern "C"
{
	static void
	OnRelationChange(Datum, Oid relation)
	{
		changes++;
		for (TableAccess *access = kept; access != nullptr; access = access->next)
		{
			access->outdated =
				access->outdated || !OidIsValid(relation) || relation == access->table;
			for (int i = 0; !access->outdated && i < access->info->ri_NumIndices; i++)
				access->outdated = relation == access->indexes[i];
		}
	}
}

static void
Forget(TableTarget *target)
{
	TableAccess **link = &kept;

	while (*link != target->access)
		link = &(*link)->next;
	*link = target->access->next;
	MemoryContextDelete(target->access->context);
	target->access = nullptr;
}

static void
OpenIndexes(const TableAccess *access)
{
	ResultRelInfo *info = access->info;

	MemoryContextReset(access->of_indexes); /* of a use that failed */
	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		info->ri_IndexRelationDescs[i] = index_open(access->indexes[i], RowExclusiveLock);
		info->ri_IndexRelationInfo[i]->ii_AmCache = nullptr;
	}
}

/* What an access method keeps for the next row may point to the index, or pin its pages. */
void
LetGo(TableTarget *target)
{
	ResultRelInfo *info = target->access->info;

	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		CleanUpAfterInsertion(info->ri_IndexRelationDescs[i], info->ri_IndexRelationInfo[i]);
		index_close(info->ri_IndexRelationDescs[i], NoLock);
	}
	table_close(target->relation, NoLock);
	ExecClearTuple(target->row);
	ResetPerTupleExprContext(target->access->estate);
	MemoryContextReset(target->access->of_indexes);
	target->relation = nullptr;
}

/* Whether nothing but the state decides which rows the index holds. */
static bool
IsOfState(const TableTarget *target, const IndexInfo *index)
{
	Bitmapset *columns = nullptr;

	if (target->state == nullptr)
		return false;
	pull_varattnos((Node *) index->ii_Predicate, 1, &columns);
	return bms_membership(columns) == BMS_SINGLETON &&
		bms_is_member(target->state_column + 1 - FirstLowInvalidHeapAttributeNumber, columns);
}

/* The state of what is put in is known, and so is which of these indexes it goes into: the others are let go. */
static void
DecideByState(TableTarget *target, TableAccess *made)
{
	ResultRelInfo *info = made->info;
	int count = 0;

	BeginRow(target);
	if (target->state != nullptr)
		SetText(target, target->state_column, target->state);
	EndRow(target);
	GetPerTupleExprContext(made->estate)->ecxt_scantuple = made->row;
	made->indexes = (Oid *) palloc(sizeof(Oid) * Max(info->ri_NumIndices, 1));
	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		Relation index = info->ri_IndexRelationDescs[i];
		IndexInfo *description = info->ri_IndexRelationInfo[i];

		if (IsOfState(target, description))
		{
			ExprState *holds = ExecPrepareQual(description->ii_Predicate, made->estate);

			if (!ExecQual(holds, GetPerTupleExprContext(made->estate)))
			{
				index_close(index, NoLock);
				continue;
			}
			description->ii_Predicate = NIL;
		}
		description->ii_Context = made->of_indexes;
		info->ri_IndexRelationDescs[count] = index;
		info->ri_IndexRelationInfo[count] = description;
		made->indexes[count++] = RelationGetRelid(index);
	}
	info->ri_NumIndices = count;
}

static void
MakeAccess(TableTarget *target)
{
	const uint64 changes_before = changes;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "meetlink table", ALLOCSET_SMALL_SIZES);
	MemoryContext caller_context = MemoryContextSwitchTo(context);
	TableAccess *made = (TableAccess *) palloc0(sizeof(TableAccess));

	made->context = context;
	made->of_indexes = AllocSetContextCreate(context, "meetlink indexes", ALLOCSET_SMALL_SIZES);
	made->table = RelationGetRelid(target->relation);
	made->estate = CreateExecutorState();
	made->info = makeNode(ResultRelInfo);
	InitResultRelInfo(made->info, target->relation, 0, nullptr, 0);
	ExecOpenIndices(made->info, true);
	/* a copy, because the relation's own descriptor would have to be released by its owner */
	made->row = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(target->relation)),
										 &TTSOpsVirtual);
	target->row = made->row;
	DecideByState(target, made);
	MemoryContextSwitchTo(caller_context);

	/* not before nothing can fail any more */
	MemoryContextSetParent(context, CacheMemoryContext);
	made->outdated = changes != changes_before;
	made->next = kept;
	kept = made;
	target->access = made;
}

Oid
FindRelation(const char *name)
{
	Oid schema = get_namespace_oid("meetlink", true);

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

/*
 * Whoever builds an index concurrently waits for transactions that hold the table, so for the current one what is
 * kept may be older than the index (index.c, index_concurrently_build); for the next one it may not.
 */
bool
Open(TableTarget *target)
{
	static bool callback_registered = false;

	if (!callback_registered)
		CacheRegisterRelcacheCallback(OnRelationChange, 0);
	callback_registered = true;

	for (;;)
	{
		if (target->access != nullptr && target->access->outdated)
			Forget(target);

		const bool known = target->access != nullptr;
		Oid table = known ? target->access->table : FindRelation(target->table);
		Relation relation = OidIsValid(table) ? try_table_open(table, RowExclusiveLock) : nullptr;

		/* the lock was the moment to hear of changes */
		if (known && target->access->outdated)
		{
			if (relation != nullptr)
				table_close(relation, NoLock);
			continue;
		}
		if (relation == nullptr)
			return false;
		if (RelationGetDescr(relation)->natts < target->least_columns)
		{
			table_close(relation, RowExclusiveLock);
			return false;
		}
		target->relation = relation;
		if (known)
		{
			target->row = target->access->row;
			target->access->info->ri_RelationDesc = relation;
			OpenIndexes(target->access);
		}
		else
			MakeAccess(target);
		return true;
	}
}

static void
RefuseVersion(const char *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("table \"meetlink.%s\" is not there, or of another version of meetlink", table),
			 errhint("SELECT * FROM meetlink.health() says which versions there are.")));
}

void
MustOpen(TableTarget *target)
{
	if (!Open(target))
		RefuseVersion(target->table);
}

Relation
OpenTable(const char *name, int least_columns, LOCKMODE lock)
{
	Oid table = FindRelation(name);
	Relation relation = OidIsValid(table) ? try_table_open(table, lock) : nullptr;

	if (relation == nullptr || RelationGetDescr(relation)->natts < least_columns)
		RefuseVersion(name);
	return relation;
}

void
BeginRow(TableTarget *target)
{
	TupleTableSlot *row = target->row;

	ExecClearTuple(row);
	memset(row->tts_isnull, true, sizeof(bool) * row->tts_tupleDescriptor->natts);
}

void
BeginRow(TableTarget *target, TupleTableSlot *from)
{
	TupleTableSlot *row = target->row;
	const int columns = row->tts_tupleDescriptor->natts;

	ExecClearTuple(row);
	slot_getallattrs(from);
	memcpy(row->tts_values, from->tts_values, sizeof(Datum) * columns);
	memcpy(row->tts_isnull, from->tts_isnull, sizeof(bool) * columns);
}

void
SetValue(TableTarget *target, int column, Datum value)
{
	target->row->tts_values[column] = value;
	target->row->tts_isnull[column] = false;
}

void
SetText(TableTarget *target, int column, const char *value)
{
	if (value == nullptr)
		target->row->tts_isnull[column] = true;
	else
		SetValue(target, column, CStringGetTextDatum(value));
}

void
EndRow(TableTarget *target)
{
	ExecStoreVirtualTuple(target->row);
}

/* Inserts the index entries of a row that is there; whether a key of it was there already. */
static bool
IndexEntriesConflict(TableAccess *access)
{
	bool conflict = false;

	InsertIndexTuples(access->info, access->row, access->estate, &conflict);
	return conflict;
}

void
Insert(TableTarget *target)
{
	table_tuple_insert(target->relation, target->row, GetCurrentCommandId(true), 0, nullptr);
	InsertIndexTuples(target->access->info, target->row, target->access->estate, nullptr);
	ResetPerTupleExprContext(target->access->estate);
}

/*
 * Without the token of a speculative insertion, which is a heavyweight lock and a WAL record for each row. It
 * tells those who meet the row that they need not wait for the whole transaction.
 */
bool
InsertNew(TableTarget *target)
{
	table_tuple_insert(target->relation, target->row, GetCurrentCommandId(true), 0, nullptr);
	if (!IndexEntriesConflict(target->access))
		return true;
	CommandCounterIncrement(); /* what this command has inserted it may not delete */
	simple_table_tuple_delete(target->relation, &target->row->tts_tid, nullptr);
	return false;
}

bool
InsertUnlessThere(TableTarget *target)
{
	TableAccess *access = target->access;

	for (;;)
	{
		ItemPointerData conflicting;

		CHECK_FOR_INTERRUPTS();
		if (!CheckIndexConstraints(access->info, target->row, access->estate, &conflicting))
			return false;

		uint32 token = SpeculativeInsertionLockAcquire(GetCurrentTransactionId());

		table_tuple_insert_speculative(target->relation, target->row, GetCurrentCommandId(true), 0,
									   nullptr, token);

		const bool conflict = IndexEntriesConflict(access);

		table_tuple_complete_speculative(target->relation, target->row, token, !conflict);
		SpeculativeInsertionLockRelease(GetCurrentTransactionId());
		if (!conflict)
			return true;
	}
}

void
Update(TableTarget *target, ItemPointer tid)
{
	if (!UpdateTuple(target->access->info, target->row, target->access->estate, tid))
		elog(ERROR, "row of \"meetlink.%s\" is not the newest although it is locked",
			 target->table);
	ResetPerTupleExprContext(target->access->estate);
}

bool
Lock(Relation table, ItemPointer tid, TupleTableSlot *locked, LockWaitPolicy wait)
{
	TM_FailureData failure;
	ItemPointerData version = *tid; /* which is followed to the newest */

	return table_tuple_lock(table, &version, GetActiveSnapshot(), locked,
							GetCurrentCommandId(false), LockTupleExclusive, wait,
							TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure) == TM_Ok;
}

bool
Delete(Relation table, ItemPointer tid)
{
	TM_FailureData failure;

	return table_tuple_delete(table, tid, GetCurrentCommandId(true), GetActiveSnapshot(),
							  InvalidSnapshot, true, &failure, false) == TM_Ok;
}
