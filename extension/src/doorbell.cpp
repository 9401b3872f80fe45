/*
 * doorbell.cpp
 *	  Wakes the daemon when a transaction that flagged something commits.
 *
 * A NOTIFY of the transaction's own takes a lock at its commit that every other such commit of the whole
 * server waits for. So when the server preloads meetlink, the commit only marks the database's bell in
 * shared memory, and a worker sends one NOTIFY for many (doorbell_worker.cpp). Otherwise, and when no
 * worker can be had, the NOTIFY is queued from the pre-commit callback: not when a row is flagged, because
 * a transaction that is prepared for two-phase commit may not have queued one (AtPrepare_Notify refuses).
 *
 * Either way PREPARE TRANSACTION drops the ring, and the daemon's poll finds the job after COMMIT
 * PREPARED. A ring is only a hint, so one too many after a rolled-back subtransaction does no harm.
 */
#include "postgres.hpp"

#include "doorbell.hpp"
#include "doorbell_shared.hpp"

static constexpr const char *channel = "meetlink";

static bool callback_registered = false;
static bool ring_at_commit = false;
static Bell *reserved = nullptr; /* between pre-commit and commit or abort */

void
QueueNotify()
{
	Async_Notify(channel, "");
}

extern "C"
{
	static void
	OnTransactionEvent(XactEvent event, void *)
	{
		switch (event)
		{
			case XACT_EVENT_PRE_COMMIT:
				if (ring_at_commit)
					reserved = ReserveBell();
				if (ring_at_commit && reserved == nullptr)
					QueueNotify();
				ring_at_commit = false;
				break;
			case XACT_EVENT_COMMIT:
				if (reserved != nullptr)
					RingBell(reserved);
				reserved = nullptr;
				ring_at_commit = false;
				break;
			case XACT_EVENT_ABORT:
				if (reserved != nullptr)
					ReleaseBell(reserved);
				reserved = nullptr;
				ring_at_commit = false;
				break;
			case XACT_EVENT_PREPARE:
				ring_at_commit = false;
				break;
			default:
				break;
		}
	}
}

void
RingAtCommit()
{
	if (!callback_registered)
	{
		RegisterXactCallback(OnTransactionEvent, nullptr);
		callback_registered = true;
	}
	ring_at_commit = true;
}

extern "C"
{
	PG_FUNCTION_INFO_V1(meetlink_ring);
	extern PGDLLEXPORT Datum meetlink_ring(PG_FUNCTION_ARGS);

	Datum
	meetlink_ring(PG_FUNCTION_ARGS)
	{
		RingAtCommit();
		PG_RETURN_VOID();
	}
}
