/*
 * rows_by_index.cpp
 *	  Rows of one of meetlink's tables by one of its indexes.
 */
#include "rows_by_index.hpp"

#include "table_target.hpp"

extern "C"
{
#include "access/stratnum.h"
#include "utils/fmgroids.h"
}

RowsByIndex
BeginRows(Relation table, const char *name, int keys)
{
	RowsByIndex scan;
	Oid index = FindRelation(name);

	if (!OidIsValid(index))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("index \"meetlink.%s\" does not exist", name),
				 errhint("Drop and create the extension anew; sessions without a link are found by "
						 "the sweep.")));
	scan.index = index_open(index, AccessShareLock);
	scan.row = table_slot_create(table, nullptr);
	scan.scan = BeginIndexScan(table, scan.index, GetActiveSnapshot(), keys);
	return scan;
}

void
Find(RowsByIndex *scan, std::span<ScanKeyData> keys)
{
	index_rescan(scan->scan, keys.data(), (int) keys.size(), nullptr, 0);
}

bool
Next(RowsByIndex *scan)
{
	return index_getnext_slot(scan->scan, ForwardScanDirection, scan->row);
}

void
EndRows(RowsByIndex *scan)
{
	index_endscan(scan->scan);
	index_close(scan->index, NoLock);
	ExecDropSingleTupleTableSlot(scan->row);
}

/* Keys are of text_pattern_ops: compared byte by byte, whatever the collation. */
ScanKeyData
TextKey(int column, Datum text)
{
	ScanKeyData key;

	ScanKeyInit(&key, (AttrNumber) column, BTEqualStrategyNumber, F_TEXTEQ, text);
	return key;
}

ScanKeyData
Int8Key(int column, int64 number)
{
	ScanKeyData key;

	ScanKeyInit(&key, (AttrNumber) column, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(number));
	return key;
}

bool
IsInt8(TupleTableSlot *row, int column, int64 number)
{
	Datum value;

	return GetValue(row, column, &value) && DatumGetInt64(value) == number;
}

bool
SameText(TupleTableSlot *one, int column, TupleTableSlot *other, int other_column)
{
	Datum value;
	Datum other_value;

	return GetValue(one, column, &value) && GetValue(other, other_column, &other_value) &&
		datum_image_eq(value, other_value, false, -1);
}
