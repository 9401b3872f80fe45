/*
 * doorbell.hpp
 *	  Wakes the daemon when a transaction that flagged something commits.
 */
#pragma once

/* Asks for one NOTIFY when the current transaction commits; cheap to call again. */
void RingAtCommit();
