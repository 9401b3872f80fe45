/*
 * module.cpp
 *	  What makes this a loadable module. It may be loaded by the first call of a function, or with the
 *	  server (shared_preload_libraries), which makes the doorbell cheaper.
 */
#include "postgres.hpp"

#include "doorbell_preload.hpp"

extern "C"
{
	PG_MODULE_MAGIC;

	extern PGDLLEXPORT void _PG_init(void);

	void
	_PG_init(void)
	{
		if (process_shared_preload_libraries_in_progress)
			PreloadDoorbell();
	}
}
