/*
 * compat.hpp
 *	  Differences between the server versions that meetlink is built for, 15 to 18.
 */
#pragma once

/* 16 merged the pg_*_ownercheck family (commit afbfc029) */
inline bool
OwnsRelation(Oid relation, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relation, role);
#else
	return pg_class_ownercheck(relation, role);
#endif
}

/*
 * Index entries of a row that is new. With `conflict` a key that is there already does no more than set it.
 * 16 added onlySummarizing (commit 19d8e230).
 */
inline void
InsertIndexTuples(ResultRelInfo *target, TupleTableSlot *slot, EState *estate, bool *conflict)
{
	const bool speculative = conflict != nullptr;

#if PG_VERSION_NUM >= 160000
	ExecInsertIndexTuples(target, slot, estate, false, speculative, conflict, NIL, false);
#else
	ExecInsertIndexTuples(target, slot, estate, false, speculative, conflict, NIL);
#endif
}

/*
 * A row in the place of the version at `tid`, and its index entries. False: that one is not the newest. Waits,
 * because heap_update() has no other way. 16 tells which indexes need an entry (19d8e230).
 * Entries are made as for a new row: versions of a job die within seconds, and to look which are dead already whenever
 * a page is full (nbtree/README, bottom-up deletion) would cost a claim a twelfth of its time.
 */
inline bool
UpdateTuple(ResultRelInfo *target, TupleTableSlot *slot, EState *estate, ItemPointer tid)
{
	TM_FailureData failure;
	LockTupleMode mode;
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes entries = TU_None;
#else
	bool entries = false;
#endif

	if (table_tuple_update(target->ri_RelationDesc, tid, slot, GetCurrentCommandId(true),
						   GetActiveSnapshot(), InvalidSnapshot, true, &failure, &mode,
						   &entries) != TM_Ok)
		return false;
#if PG_VERSION_NUM >= 160000
	if (entries != TU_None)
		ExecInsertIndexTuples(target, slot, estate, false, false, nullptr, NIL,
							  entries == TU_Summarizing);
#else
	if (entries)
		ExecInsertIndexTuples(target, slot, estate, false, false, nullptr, NIL);
#endif
	return true;
}

/* 18 added instrument */
inline IndexScanDesc
BeginIndexScan(Relation table, Relation index, Snapshot snapshot, int keys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
	return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

/* 18 added tupleid, the row being updated (none here) */
inline bool
CheckIndexConstraints(ResultRelInfo *target, TupleTableSlot *slot, EState *estate,
					  ItemPointer conflict)
{
#if PG_VERSION_NUM >= 180000
	ItemPointerData none;

	ItemPointerSetInvalid(&none);
	return ExecCheckIndexConstraints(target, slot, estate, conflict, &none, NIL);
#else
	return ExecCheckIndexConstraints(target, slot, estate, conflict, NIL);
#endif
}

/* 17 added index_insert_cleanup (commit c1ec02be) */
inline void
CleanUpAfterInsertion([[maybe_unused]] Relation index, IndexInfo *info)
{
#if PG_VERSION_NUM >= 170000
	index_insert_cleanup(index, info);
#endif
	info->ii_AmCache = nullptr;
}
