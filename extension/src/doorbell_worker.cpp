/*
 * doorbell_worker.cpp
 *	  The worker that answers the doorbell of one database: it turns rings into NOTIFYs, the first at
 *	  once, then one per meetlink.notify_interval, and leaves when nobody has rung for a while, because
 *	  DROP DATABASE, RENAME and TEMPLATE wait for every session to be gone.
 *
 * Between its NOTIFYs it is in no transaction, so it holds neither locks nor a snapshot. An error ends it;
 * what it had not answered is left to the launcher.
 */
#include "postgres.hpp"

#include "doorbell.hpp"
#include "doorbell_preload.hpp"
#include "doorbell_shared.hpp"
#include "version.hpp"

extern "C"
{
#include "commands/dbcommands.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"

	PGDLLEXPORT void meetlink_doorbell_worker_main(Datum database);
}

static double
NowMs()
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_MILLISEC(now);
}

static void
Notify()
{
	pgstat_report_activity(STATE_RUNNING, "NOTIFY meetlink");
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	QueueNotify();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, nullptr);
}

/* The preloaded library stays what it was when the server started, whatever is installed since. */
static void
TellVersion(Bell *bell)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());

	const char *installed = InstalledVersion();

	if (installed != nullptr && strcmp(installed, library_version) != 0 && MayTellVersion(bell))
		ereport(
			WARNING,
			(errmsg("meetlink's preloaded library has version %s, but the extension in database "
					"\"%s\" has version %s",
					library_version, get_database_name(MyDatabaseId), installed),
			 errhint("%s", VersionHint(installed))));
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Whatever postgresql.conf or ALTER DATABASE says for sessions. */
static void
Configure()
{
	/* A hint need not be on disk, nor on a standby, before it is given. */
	SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_OVERRIDE);
	/* A NOTIFY waits for those of bookings that send their own. */
	SetConfigOption("lock_timeout", "0", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET, PGC_S_OVERRIDE);
}

static void
Leave(int, Datum bell)
{
	LeaveBell((Bell *) DatumGetPointer(bell));
}

[[noreturn]] static void
Answer(Bell *bell)
{
	const double started = NowMs();
	double next_notify = started;
	double last_ring = started;
	bool version_told = false;

	for (;;)
	{
		/* Before looking at the bell, so that a ring after the look ends the wait. */
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}

		const double now = NowMs();

		if (now >= next_notify && TakeRing(bell))
		{
			Notify();
			AnsweredRing(bell);
			last_ring = now;
			next_notify = now + notify_interval;
			if (!version_told)
				TellVersion(bell);
			version_told = true;
			continue;
		}

		const bool rung = IsRung(bell);
		const double until = rung ? next_notify : last_ring + doorbell_idle_timeout;

		if (!rung && now >= until && LeaveIfSilent(bell))
			proc_exit(0);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 (long) Max(until - now, 0) + 1, PG_WAIT_EXTENSION);
	}
}

void
meetlink_doorbell_worker_main(Datum database)
{
	Bell *bell = ClaimBell(DatumGetObjectId(database));

	if (bell == nullptr)
		proc_exit(0);
	before_shmem_exit(Leave, PointerGetDatum(bell));

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();

	/* Sessions that were there before connections were disallowed still book. */
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(database), InvalidOid,
											  BGWORKER_BYPASS_ALLOWCONN);
	Configure();
	pgstat_report_activity(STATE_IDLE, nullptr);
	Answer(bell);
}
