/*
 * autonomous.hpp
 *	  Commits a retry request while the caller's own transaction stays open.
 */
#pragma once

#include "postgres.hpp"

/* A session as meetlink.request_retry takes it; pointers but session_id may be null. Times are as text. */
struct RetryRequest
{
	const char *session_id;
	const char *owner_id;
	const char *provider;
	const char *starts_at;
	const char *ends_at;
};

/*
 * Runs meetlink.request_retry in a transaction of its own, in a background worker, as `owner` (the
 * extension's), and waits for its end: some milliseconds. Null when it is committed; else nothing was
 * changed, and the answer says why, to go on after "because".
 */
extern const char *RequestRetryAutonomously(const RetryRequest &request, Oid owner);

/* The same in the caller's transaction. */
extern void RequestRetryHere(const RetryRequest &request, Oid owner);
