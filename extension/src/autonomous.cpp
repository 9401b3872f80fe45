/*
 * autonomous.cpp
 *	  Commits a retry request while the caller's own transaction stays open.
 *
 * A daemon cannot see what the caller has not committed, so the request is committed by a dynamic
 * background worker. It connects as the bootstrap superuser, which needs no password and no CONNECT
 * right, at once becomes the extension's owner, and runs one fixed statement whose parameters come
 * from shared memory: never SQL text.
 */
#include "autonomous.hpp"

#include "as_owner.hpp"

extern "C"
{
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/timeout.h"
#include "utils/snapmgr.h"

	PGDLLEXPORT void meetlink_autonomous_main(Datum segment);
}

static constexpr const char *statement =
	"select meetlink.request_retry($1, $2, $3, $4::pg_catalog.timestamptz, $5::pg_catalog.timestamptz)";
static constexpr int parameters = 5;

/* In shared memory: this header, then the parameters one after the other, each ended by a zero byte. */
struct Task
{
	Oid database;
	Oid owner;
	bool isnull[parameters];
	volatile bool committed;
};

static void
Pack(const RetryRequest &request, const char *values[parameters])
{
	values[0] = request.session_id;
	values[1] = request.owner_id;
	values[2] = request.provider;
	values[3] = request.starts_at;
	values[4] = request.ends_at;
}

/* Null when no segment is to be had. */
static dsm_segment *
ShareTask(const RetryRequest &request, Oid owner)
{
	const char *values[parameters];
	Size size = sizeof(Task);

	Pack(request, values);
	for (const char *value : values)
		size += value ? strlen(value) + 1 : 0;

	dsm_segment *segment = dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS);

	if (segment == nullptr)
		return nullptr;

	Task *task = (Task *) dsm_segment_address(segment);
	char *text = (char *) (task + 1);

	task->database = MyDatabaseId;
	task->owner = owner;
	task->committed = false;
	for (int i = 0; i < parameters; i++)
	{
		task->isnull[i] = values[i] == nullptr;
		if (!task->isnull[i])
			text = stpcpy(text, values[i]) + 1;
	}
	return segment;
}

const char *
RequestRetryAutonomously(const RetryRequest &request, Oid owner)
{
	BackgroundWorker worker = {};
	BackgroundWorkerHandle *handle;
	dsm_segment *segment = ShareTask(request, owner);

	if (segment == nullptr)
		return "no shared memory segment was free to ask a background worker with";

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "meetlink", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "meetlink_autonomous_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "meetlink retry request", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "meetlink retry request", BGW_MAXLEN);

	const char *obstacle = "no background worker was free to wait with";

	if (RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		(void) WaitForBackgroundWorkerShutdown(handle);
		pg_read_barrier();
		obstacle = ((Task *) dsm_segment_address(segment))->committed
			? nullptr
			: "the background worker that was to commit it failed; the server log says why";
	}
	dsm_detach(segment);
	return obstacle;
}

void
RequestRetryHere(const RetryRequest &request, Oid owner)
{
	static Statement request_retry = {statement};
	const char *values[parameters];
	Argument arguments[parameters];

	Pack(request, values);
	for (int i = 0; i < parameters; i++)
		arguments[i] = TextArgument(values[i]);
	RunAs(owner, &request_retry, arguments);
}

/* In the worker: the task as it was packed. */
static RetryRequest
Unpack(const Task *task)
{
	const char *text = (const char *) (task + 1);
	const char *values[parameters];

	for (int i = 0; i < parameters; i++)
	{
		values[i] = task->isnull[i] ? nullptr : text;
		if (!task->isnull[i])
			text += strlen(text) + 1;
	}
	return RetryRequest{values[0], values[1], values[2], values[3], values[4]};
}

/* The worker. An error ends it and is logged; `committed` then stays false. */
void
meetlink_autonomous_main(Datum segment_handle)
{
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	dsm_segment *segment = dsm_attach(DatumGetUInt32(segment_handle));

	if (segment == nullptr)
		proc_exit(0); /* the caller was cancelled meanwhile */

	Task *task = (Task *) dsm_segment_address(segment);

	BackgroundWorkerInitializeConnectionByOid(task->database, InvalidOid, 0);
	SetConfigOption("lock_timeout", "1s", PGC_SUSET, PGC_S_OVERRIDE);

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	enable_timeout_after(STATEMENT_TIMEOUT, 5000);
	PushActiveSnapshot(GetTransactionSnapshot());
	RequestRetryHere(Unpack(task), task->owner);
	PopActiveSnapshot();
	disable_timeout(STATEMENT_TIMEOUT, false);
	CommitTransactionCommand();

	pg_write_barrier();
	task->committed = true;
	dsm_detach(segment);
	proc_exit(0);
}
