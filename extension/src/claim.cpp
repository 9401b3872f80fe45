/*
 * claim.cpp
 *	  meetlink.claim_jobs(): due jobs become a daemon's for the time of a lease (sql/40_claim.sql).
 *
 * UPDATE ... WHERE session_id IN (SELECT ... ORDER BY start LIMIT max FOR UPDATE SKIP LOCKED) RETURNING *, without
 * a statement: to start one takes longer than a claim of one job, and the planner knows nothing of a table that
 * is empty most of the time.
 */
#include "postgres.hpp"

#include "job_table.hpp"
#include "orphan_table.hpp"
#include "rows_by_index.hpp"
#include "table_target.hpp"

extern "C"
{
#include "access/stratnum.h"
#include "commands/sequence.h"
#include "utils/array.h"
#include "utils/fmgroids.h"

	PG_FUNCTION_INFO_V1(meetlink_claim_jobs);
	extern PGDLLEXPORT Datum meetlink_claim_jobs(PG_FUNCTION_ARGS);
}

/* The index job_due: lanes by provider, in each the nearest start first. */
static constexpr const char *lane_names[] = {"google_meet", "zoom",
											 ""}; /* '': all that nobody knows */
static constexpr int lane_count = lengthof(lane_names);

static TableTarget claimed_jobs = {
	.table = "job", .least_columns = job_columns, .state_column = job_state, .state = "claimed"};

/* What is not to be claimed now: "owner/provider", or "/provider" for all of it; in order. */
struct SkipList
{
	char **keys;
	int count;
};

struct Claim
{
	int64 daemon_id;
	int max;
	TimestampTz lease_until;
	TimestampTz after;
	SkipList skip;
	Oid sequence; /* of claim ids */
	ArrayBuildState *jobs;
	int count;
};

/* The jobs of one provider that may be claimed; scan.row is the next of them. */
struct Lane
{
	const char *name;
	RowsByIndex scan;
	bool more;
};

extern "C"
{
	static int
	CompareKeys(const void *one, const void *other)
	{
		return strcmp(*(char *const *) one, *(char *const *) other);
	}
}

static SkipList
ReadSkipList(ArrayType *array)
{
	SkipList skip = {};
	Datum *keys;
	bool *nulls;
	int count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &keys, &nulls, &count);
	skip.keys = (char **) palloc(sizeof(char *) * Max(count, 1));
	for (int i = 0; i < count; i++)
		if (!nulls[i])
			skip.keys[skip.count++] = TextDatumGetCString(keys[i]);
	qsort(skip.keys, skip.count, sizeof(char *), CompareKeys);
	return skip;
}

static bool
Skips(const SkipList &skip, TupleTableSlot *job, const char *lane)
{
	Datum owner;

	if (skip.count == 0)
		return false;

	const bool owned = job != nullptr && GetValue(job, job_owner_id, &owner);
	char *owner_id = owned ? TextDatumGetCString(owner) : pstrdup("");
	char *key = psprintf("%s/%s", owner_id, lane);
	const bool found = bsearch(&key, skip.keys, skip.count, sizeof(char *), CompareKeys) != nullptr;

	pfree(key);
	pfree(owner_id);
	return found;
}

/* Without a start it comes last. */
static TimestampTz
StartOf(TupleTableSlot *job)
{
	Datum starts_at;

	return GetValue(job, job_starts_at, &starts_at) ? DatumGetTimestampTz(starts_at) : DT_NOEND;
}

/* To the next job that may be claimed. */
static void
Advance(Lane *lane, const Claim &claim, OrphanLookup *orphans)
{
	while ((lane->more = Next(&lane->scan)))
	{
		CHECK_FOR_INTERRUPTS();
		/* not one whose former meeting is being cancelled right now (sql/61_orphan.sql) */
		if (!Skips(claim.skip, lane->scan.row, lane->name) &&
			!IsBeingCancelled(orphans, lane->scan.row))
			return;
	}
}

static void
Begin(Lane *lane, const char *name, const Claim &claim, OrphanLookup *orphans)
{
	ScanKeyData keys[2];

	lane->name = name;
	if (Skips(claim.skip, nullptr, name))
		return;
	lane->scan = BeginRows(claimed_jobs.relation, "job_due", lengthof(keys));
	keys[0] = TextKey(1, CStringGetTextDatum(name));
	ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE,
				TimestampTzGetDatum(claim.after));
	Find(&lane->scan, keys);
	Advance(lane, claim, orphans);
}

static Lane *
Nearest(std::span<Lane> lanes)
{
	Lane *nearest = nullptr;

	for (Lane &lane : lanes)
		if (lane.more &&
			(nearest == nullptr || StartOf(lane.scan.row) < StartOf(nearest->scan.row)))
			nearest = &lane;
	return nearest;
}

static bool
IsDue(TupleTableSlot *job)
{
	Datum state;

	return GetValue(job, job_state, &state) && strcmp(TextDatumGetCString(state), "due") == 0;
}

/*
 * Left out: what somebody has locked, or has changed since the snapshot so that it is not due any more. One that has
 * got another account since is taken, even if that is to be skipped: the daemon lets it wait.
 */
static void
Take(TupleTableSlot *found, TupleTableSlot *job, Claim *claim, OrphanLookup *orphans)
{
	Datum attempts;
	Datum outcome_unknown;

	if (!Lock(claimed_jobs.relation, &found->tts_tid, job, LockWaitSkip) || !IsDue(job))
		return;
	if (!GetValue(job, job_attempts, &attempts) ||
		!GetValue(job, job_outcome_unknown, &outcome_unknown))
		elog(ERROR, "job without a count of attempts");

	const bool unknown = DatumGetBool(outcome_unknown) || MayHaveMeeting(orphans, job);

	BeginRow(&claimed_jobs, job);
	SetText(&claimed_jobs, job_state, "claimed");
	SetValue(&claimed_jobs, job_claim_id, Int64GetDatum(nextval_internal(claim->sequence, false)));
	SetValue(&claimed_jobs, job_claimed_by, Int64GetDatum(claim->daemon_id));
	SetValue(&claimed_jobs, job_lease_until, TimestampTzGetDatum(claim->lease_until));
	SetValue(&claimed_jobs, job_attempts, Int32GetDatum(DatumGetInt32(attempts) + 1));
	SetValue(&claimed_jobs, job_outcome_unknown, BoolGetDatum(unknown));
	EndRow(&claimed_jobs);
	Update(&claimed_jobs, &job->tts_tid);
	claim->jobs = accumArrayResult(claim->jobs, ExecFetchSlotHeapTupleDatum(claimed_jobs.row),
								   false, claim->jobs->element_type, CurrentMemoryContext);
	claim->count++;
}

static void
TakeWhatIsDue(Claim *claim)
{
	Lane lanes[lane_count] = {};
	TupleTableSlot *locked = table_slot_create(claimed_jobs.relation, nullptr);

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());

	OrphanLookup orphans = BeginLookup();

	for (int i = 0; i < lane_count; i++)
		Begin(&lanes[i], lane_names[i], *claim, &orphans);
	for (Lane *lane; claim->count < claim->max && (lane = Nearest(lanes)) != nullptr;)
	{
		Take(lane->scan.row, locked, claim, &orphans);
		if (claim->count < claim->max)
			Advance(lane, *claim, &orphans);
	}
	for (Lane &lane : lanes)
		if (lane.scan.scan != nullptr)
			EndRows(&lane.scan);
	EndLookup(&orphans);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(locked);
}

Datum
meetlink_claim_jobs(PG_FUNCTION_ARGS)
{
	Claim claim = {};

	PreventCommandIfReadOnly("meetlink.claim_jobs()");
	claim.daemon_id = PG_GETARG_INT64(0);
	claim.max = PG_GETARG_INT32(1);
	claim.lease_until = DatumGetTimestampTz(DirectFunctionCall2(
		timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()), PG_GETARG_DATUM(2)));
	claim.skip = ReadSkipList(PG_GETARG_ARRAYTYPE_P(3));
	claim.after = PG_GETARG_TIMESTAMPTZ(4);
	claim.sequence = FindRelation("claim_id");

	MustOpen(&claimed_jobs);
	claim.jobs = initArrayResult(RelationGetDescr(claimed_jobs.relation)->tdtypeid,
								 CurrentMemoryContext, false);
	if (claim.max > 0)
		TakeWhatIsDue(&claim);
	LetGo(&claimed_jobs);
	PG_RETURN_DATUM(makeArrayResult(claim.jobs, CurrentMemoryContext));
}
