/*
 * doorbell_shared.hpp
 *	  What committing transactions, the launcher and the workers of the doorbell share: one bell per
 *	  database that is being booked in. There only when the server preloads meetlink.
 *
 * A ring is not lost, because under one lock a commit sets `rung` before it looks for whom to wake, and
 * a worker looks at `rung` before it leaves. A row is visible before its commit rings (xact.c calls the
 * callbacks after ProcArrayEndTransaction), so whoever hears the NOTIFY that follows sees it.
 */
#pragma once

#include "postgres.hpp"

/* Databases booked in at the same time; a bell that nobody uses goes to another database. */
inline constexpr int max_bells = 64;

/* Workers in a row that end before their first NOTIFY, until the ring is left to the poll. */
inline constexpr int failures_until_silence = 3;

struct Bell;

/* In the postmaster: asks for the shared memory. */
void RequestBells();

/* --- the booking transaction --- */

/*
 * Before the commit: this database's bell, which stays its own until RingBell or ReleaseBell. Null when
 * nobody would hear it: not preloaded, no launcher, no worker slot, or all bells in use.
 */
Bell *ReserveBell();

/* After the commit, where nothing may fail: marks the bell and wakes who answers to it. */
void RingBell(Bell *bell);

void ReleaseBell(Bell *bell);

/* --- the worker of one database --- */

/* Null when another worker has it, or nobody wants one any more. */
Bell *ClaimBell(Oid database);

/* True: somebody rang since the last call. The ring counts as answered after AnsweredRing only. */
bool TakeRing(Bell *bell);
bool IsRung(Bell *bell);
void AnsweredRing(Bell *bell);

/* True when nobody rang: then the next ring goes to the launcher. */
bool LeaveIfSilent(Bell *bell);

/* At every other end: what was not answered is left to the launcher. */
void LeaveBell(Bell *bell);

/* True once per bell. */
bool MayTellVersion(Bell *bell);

/* --- the launcher --- */

void LauncherArrived();
void LauncherLeft();

struct BellState
{
	Oid database;
	bool rung;
	bool starting;
	bool no_slot;
	bool has_worker;
	int failures;
};

BellState LookAtBell(int number);
void BellStarting(int number);
void BellStartFailed(int number); /* the worker ended before it claimed the bell */
void BellWithoutSlot(int number); /* none could be registered */
void SilenceBell(int number);

/* --- meetlink.doorbell() --- */

struct DoorbellState
{
	bool preloaded;
	bool heard; /* a commit in this database would ring through a worker */
	bool all_in_use;
	bool no_slot;
	int failures;
	int launcher_pid; /* 0: none */
	int worker_pid;
};

DoorbellState LookAtDoorbell();
