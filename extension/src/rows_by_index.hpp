/*
 * rows_by_index.hpp
 *	  Rows of one of meetlink's tables by one of its indexes, as the active snapshot sees them.
 */
#pragma once

#include "postgres.hpp"

#include <span>

struct RowsByIndex
{
	Relation index = nullptr;
	IndexScanDesc scan = nullptr;
	TupleTableSlot *row = nullptr; /* where Next() puts them */
};

/* The index by its name in the schema meetlink; an error if there is none. So many keys. */
extern RowsByIndex BeginRows(Relation table, const char *index, int keys);
/* Begins, or begins anew, with these keys. They are copied, what they point to is not. */
extern void Find(RowsByIndex *scan, std::span<ScanKeyData> keys);
extern bool Next(RowsByIndex *scan);
extern void EndRows(RowsByIndex *scan);

/* Equality with the index's column (from 1). */
extern ScanKeyData TextKey(int column, Datum text);
extern ScanKeyData Int8Key(int column, int64 number);

/* Of a row; column from 0. */
inline bool
GetValue(TupleTableSlot *row, int column, Datum *value)
{
	bool isnull;

	*value = slot_getattr(row, column + 1, &isnull);
	return !isnull;
}

extern bool IsInt8(TupleTableSlot *row, int column, int64 number);
/* Null is equal to nothing. */
extern bool SameText(TupleTableSlot *one, int column, TupleTableSlot *other, int other_column);
