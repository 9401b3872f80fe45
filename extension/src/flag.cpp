/*
 * flag.cpp
 *	  The triggers on the user's tables (made by meetlink.attach, sql/81_generate.sql).
 *
 * Their WHEN clauses have decided already that the session has no link, or had none. They ask no more, because
 * PostgreSQL reads and compiles them anew for each statement (trigger.c, TriggerEnabled). A booking must not fail
 * because of meetlink: what cannot be flagged is left to the sweep.
 */
#include "postgres.hpp"

#include "as_owner.hpp"
#include "doorbell.hpp"
#include "job_table.hpp"
#include "trigger_row.hpp"

extern "C"
{
	PG_FUNCTION_INFO_V1(meetlink_flag);
	extern PGDLLEXPORT Datum meetlink_flag(PG_FUNCTION_ARGS);

	PG_FUNCTION_INFO_V1(meetlink_retire);
	extern PGDLLEXPORT Datum meetlink_retire(PG_FUNCTION_ARGS);

	PG_FUNCTION_INFO_V1(meetlink_reconnected);
	extern PGDLLEXPORT Datum meetlink_reconnected(PG_FUNCTION_ARGS);
}

/*
 * Arguments of meetlink.flag() and meetlink.retire(), in order: names of columns; then the values of status of
 * which a session needs a link.
 */
enum SessionArgument : int
{
	column_id,
	column_owner,
	column_provider,
	column_starts_at,
	column_ends_at,
	column_duration_minutes,
	column_join_url,
	column_status,
	session_columns
};
static_assert(session_columns <= most_columns);

/* A longer one is a mistake. The view meetlink.session has the same bound. */
static constexpr int64 longest_minutes = 100 * 365 * 24 * 60;

/* The end of a session that has only a duration; none when that cannot be expressed. */
static bool
EndFromDuration(TimestampTz starts_at, Datum duration, Oid type, TimestampTz *ends_at)
{
	int64 minutes;

	switch (type)
	{
		case INT2OID:
			minutes = DatumGetInt16(duration);
			break;
		case INT4OID:
			minutes = DatumGetInt32(duration);
			break;
		case INT8OID:
			minutes = DatumGetInt64(duration);
			break;
		default:
			return false;
	}
	return !TIMESTAMP_NOT_FINITE(starts_at) && minutes >= -longest_minutes &&
		minutes <= longest_minutes &&
		!pg_add_s64_overflow(starts_at, minutes * SECS_PER_MINUTE * USECS_PER_SEC, ends_at) &&
		IS_VALID_TIMESTAMP(*ends_at);
}

/* False: it has no key. */
static bool
ReadSession(const TriggerRow &row, NewJob *job, TimestampTz *starts_at, TimestampTz *ends_at)
{
	Datum value;

	job->session_id = row.GetText(column_id);
	job->owner_id = row.GetText(column_owner);
	job->provider = row.GetText(column_provider);
	if (row.Get(column_starts_at, &value))
	{
		*starts_at = DatumGetTimestampTz(value);
		job->starts_at = starts_at;
	}
	if (row.Get(column_ends_at, &value))
	{
		*ends_at = DatumGetTimestampTz(value);
		job->ends_at = ends_at;
	}
	else if (job->starts_at != nullptr && row.Get(column_duration_minutes, &value) &&
			 EndFromDuration(*starts_at, value, row.columns[column_duration_minutes].type, ends_at))
		job->ends_at = ends_at;
	return job->session_id != nullptr;
}

/* A status that cannot be read is left for Flag() to tell. */
static bool
NeedsLink(const TriggerRow &row, const Trigger *trigger)
{
	Datum join_url;

	if (row.Get(column_join_url, &join_url))
		return false;
	if (row.columns[column_status].number <= 0)
		return true;

	const char *status = row.GetText(column_status);

	for (int i = session_columns; status != nullptr && i < trigger->tgnargs; i++)
		if (strcmp(status, trigger->tgargs[i]) == 0)
			return true;
	return false;
}

static bool
IsDistinct(const TriggerRow &before, const TriggerRow &after, int column)
{
	Datum old_value;
	Datum new_value;
	const bool was_set = before.Get(column, &old_value);
	const bool is_set = after.Get(column, &new_value);

	if (!was_set || !is_set)
		return was_set != is_set;

	const Form_pg_attribute attribute =
		TupleDescAttr(after.descriptor, after.columns[column].number - 1);

	return !datum_image_eq(old_value, new_value, attribute->attbyval, attribute->attlen);
}

/* Whether its job has to change. */
static bool
IsMoved(const TriggerRow &before, const TriggerRow &after)
{
	for (int column = column_id; column <= column_duration_minutes; column++)
		if (IsDistinct(before, after, column))
			return true;
	return false;
}

static Argument
TimeArgument(const TimestampTz *time)
{
	return Argument{TIMESTAMPTZOID, time ? TimestampTzGetDatum(*time) : (Datum) 0, time == nullptr};
}

static void
MoveJob(Oid function, const NewJob &job)
{
	static Statement statement = {.text = "select meetlink.move_job($1, $2, $3, $4, $5)",
								  .by_index = true};
	const Argument arguments[] = {
		TextArgument(job.session_id), TextArgument(job.owner_id), TextArgument(job.provider),
		TimeArgument(job.starts_at),  TimeArgument(job.ends_at),
	};

	RunAs(FunctionOwner(function), &statement, arguments);
}

static void
Flag(FunctionCallInfo fcinfo, const TriggerRow &row)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	NewJob job = {};
	TimestampTz starts_at;
	TimestampTz ends_at;

	if (!row.IsComplete() || !ReadSession(row, &job, &starts_at, &ends_at))
	{
		ereport(WARNING,
				(errmsg("session in \"%s\" could not be flagged for a meeting link",
						RelationGetRelationName(trigger->tg_relation)),
				 errdetail("A column that meetlink was attached to has another name now. "
						   "The session is found by the next sweep."),
				 errhint("Run: SELECT meetlink.attach(mapping => ...), with the new name in your mapping.")));
		return;
	}

	/* An insertion into a partition may be a row that has moved there, with its job. */
	const bool is_new =
		TRIGGER_FIRED_BY_INSERT(trigger->tg_event) && !trigger->tg_relation->rd_rel->relispartition;

	switch (AddJob(job, is_new))
	{
		case JobAdded::added:
			break;
		case JobAdded::exists:
			MoveJob(fcinfo->flinfo->fn_oid, job);
			break;
		case JobAdded::no_table:
			return;
	}
	RingAtCommit();
}

static void
Retire(FunctionCallInfo fcinfo, const TriggerRow &row)
{
	static Statement retire = {
		.text = "delete from meetlink.job where session_id operator(pg_catalog.=) $1",
		.by_index = true};

	/*
	 * Under REPEATABLE READ a job that the daemon touched since the snapshot would be a serialization
	 * failure: meetlink's affair, not the application's.
	 */
	static Statement retire_or_leave = {.text = "select meetlink.retire_job($1)", .by_index = true};

	/* meetlink.settle() retires the jobs of a batch at once */
	const char *settling = GetConfigOption("meetlink.settling", true, false);

	if (settling != nullptr && strcmp(settling, "on") == 0)
		return;

	const char *id = row.GetText(column_id);

	if (id == nullptr)
		return; /* renamed: the sweep retires it */

	const Argument arguments[] = {TextArgument(id)};

	RunAs(FunctionOwner(fcinfo->flinfo->fn_oid),
		  IsolationUsesXactSnapshot() ? &retire_or_leave : &retire, arguments);
}

Datum
meetlink_flag(PG_FUNCTION_ARGS)
{
	RequireTrigger(fcinfo, session_columns);

	TriggerData *trigger = (TriggerData *) fcinfo->context;
	const TriggerRow after = RowOf(fcinfo, Version::after, session_columns);
	const bool needs = NeedsLink(after, trigger->tg_trigger);

	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
	{
		if (needs)
			Flag(fcinfo, after);
		return PointerGetDatum(nullptr);
	}

	const TriggerRow before = RowOf(fcinfo, Version::before, session_columns);
	const bool needed = NeedsLink(before, trigger->tg_trigger);

	if (needs && (!needed || IsMoved(before, after)))
		Flag(fcinfo, after);
	if (needed && (!needs || IsDistinct(before, after, column_id)))
		Retire(fcinfo, before);
	return PointerGetDatum(nullptr);
}

Datum
meetlink_retire(PG_FUNCTION_ARGS)
{
	static Statement retire_all = {"delete from meetlink.job"};

	RequireTrigger(fcinfo, session_columns);

	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
	{
		RunAs(FunctionOwner(fcinfo->flinfo->fn_oid), &retire_all, {});
		return PointerGetDatum(nullptr);
	}

	/* A row that moves to another partition is deleted here and inserted there: it keeps its job. */
	if (HeapTupleHeaderIndicatesMovedPartitions(trigger->tg_trigtuple->t_data))
		return PointerGetDatum(nullptr);

	const TriggerRow row = RowOf(fcinfo, Version::before, session_columns);

	if (NeedsLink(row, trigger->tg_trigger))
		Retire(fcinfo, row);
	return PointerGetDatum(nullptr);
}

/*
 * The row's columns are read here, as the caller: to_jsonb(new) in a function of the extension's owner
 * would run casts that belong to the table's owner with the rights of a superuser.
 */
Datum
meetlink_reconnected(PG_FUNCTION_ARGS)
{
	static Statement unblock = {.text = "select meetlink.unblock($1, $2)", .by_index = true};

	RequireTrigger(fcinfo, 2);

	const TriggerRow row = RowOf(fcinfo, Version::after, 2);

	if (!row.IsComplete())
		return PointerGetDatum(nullptr); /* renamed: the sweep finds it */

	const char *owner_id = row.GetText(0);
	const char *provider = row.GetText(1);
	const Argument arguments[] = {TextArgument(owner_id), TextArgument(provider)};
	char *woken[1];

	if (RunAs(FunctionOwner(fcinfo->flinfo->fn_oid), &unblock, arguments, woken) &&
		strcmp(woken[0], "0") != 0)
		RingAtCommit();
	return PointerGetDatum(nullptr);
}
