/*
 * job_table.cpp
 *	  Adds jobs.
 *
 * ON CONFLICT DO NOTHING: a session that another transaction is flagging at the same moment never fails a booking.
 */
#include "job_table.hpp"

#include "table_target.hpp"

static TableTarget due_jobs = {
	.table = "job", .least_columns = job_columns_of_new, .state_column = job_state, .state = "due"};

static void
Fill(const NewJob &job)
{
	TimestampTz now = GetCurrentTimestamp();

	BeginRow(&due_jobs);
	SetText(&due_jobs, job_session_id, job.session_id);
	SetText(&due_jobs, job_owner_id, job.owner_id);
	SetText(&due_jobs, job_provider, job.provider);
	if (job.starts_at != nullptr)
		SetValue(&due_jobs, job_starts_at, TimestampTzGetDatum(*job.starts_at));
	if (job.ends_at != nullptr)
		SetValue(&due_jobs, job_ends_at, TimestampTzGetDatum(*job.ends_at));
	SetText(&due_jobs, job_state, "due");
	SetValue(&due_jobs, job_flagged_at, TimestampTzGetDatum(now));
	SetValue(&due_jobs, job_due_at, TimestampTzGetDatum(now));
	SetValue(&due_jobs, job_attempts, Int32GetDatum(0));
	SetValue(&due_jobs, job_generation, Int32GetDatum(0));
	SetValue(&due_jobs, job_outcome_unknown, BoolGetDatum(false));
	EndRow(&due_jobs);
}

/*
 * Nobody adds a job for a session that is not there yet. A job that was left over from a session of the same key
 * (deleted with triggers disabled) costs a dead row, whose insertion and deletion logical decoding sees.
 */
JobAdded
AddJob(const NewJob &job, bool is_new)
{
	if (!Open(&due_jobs))
		return JobAdded::no_table;
	Fill(job);

	const bool inserted = (is_new && InsertNew(&due_jobs)) || InsertUnlessThere(&due_jobs);

	LetGo(&due_jobs);
	return inserted ? JobAdded::added : JobAdded::exists;
}
