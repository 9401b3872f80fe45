/*
 * doorbell_launcher.cpp
 *	  The launcher: without a database, it starts a worker for each one in which somebody booked, and
 *	  which has none (doorbell_worker.cpp).
 *
 * What cannot be started is tried again while somebody waits for it, and told once. The bookings go on
 * meanwhile: without a worker slot they send their NOTIFY themselves, and the daemon's poll finds the rest.
 */
#include "postgres.hpp"

#include "doorbell_preload.hpp"
#include "doorbell_shared.hpp"

extern "C"
{
#include "pgstat.h"
#include "portability/instr_time.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"

	PGDLLEXPORT void meetlink_doorbell_launcher_main(Datum unused);
}

int notify_interval = 2;
int doorbell_idle_timeout = 1500;

static constexpr double retry_after_ms = 5000;

/* What the launcher remembers of a bell's workers. */
struct Starter
{
	Oid database;
	BackgroundWorkerHandle *handle;
	int failures;
	double not_before_ms;
};

static double
NowMs()
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_MILLISEC(now);
}

static void
Forget(Starter *starter, Oid database)
{
	if (starter->handle != nullptr)
		pfree(starter->handle);
	*starter = Starter{database, nullptr, 0, 0};
}

static bool
HasEnded(const Starter &starter)
{
	pid_t pid;

	return starter.handle == nullptr ||
		GetBackgroundWorkerPid(starter.handle, &pid) == BGWH_STOPPED;
}

static void
StartWorker(int number, const BellState &bell, Starter *starter)
{
	BackgroundWorker worker = {};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(bell.database);
	worker.bgw_notify_pid = MyProcPid; /* so that its end sets our latch */
	strlcpy(worker.bgw_library_name, doorbell_library, BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, doorbell_worker_function, BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "meetlink doorbell for database %u", bell.database);
	strlcpy(worker.bgw_type, "meetlink doorbell", BGW_MAXLEN);

	Forget(starter, bell.database);
	starter->failures = bell.failures;
	BellStarting(number);
	if (RegisterDynamicBackgroundWorker(&worker, &starter->handle))
		return;

	starter->handle = nullptr;
	starter->not_before_ms = NowMs() + retry_after_ms;
	BellWithoutSlot(number);
	if (!bell.no_slot)
		ereport(WARNING,
				(errmsg("no background worker slot is free for meetlink's doorbell in database %u",
						bell.database),
				 errdetail("Transactions that book there send their NOTIFY themselves, which makes "
						   "them wait for each other."),
				 errhint("Increase max_worker_processes: the doorbell needs one, and one more for "
						 "each database that is booked in at the same time.")));
}

/* One more worker ended before its first NOTIFY: the next at once, later ones after a while. */
static void
NoteFailure(int number, const BellState &bell, Starter *starter)
{
	starter->failures = bell.failures;
	if (bell.failures < 2)
		return;
	starter->not_before_ms = NowMs() + retry_after_ms;
	if (bell.failures == 2)
		ereport(
			WARNING,
			(errmsg("meetlink's doorbell workers for database %u end before they can send a NOTIFY",
					bell.database),
			 errdetail("They are started again every %d s while there are bookings, which the "
					   "daemon's poll finds.",
					   (int) retry_after_ms / 1000),
			 errhint("Their own messages, before this one, say why.")));
	if (bell.failures >= failures_until_silence)
		SilenceBell(number);
}

/* Starts what has to be started; how long until there may be more to do, in ms, or -1. */
static long
StartWorkers(Starter *starters)
{
	const double now = NowMs();
	double next = -1;

	for (int i = 0; i < max_bells; i++)
	{
		Starter *starter = &starters[i];
		BellState bell = LookAtBell(i);

		if (starter->database != bell.database)
			Forget(starter, bell.database);
		if (bell.starting && HasEnded(*starter))
		{
			BellStartFailed(i);
			bell = LookAtBell(i);
		}
		if (bell.failures > starter->failures)
		{
			NoteFailure(i, bell, starter);
			bell = LookAtBell(i);
		}
		else
			starter->failures = bell.failures;
		/* One that is ending still has its slot, and its end sets our latch. */
		if (bell.has_worker || bell.starting || !(bell.rung || bell.no_slot) || !HasEnded(*starter))
			continue;
		if (starter->not_before_ms <= now)
		{
			StartWorker(i, bell, starter);
			bell = LookAtBell(i);
			if (!bell.no_slot)
				continue;
		}
		if (next < 0 || starter->not_before_ms < next)
			next = starter->not_before_ms;
	}
	return next < 0 ? -1 : (long) Max(next - now, 0) + 1;
}

static void
Leave(int, Datum)
{
	LauncherLeft();
}

void
meetlink_doorbell_launcher_main(Datum)
{
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();

	/* No database: only so that the server counts us among those that it tells and asks things. */
	BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);

	Starter *starters =
		(Starter *) MemoryContextAllocZero(TopMemoryContext, max_bells * sizeof(Starter));

	before_shmem_exit(Leave, (Datum) 0);
	LauncherArrived();
	pgstat_report_activity(STATE_IDLE, nullptr);

	for (;;)
	{
		ResetLatch(MyLatch);
		/* With 1, or the postmaster would take it that we are not wanted any more. */
		if (ShutdownRequestPending)
			proc_exit(1);
		/* Also answers process barriers, for which DROP DATABASE waits. */
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}

		const long timeout = StartWorkers(starters);

		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout >= 0 ? WL_TIMEOUT : 0),
						 timeout, PG_WAIT_EXTENSION);
	}
}

void
PreloadDoorbell()
{
	BackgroundWorker launcher = {};

	DefineCustomIntVariable(
		"meetlink.notify_interval", "Least time from one NOTIFY of the doorbell to the next.",
		"The first after a pause is sent at once.", &notify_interval, notify_interval, 1, 1000,
		PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
	/* With the longest interval a worker is gone within 3 s, and DROP DATABASE waits for 5 s. */
	DefineCustomIntVariable("meetlink.doorbell_idle_timeout",
							"How long a doorbell worker stays connected without a booking.",
							"DROP DATABASE and the like have to wait for it.",
							&doorbell_idle_timeout, doorbell_idle_timeout, 1, 2000, PGC_SIGHUP,
							GUC_UNIT_MS | GUC_NOT_IN_SAMPLE, nullptr, nullptr, nullptr);
	RequestBells();

	launcher.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	launcher.bgw_start_time =
		BgWorkerStart_RecoveryFinished; /* a standby has nothing to ring for */
	launcher.bgw_restart_time = 1;
	strlcpy(launcher.bgw_library_name, doorbell_library, BGW_MAXLEN);
	strlcpy(launcher.bgw_function_name, "meetlink_doorbell_launcher_main", BGW_MAXLEN);
	strlcpy(launcher.bgw_name, "meetlink doorbell launcher", BGW_MAXLEN);
	strlcpy(launcher.bgw_type, "meetlink doorbell launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&launcher);
}
