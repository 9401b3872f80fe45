/*
 * orphan_table.hpp
 *	  What meetlink.orphan has of the session of a job.
 */
#pragma once

#include "postgres.hpp"

#include "rows_by_index.hpp"

/* Columns in the order of sql/61_orphan.sql; test/sql/061_orphan.sql compares. */
enum OrphanColumn : int
{
	orphan_id,
	orphan_session_id,
	orphan_owner_id,
	orphan_provider,
	orphan_starts_at,
	orphan_generation,
	orphan_claim_id,
	orphan_external_id,
	orphan_found_at,
	orphan_due_at,
	orphan_attempts,
	orphan_fence,
	orphan_lease_until
};

struct OrphanLookup
{
	Relation table;
	bool is_empty; /* for this snapshot */
	RowsByIndex scan;
};

extern OrphanLookup BeginLookup();
extern void EndLookup(OrphanLookup *lookup);

/* A daemon has the lease of one of them. */
extern bool IsBeingCancelled(OrphanLookup *lookup, TupleTableSlot *job);
/* One of them is of the same account: the session may have a meeting. */
extern bool MayHaveMeeting(OrphanLookup *lookup, TupleTableSlot *job);
