/*
 * doorbell_shared.cpp
 *	  The bells in shared memory, and all that may happen to one, each under the lock for a few loads
 *	  and stores. Latches are set after it is released.
 */
#include "postgres.hpp"

#include "doorbell_shared.hpp"

extern "C"
{
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
}

struct Bell
{
	Oid database;  /* InvalidOid: free */
	int users;	   /* transactions between ReserveBell and RingBell or ReleaseBell */
	int failures;  /* workers in a row that ended before their first NOTIFY */
	bool rung;	   /* a commit that no worker has taken notice of */
	bool taken;	   /* a worker has, but its NOTIFY is not committed */
	bool answered; /* the worker that is here has sent one */
	bool starting; /* a worker was registered that has not come yet */
	bool no_slot;  /* none could be registered; the launcher keeps trying */
	bool told;	   /* that its extension has another version */
	PGPROC *worker;
};

struct Bells
{
	slock_t lock;
	PGPROC *launcher;
	bool told_all_in_use;
	Bell bell[max_bells];
};

static Bells *bells = nullptr; /* not preloaded */
static shmem_request_hook_type previous_request_hook = nullptr;
static shmem_startup_hook_type previous_startup_hook = nullptr;

extern "C"
{
	static void
	RequestMemory()
	{
		if (previous_request_hook != nullptr)
			previous_request_hook();
		RequestAddinShmemSpace(sizeof(Bells));
	}

	/* Also after a crash, when shared memory is made anew: whoever was there is not any more. */
	static void
	InitializeMemory()
	{
		bool found;

		if (previous_startup_hook != nullptr)
			previous_startup_hook();
		LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
		bells = (Bells *) ShmemInitStruct("meetlink doorbell", sizeof(Bells), &found);
		if (!found)
		{
			memset(bells, 0, sizeof(Bells));
			SpinLockInit(&bells->lock);
		}
		LWLockRelease(AddinShmemInitLock);
	}
}

void
RequestBells()
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = RequestMemory;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = InitializeMemory;
}

/*
 * A PGPROC outlives its process in shared memory: the latch of one that has just ended wakes its
 * successor for nothing, which every user of a latch copes with.
 */
static void
Wake(PGPROC *process)
{
	if (process != nullptr)
		SetLatch(&process->procLatch);
}

static bool
IsIdle(const Bell *bell)
{
	return bell->users == 0 && !bell->rung && !bell->starting && !bell->no_slot &&
		bell->worker == nullptr;
}

static bool
IsHeard(const Bell *bell)
{
	return bell->worker != nullptr ||
		(!bell->no_slot && (bell->starting || bells->launcher != nullptr));
}

/* The database's bell; with `free`, also one that it could have. Null: neither. */
static Bell *
FindBell(Oid database, Bell **free)
{
	for (Bell &bell : bells->bell)
	{
		if (bell.database == database)
			return &bell;
		if (free != nullptr && *free == nullptr && (!OidIsValid(bell.database) || IsIdle(&bell)))
			*free = &bell;
	}
	return nullptr;
}

Bell *
ReserveBell()
{
	static Bell *mine = nullptr; /* the one of the last time, if it is still this database's */
	bool all_in_use = false;

	if (bells == nullptr)
		return nullptr;

	SpinLockAcquire(&bells->lock);
	if (mine == nullptr || mine->database != MyDatabaseId)
	{
		Bell *free = nullptr;

		mine = FindBell(MyDatabaseId, &free);
		if (mine == nullptr && free != nullptr)
		{
			mine = free;
			*mine = Bell{.database = MyDatabaseId};
			bells->told_all_in_use = false;
		}
		all_in_use = mine == nullptr && !bells->told_all_in_use;
		if (all_in_use)
			bells->told_all_in_use = true;
	}

	Bell *bell = mine != nullptr && IsHeard(mine) ? mine : nullptr;

	if (bell != nullptr)
		bell->users++;
	SpinLockRelease(&bells->lock);

	if (all_in_use)
		ereport(LOG,
				(errmsg("meetlink's doorbell serves %d databases already, and not database %u",
						max_bells, MyDatabaseId),
				 errdetail("Transactions that book there send their NOTIFY themselves.")));
	return bell;
}

void
RingBell(Bell *bell)
{
	PGPROC *listener = nullptr;

	SpinLockAcquire(&bells->lock);
	bell->users--;
	/* Whoever rang before has woken somebody. */
	if (!bell->rung)
	{
		bell->rung = true;
		listener = bell->worker != nullptr ? bell->worker : bells->launcher;
	}
	SpinLockRelease(&bells->lock);
	Wake(listener);
}

void
ReleaseBell(Bell *bell)
{
	SpinLockAcquire(&bells->lock);
	bell->users--;
	SpinLockRelease(&bells->lock);
}

Bell *
ClaimBell(Oid database)
{
	if (bells == nullptr)
		return nullptr;

	SpinLockAcquire(&bells->lock);

	Bell *bell = FindBell(database, nullptr);

	if (bell != nullptr && bell->worker != nullptr)
		bell = nullptr;
	if (bell != nullptr)
	{
		bell->worker = MyProc;
		bell->starting = false;
		bell->no_slot = false;
		bell->answered = false;
	}
	SpinLockRelease(&bells->lock);
	return bell;
}

bool
TakeRing(Bell *bell)
{
	SpinLockAcquire(&bells->lock);

	const bool rung = bell->rung;

	bell->rung = false;
	bell->taken = rung;
	SpinLockRelease(&bells->lock);
	return rung;
}

bool
IsRung(Bell *bell)
{
	SpinLockAcquire(&bells->lock);

	const bool rung = bell->rung;

	SpinLockRelease(&bells->lock);
	return rung;
}

void
AnsweredRing(Bell *bell)
{
	SpinLockAcquire(&bells->lock);
	bell->taken = false;
	bell->answered = true;
	bell->failures = 0;
	SpinLockRelease(&bells->lock);
}

bool
LeaveIfSilent(Bell *bell)
{
	SpinLockAcquire(&bells->lock);

	const bool silent = !bell->rung;

	if (silent)
		bell->worker = nullptr;
	SpinLockRelease(&bells->lock);
	return silent;
}

void
LeaveBell(Bell *bell)
{
	PGPROC *launcher = nullptr;

	SpinLockAcquire(&bells->lock);
	/* After LeaveIfSilent it may be another's already. */
	if (bell->worker == MyProc)
	{
		bell->worker = nullptr;
		bell->rung = bell->rung || bell->taken;
		bell->taken = false;
		if (!bell->answered)
			bell->failures++;
		launcher = bells->launcher;
	}
	SpinLockRelease(&bells->lock);
	Wake(launcher);
}

bool
MayTellVersion(Bell *bell)
{
	SpinLockAcquire(&bells->lock);

	const bool told = bell->told;

	bell->told = true;
	SpinLockRelease(&bells->lock);
	return !told;
}

/* What an earlier launcher was about to start may never come; if it does, ClaimBell sorts it out. */
void
LauncherArrived()
{
	SpinLockAcquire(&bells->lock);
	bells->launcher = MyProc;
	for (Bell &bell : bells->bell)
	{
		bell.starting = false;
		bell.no_slot = false;
	}
	SpinLockRelease(&bells->lock);
}

void
LauncherLeft()
{
	SpinLockAcquire(&bells->lock);
	bells->launcher = nullptr;
	SpinLockRelease(&bells->lock);
}

BellState
LookAtBell(int number)
{
	const Bell *bell = &bells->bell[number];

	SpinLockAcquire(&bells->lock);

	const BellState state = {bell->database,		  bell->rung,	 bell->starting, bell->no_slot,
							 bell->worker != nullptr, bell->failures};

	SpinLockRelease(&bells->lock);
	return state;
}

/* Before the worker is registered: it may come, claim and leave before the launcher goes on. */
void
BellStarting(int number)
{
	SpinLockAcquire(&bells->lock);
	bells->bell[number].starting = true;
	SpinLockRelease(&bells->lock);
}

void
BellStartFailed(int number)
{
	SpinLockAcquire(&bells->lock);
	/* Unless it has claimed the bell since this was seen; then LeaveBell has counted. */
	if (bells->bell[number].starting)
		bells->bell[number].failures++;
	bells->bell[number].starting = false;
	bells->bell[number].no_slot = false;
	SpinLockRelease(&bells->lock);
}

void
BellWithoutSlot(int number)
{
	SpinLockAcquire(&bells->lock);
	bells->bell[number].starting = false;
	bells->bell[number].no_slot = true;
	SpinLockRelease(&bells->lock);
}

void
SilenceBell(int number)
{
	SpinLockAcquire(&bells->lock);
	bells->bell[number].rung = false;
	SpinLockRelease(&bells->lock);
}

DoorbellState
LookAtDoorbell()
{
	DoorbellState state = {};
	Bell *free = nullptr;

	if (bells == nullptr)
		return state;

	SpinLockAcquire(&bells->lock);

	const Bell *bell = FindBell(MyDatabaseId, &free);

	state.preloaded = true;
	state.all_in_use = bell == nullptr && free == nullptr;
	state.heard = bell != nullptr ? IsHeard(bell) : free != nullptr && bells->launcher != nullptr;
	if (bell != nullptr)
	{
		state.no_slot = bell->no_slot;
		state.failures = bell->failures;
	}
	if (bell != nullptr && bell->worker != nullptr)
		state.worker_pid = bell->worker->pid;
	if (bells->launcher != nullptr)
		state.launcher_pid = bells->launcher->pid;
	SpinLockRelease(&bells->lock);
	return state;
}
