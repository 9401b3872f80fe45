/*
 * module.cpp
 *	  What makes this a loadable module.
 */
#include "postgres.hpp"

extern "C"
{
	PG_MODULE_MAGIC;
}
