/*
 * budget.cpp
 *	  meetlink.count_use(): counts claimed jobs against the daily budgets of their accounts (sql/45_budget.sql).
 */
#include "postgres.hpp"

#include "job_table.hpp"
#include "rows_by_index.hpp"
#include "table_target.hpp"

extern "C"
{
#include "access/stratnum.h"
#include "utils/array.h"
#include "utils/date.h"
#include "utils/fmgroids.h"

	PG_FUNCTION_INFO_V1(meetlink_count_use);
	extern PGDLLEXPORT Datum meetlink_count_use(PG_FUNCTION_ARGS);
}

/* Columns in the order of sql/45_budget.sql; test/sql/045_budget.sql compares. */
enum UseColumn : int
{
	use_owner_id,
	use_provider,
	use_day,
	use_daemon_id,
	use_used,
	use_columns
};

enum BudgetColumn : int
{
	budget_provider,
	budget_all_of_it,
	budget_least_urgent
};

static TableTarget daily_use = {.table = "daily_use", .least_columns = use_columns};

struct Day
{
	DateADT date;
	TimestampTz urgent_until; /* a session that starts earlier cannot wait for the next day */
};

/* What a provider allows an account. */
struct Budget
{
	char *provider;
	int all_of_it;
	int least_urgent;
};

struct BudgetedJob
{
	int64 claim_id;
	char *session_id;
	char *owner_id;
	const Budget *budget;
	TimestampTz starts_at; /* DT_NOEND: null */
};

static List *
ReadBudgets()
{
	List *budgets = NIL;
	Relation table = table_open(FindRelation("daily_budget"), AccessShareLock);
	TupleTableSlot *row = table_slot_create(table, nullptr);
	TableScanDesc scan = table_beginscan(table, GetActiveSnapshot(), 0, nullptr);
	Datum value;

	while (table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		Budget *budget = (Budget *) palloc0(sizeof(Budget));

		if (GetValue(row, budget_provider, &value))
			budget->provider = TextDatumGetCString(value);
		if (GetValue(row, budget_all_of_it, &value))
			budget->all_of_it = DatumGetInt32(value);
		if (GetValue(row, budget_least_urgent, &value))
			budget->least_urgent = DatumGetInt32(value);
		budgets = lappend(budgets, budget);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(row);
	table_close(table, NoLock);
	return budgets;
}

static const Budget *
BudgetOf(List *budgets, const char *provider)
{
	ListCell *cell;

	foreach (cell, budgets)
	{
		const Budget *budget = (const Budget *) lfirst(cell);

		if (strcmp(budget->provider, provider) == 0)
			return budget;
	}
	return nullptr;
}

/* False: nobody counts it. */
static bool
ReadJob(HeapTupleHeader job, List *budgets, BudgetedJob *read)
{
	bool isnull;
	Datum value = GetAttributeByNum(job, job_provider + 1, &isnull);

	read->budget = isnull ? nullptr : BudgetOf(budgets, TextDatumGetCString(value));
	if (read->budget == nullptr)
		return false;
	value = GetAttributeByNum(job, job_owner_id + 1, &isnull);
	if (isnull)
		return false;
	read->owner_id = TextDatumGetCString(value);
	value = GetAttributeByNum(job, job_session_id + 1, &isnull);
	if (isnull)
		return false;
	read->session_id = TextDatumGetCString(value);
	value = GetAttributeByNum(job, job_claim_id + 1, &isnull);
	if (isnull)
		return false;
	read->claim_id = DatumGetInt64(value);
	value = GetAttributeByNum(job, job_starts_at + 1, &isnull);
	read->starts_at = isnull ? DT_NOEND : DatumGetTimestampTz(value);
	return true;
}

static int
CompareAccounts(const BudgetedJob &one, const BudgetedJob &other)
{
	const int owners = strcmp(one.owner_id, other.owner_id);

	return owners != 0 ? owners : strcmp(one.budget->provider, other.budget->provider);
}

extern "C"
{
	/* By account, in each the nearest start first. */
	static int
	CompareJobs(const void *left, const void *right)
	{
		const BudgetedJob &one = *(const BudgetedJob *) left;
		const BudgetedJob &other = *(const BudgetedJob *) right;
		const int accounts = CompareAccounts(one, other);

		if (accounts != 0)
			return accounts;
		if (one.starts_at != other.starts_at)
			return one.starts_at < other.starts_at ? -1 : 1;
		return strcmp(one.session_id, other.session_id);
	}
}

/* What all daemons have used; where this one's own count is, if it has one. */
static int64
UsedBy(RowsByIndex *uses, const BudgetedJob &job, const Day &day, int64 daemon_id, bool *found,
	   ItemPointer own_row)
{
	ScanKeyData keys[3];
	int64 used = 0;
	Datum value;

	keys[0] = TextKey(1, CStringGetTextDatum(job.owner_id));
	keys[1] = TextKey(2, CStringGetTextDatum(job.budget->provider));
	ScanKeyInit(&keys[2], 3, BTEqualStrategyNumber, F_DATE_EQ, DateADTGetDatum(day.date));
	*found = false;
	Find(uses, keys);
	while (Next(uses))
	{
		used += GetValue(uses->row, use_used, &value) ? DatumGetInt32(value) : 0;
		if (IsInt8(uses->row, use_daemon_id, daemon_id))
		{
			*found = true;
			*own_row = uses->row->tts_tid;
		}
	}
	return used;
}

static int
Granted(std::span<const BudgetedJob> jobs, int64 used, const Day &day)
{
	int granted = 0;

	for (const BudgetedJob &job : jobs)
	{
		const int most =
			job.starts_at < day.urgent_until ? job.budget->all_of_it : job.budget->least_urgent;

		if (used + granted >= most)
			break;
		granted++;
	}
	return granted;
}

static RowsByIndex
BeginUses()
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	return BeginRows(daily_use.relation, "daily_use_key", 3);
}

static void
EndUses(RowsByIndex *uses)
{
	EndRows(uses);
	PopActiveSnapshot();
}

static void
FillUse(const BudgetedJob &job, const Day &day, int64 daemon_id, int used)
{
	BeginRow(&daily_use);
	SetText(&daily_use, use_owner_id, job.owner_id);
	SetText(&daily_use, use_provider, job.budget->provider);
	SetValue(&daily_use, use_day, DateADTGetDatum(day.date));
	SetValue(&daily_use, use_daemon_id, Int64GetDatum(daemon_id));
	SetValue(&daily_use, use_used, Int32GetDatum(used));
	EndRow(&daily_use);
}

/*
 * Counts as many of an account's jobs as its budget allows. False: somebody else who has this daemon's name has
 * begun or ended the day's count since the snapshot.
 */
static bool
TryCount(RowsByIndex *uses, std::span<const BudgetedJob> jobs, const Day &day, int64 daemon_id,
		 TupleTableSlot *own, int *granted)
{
	bool found;
	ItemPointerData own_row;
	Datum own_use;

	*granted = Granted(jobs, UsedBy(uses, jobs[0], day, daemon_id, &found, &own_row), day);
	if (*granted == 0)
		return true;
	if (!found)
	{
		FillUse(jobs[0], day, daemon_id, *granted);
		return InsertUnlessThere(&daily_use);
	}
	if (!Lock(daily_use.relation, &own_row, own, LockWaitBlock) ||
		!GetValue(own, use_used, &own_use))
		return false;
	FillUse(jobs[0], day, daemon_id, DatumGetInt32(own_use) + *granted);
	Update(&daily_use, &own->tts_tid);
	return true;
}

Datum
meetlink_count_use(PG_FUNCTION_ARGS)
{
	const int64 daemon_id = PG_GETARG_INT64(0);
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(1);
	const Day day = {PG_GETARG_DATEADT(2), PG_GETARG_TIMESTAMPTZ(3)};
	ArrayBuildState *refused = initArrayResult(INT8OID, CurrentMemoryContext, false);
	Datum *elements;
	bool *nulls;
	int elements_count;
	int count = 0;

	PreventCommandIfReadOnly("meetlink.count_use()");
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, &elements, &nulls,
					  &elements_count);

	BudgetedJob *jobs = (BudgetedJob *) palloc0(sizeof(BudgetedJob) * Max(elements_count, 1));
	List *budgets = ReadBudgets();

	for (int i = 0; i < elements_count; i++)
		if (!nulls[i] && ReadJob(DatumGetHeapTupleHeader(elements[i]), budgets, &jobs[count]))
			count++;
	qsort(jobs, count, sizeof(BudgetedJob), CompareJobs);

	MustOpen(&daily_use);

	RowsByIndex uses = BeginUses();
	TupleTableSlot *own = table_slot_create(daily_use.relation, nullptr);

	for (int first = 0, end; first < count; first = end)
	{
		int granted;

		for (end = first + 1; end < count && CompareAccounts(jobs[first], jobs[end]) == 0;)
			end++;
		while (
			!TryCount(&uses, {&jobs[first], (size_t) (end - first)}, day, daemon_id, own, &granted))
		{
			CHECK_FOR_INTERRUPTS();
			EndUses(&uses);
			uses = BeginUses();
		}
		for (int i = first + granted; i < end; i++)
			refused = accumArrayResult(refused, Int64GetDatum(jobs[i].claim_id), false, INT8OID,
									   CurrentMemoryContext);
	}
	ExecDropSingleTupleTableSlot(own);
	EndUses(&uses);
	LetGo(&daily_use);
	PG_RETURN_DATUM(makeArrayResult(refused, CurrentMemoryContext));
}
