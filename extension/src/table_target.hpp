/*
 * table_target.hpp
 *	  One of meetlink's tables as a target of changes below SQL: without planning, and without any right
 *	  of the role that runs.
 *
 * Constraints, defaults and triggers are left out on this way; whoever fills a row gives every value.
 */
#pragma once

#include "postgres.hpp"

/* What is kept of a table from one call to the next. */
struct TableAccess;

struct TableTarget
{
	const char *table; /* in the schema meetlink */
	int least_columns; /* with fewer the table is another version's */

	/* Of the rows put in, this column (from 0; -1: none) has this value: what a partial index asks. */
	int state_column = -1;
	const char *state = nullptr;

	/* From Open() to LetGo(): */
	Relation relation = nullptr;
	TupleTableSlot *row = nullptr; /* virtual: what is put in */

	TableAccess *access = nullptr;
};

/* Opens the table and its indexes. False: there is none, or it is another version's. */
extern bool Open(TableTarget *target);
/* Error where Open() says false: for functions that are of no use without the table. */
extern void MustOpen(TableTarget *target);
extern void LetGo(TableTarget *target);

/* Makes target->row a row of nulls, to be filled and stored (ExecStoreVirtualTuple). */
extern void BeginRow(TableTarget *target);
/* Makes it a copy of a row that is there, to be changed. Its values stay where `from` has them. */
extern void BeginRow(TableTarget *target, TupleTableSlot *from);
extern void SetValue(TableTarget *target, int column, Datum value);
/* A null pointer: null. */
extern void SetText(TableTarget *target, int column, const char *value);
extern void EndRow(TableTarget *target);

/* What a unique index forbids is an error. */
extern void Insert(TableTarget *target);
/* The same for a key that nobody is likely to have. False: somebody has, and a dead row was left. */
extern bool InsertNew(TableTarget *target);
/* ON CONFLICT DO NOTHING. False: the key is there. */
extern bool InsertUnlessThere(TableTarget *target);

/* Puts target->row in the place of the version at `tid`, which this transaction has locked (Lock). */
extern void Update(TableTarget *target, ItemPointer tid);

/* The table without its indexes, for what needs no entry in them; as MustOpen(). */
extern Relation OpenTable(const char *name, int least_columns, LOCKMODE lock);
/*
 * Locks the newest version of a row and puts it into `locked`. False: it is gone, or, with LockWaitSkip, somebody else
 * has it locked.
 */
extern bool Lock(Relation table, ItemPointer tid, TupleTableSlot *locked, LockWaitPolicy wait);
/* Waits for whoever else has it locked. False: it is not there any more. */
extern bool Delete(Relation table, ItemPointer tid);

/* A relation of the schema meetlink, without the caller's USAGE check; InvalidOid: there is none. */
extern Oid FindRelation(const char *name);
