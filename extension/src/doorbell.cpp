/*
 * doorbell.cpp
 *	  Wakes the daemon when a transaction that flagged something commits.
 *
 * The NOTIFY is queued from the pre-commit callback, not when a row is flagged: a transaction that is
 * prepared for two-phase commit may not have queued one (AtPrepare_Notify refuses), and then the
 * daemon's poll finds the job. A ring is only a hint, so one too many after a rolled-back
 * subtransaction does no harm.
 */
#include "postgres.hpp"

#include "doorbell.hpp"

static constexpr const char *channel = "meetlink";

static bool callback_registered = false;
static bool ring_at_commit = false;

extern "C"
{
	static void
	OnTransactionEvent(XactEvent event, void *)
	{
		switch (event)
		{
			case XACT_EVENT_PRE_COMMIT:
				if (ring_at_commit)
					Async_Notify(channel, "");
				ring_at_commit = false;
				break;
			case XACT_EVENT_COMMIT:
			case XACT_EVENT_ABORT:
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
