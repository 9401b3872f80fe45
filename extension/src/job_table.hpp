/*
 * job_table.hpp
 *	  meetlink.job below SQL: fast, and without any right of the booking role.
 */
#pragma once

#include "postgres.hpp"

/* Columns in the order of sql/20_job.sql; test/sql/020_job.sql compares. */
enum JobColumn : int
{
	job_session_id,
	job_owner_id,
	job_provider,
	job_starts_at,
	job_ends_at,
	job_state,
	job_flagged_at,
	job_due_at,
	job_attempts,
	job_generation,
	job_outcome_unknown,
	job_columns_of_new,
	job_claim_id = job_columns_of_new,
	job_claimed_by,
	job_lease_until,
	job_columns
};

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
