/*
 * doorbell_preload.hpp
 *	  The doorbell with shared_preload_libraries = 'meetlink': settings, launcher and workers.
 */
#pragma once

/* meetlink.notify_interval: least time from one NOTIFY to the next, in ms. */
extern int notify_interval;

/* meetlink.doorbell_idle_timeout: how long a worker stays without a ring, in ms. */
extern int doorbell_idle_timeout;

/* Names by which the server finds the processes' entry points in the library. */
inline constexpr const char *doorbell_library = "meetlink";
inline constexpr const char *doorbell_worker_function = "meetlink_doorbell_worker_main";

/* In the postmaster, while it loads preloaded libraries. */
void PreloadDoorbell();
