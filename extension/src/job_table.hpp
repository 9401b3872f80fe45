/*
 * job_table.hpp
 *	  Adds rows to meetlink.job below SQL: fast, and without any right of the booking role.
 */
#pragma once

#include "postgres.hpp"

/* What the flag knows of a session. Any of these but session_id may be null (a null pointer). */
struct NewJob
{
	const char *session_id;
	const char *owner_id;
	const char *provider;
	const TimestampTz *starts_at;
	const TimestampTz *ends_at;
};

enum class JobAdded
{
	added,
	exists,	  /* the session has a job already */
	no_table, /* meetlink.job is not there (extension half dropped) */
};

/*
 * With is_new it does not look first whether the session has a job; wrong, that costs a dead row.
 */
extern JobAdded AddJob(const NewJob &job, bool is_new);
