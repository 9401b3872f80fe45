/*
 * orphan_table.cpp
 *	  What meetlink.orphan has of the session of a job. Mostly nothing: the table is empty.
 */
#include "orphan_table.hpp"

#include "job_table.hpp"
#include "table_target.hpp"

OrphanLookup
BeginLookup()
{
	OrphanLookup lookup = {};

	lookup.table = table_open(FindRelation("orphan"), AccessShareLock);
	lookup.scan = BeginRows(lookup.table, "orphan_session", 1);
	return lookup;
}

void
EndLookup(OrphanLookup *lookup)
{
	EndRows(&lookup->scan);
	table_close(lookup->table, NoLock);
}

static void
FindThoseOf(OrphanLookup *lookup, TupleTableSlot *job)
{
	Datum session_id;

	if (!GetValue(job, job_session_id, &session_id))
		elog(ERROR, "job without a session");

	ScanKeyData key = TextKey(1, session_id);

	Find(&lookup->scan, {&key, 1});
}

bool
IsBeingCancelled(OrphanLookup *lookup, TupleTableSlot *job)
{
	const TimestampTz now = GetCurrentTimestamp();
	Datum lease_until;

	FindThoseOf(lookup, job);
	while (Next(&lookup->scan))
		if (GetValue(lookup->scan.row, orphan_lease_until, &lease_until) &&
			DatumGetTimestampTz(lease_until) > now)
			return true;
	return false;
}

bool
MayHaveMeeting(OrphanLookup *lookup, TupleTableSlot *job)
{
	FindThoseOf(lookup, job);
	while (Next(&lookup->scan))
		if (SameText(lookup->scan.row, orphan_owner_id, job, job_owner_id) &&
			SameText(lookup->scan.row, orphan_provider, job, job_provider))
			return true;
	return false;
}
