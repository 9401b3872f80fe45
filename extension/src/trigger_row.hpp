/*
 * trigger_row.hpp
 *	  The row that one of meetlink's triggers is called for. Which columns of the user's table it has to read, the
 *	  trigger's first arguments name; below they go by their place among these.
 */
#pragma once

#include "postgres.hpp"

struct Column
{
	int number;		 /* 0: the user has none, and it is null; or no_such_column */
	Oid type;		 /* under its domains */
	FmgrInfo output; /* looked up when it is needed */
};

static constexpr int no_such_column = -1;
static constexpr int most_columns = 8;

struct TriggerRow
{
	HeapTuple tuple;
	TupleDesc descriptor;
	Column *columns;
	int count;

	/* False: a column has been renamed or dropped since meetlink was attached. */
	bool IsComplete() const;
	/* False: it is null. */
	bool Get(int column, Datum *value) const;
	/* Null: it is null. */
	const char *GetText(int column) const;
};

/* The row as it was before an update or a deletion, or as it is after an insertion or an update. */
enum class Version
{
	before,
	after
};

/* Error: the function is not called as such a trigger. */
extern void RequireTrigger(FunctionCallInfo fcinfo, int least_arguments);
/* columns: so many, most_columns at most, as the trigger's first arguments name. */
extern TriggerRow RowOf(FunctionCallInfo fcinfo, Version version, int columns);
