/*
 * attempt_table.hpp
 *	  meetlink.attempt below SQL.
 */
#pragma once

#include "postgres.hpp"

#include "json_members.hpp"

/* Attempts of one daemon, from BeginAttempts() to EndAttempts(). */
struct Attempts
{
	Oid sequence; /* of their ids */
	Datum daemon; /* its name */
};

extern Attempts BeginAttempts(int64 daemon_id);
extern void EndAttempts();

/* A link that was written (an outcome as meetlink.settle takes it), for a job as it was. */
extern void AddLink(const Attempts &to, JsonbContainer *link, TupleTableSlot *job);
