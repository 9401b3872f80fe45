/*
 * orphan_table.cpp
 *	  What meetlink.orphan has of the session of a job. Mostly nothing: the table is empty.
 */
#include "orphan_table.hpp"

#include "job_table.hpp"
#include "table_target.hpp"

extern "C"
{
#include "storage/bufmgr.h"
}

OrphanLookup
BeginLookup()
{
	OrphanLookup lookup = {};

	lookup.table = table_open(FindRelation("orphan"), AccessShareLock);
	lookup.is_empty = RelationGetNumberOfBlocks(lookup.table) == 0;
	lookup.scan = BeginRows(lookup.table, "orphan_session", 1);
	return lookup;
}

void
EndLookup(OrphanLookup *lookup)
{
	EndRows(&lookup->scan);
	table_close(lookup->table, NoLock);
}

/* False: there are none. */
static bool
FindThoseOf(OrphanLookup *lookup, TupleTableSlot *job)
{
	Datum session_id;

	if (lookup->is_empty)
		return false;
	if (!GetValue(job, job_session_id, &session_id))
		elog(ERROR, "job without a session");

	ScanKeyData key = TextKey(1, session_id);

	Find(&lookup->scan, {&key, 1});
	return true;
}

bool
IsBeingCancelled(OrphanLookup *lookup, TupleTableSlot *job)
{
	Datum lease_until;

	if (!FindThoseOf(lookup, job))
		return false;
	for (const TimestampTz now = GetCurrentTimestamp(); Next(&lookup->scan);)
		if (GetValue(lookup->scan.row, orphan_lease_until, &lease_until) &&
			DatumGetTimestampTz(lease_until) > now)
			return true;
	return false;
}

bool
MayHaveMeeting(OrphanLookup *lookup, TupleTableSlot *job)
{
	if (!FindThoseOf(lookup, job))
		return false;
	while (Next(&lookup->scan))
		if (SameText(lookup->scan.row, orphan_owner_id, job, job_owner_id) &&
			SameText(lookup->scan.row, orphan_provider, job, job_provider))
			return true;
	return false;
}
