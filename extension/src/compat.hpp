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

/* 16 added onlySummarizing (commit 19d8e230) */
inline List *
InsertIndexTuplesSpeculatively(ResultRelInfo *target, TupleTableSlot *slot, EState *estate,
							   bool *conflict)
{
#if PG_VERSION_NUM >= 160000
	return ExecInsertIndexTuples(target, slot, estate, false, true, conflict, NIL, false);
#else
	return ExecInsertIndexTuples(target, slot, estate, false, true, conflict, NIL);
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
