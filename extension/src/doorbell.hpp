/*
 * doorbell.hpp
 *	  Wakes the daemon when a transaction that flagged something commits.
 */
#pragma once

/* Asks for a ring when the current transaction commits; cheap to call again. */
void RingAtCommit();

/* Queues the NOTIFY that wakes the daemon, for the commit of the current transaction. */
void QueueNotify();
