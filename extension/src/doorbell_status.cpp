/*
 * doorbell_status.cpp
 *	  meetlink.doorbell(): how a booking that commits now wakes the daemon, and what is wrong with it.
 */
#include "postgres.hpp"

#include "doorbell_shared.hpp"
#include "version.hpp"

extern "C"
{
#include "access/xlog.h"
#include "funcapi.h"

	PG_FUNCTION_INFO_V1(meetlink_doorbell);
	extern PGDLLEXPORT Datum meetlink_doorbell(PG_FUNCTION_ARGS);
}

/*
 * In the order of sql/32_doorbell.sql. New ones go to the end: the SQL may be newer than this library,
 * which is what health() wants to know then, so what it does not know is null.
 */
enum Column : int
{
	column_mode,
	column_preloaded,
	column_launcher,
	column_worker,
	column_problem,
	column_hint,
	column_library_version,
	column_version_hint,
};

static constexpr int most_columns = 32;

struct Problem
{
	const char *what; /* null: none */
	const char *hint;
};

static Problem
FindProblem(const DoorbellState &state)
{
	/* A standby books nothing. */
	if (!state.preloaded || RecoveryInProgress())
		return {};
	if (state.failures >= 2)
		return {
			psprintf("the last %d workers for this database ended before they could send a NOTIFY",
					 state.failures),
			"The server log says why; the daemon's poll finds the sessions meanwhile."};
	if (state.heard)
		return {};
	if (state.no_slot)
		return {"no background worker slot is free for this database",
				"Increase max_worker_processes."};
	if (state.all_in_use)
		return {psprintf("%d other databases are being booked in, which is the most it serves",
						 max_bells),
				"Bookings in this database wait for each other when they commit; that is all."};
	return {"its launcher is not running",
			"The server log says why; it needs a slot of max_worker_processes."};
}

static void
SetText(const char *text, Datum *value, bool *isnull)
{
	*isnull = text == nullptr;
	if (text != nullptr)
		*value = CStringGetTextDatum(text);
}

static void
SetPid(int pid, Datum *value, bool *isnull)
{
	*isnull = pid == 0;
	*value = Int32GetDatum(pid);
}

Datum
meetlink_doorbell(PG_FUNCTION_ARGS)
{
	const DoorbellState state = LookAtDoorbell();
	const Problem problem = FindProblem(state);
	const char *installed = InstalledVersion();
	const bool differs = installed != nullptr && strcmp(installed, library_version) != 0;
	TupleDesc descriptor;
	Datum values[most_columns] = {};
	bool nulls[most_columns];

	if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE ||
		descriptor->natts > most_columns)
		elog(ERROR, "meetlink.doorbell() is not declared as this library expects");
	memset(nulls, true, sizeof(nulls));

	SetText(state.heard ? "preload" : "notify", &values[column_mode], &nulls[column_mode]);
	values[column_preloaded] = BoolGetDatum(state.preloaded);
	nulls[column_preloaded] = false;
	SetPid(state.launcher_pid, &values[column_launcher], &nulls[column_launcher]);
	SetPid(state.worker_pid, &values[column_worker], &nulls[column_worker]);
	SetText(problem.what, &values[column_problem], &nulls[column_problem]);
	SetText(problem.hint, &values[column_hint], &nulls[column_hint]);
	SetText(library_version, &values[column_library_version], &nulls[column_library_version]);
	SetText(differs ? VersionHint(installed) : nullptr, &values[column_version_hint],
			&nulls[column_version_hint]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
