/*
 * version.cpp
 *	  The version of this library and that of the extension's SQL.
 */
#include "postgres.hpp"

#include "as_owner.hpp"
#include "version.hpp"

extern "C"
{
#include "catalog/pg_authid.h"
}

const char *
InstalledVersion()
{
	static Statement statement = {"select extversion from pg_catalog.pg_extension "
								  "where extname operator(pg_catalog.=) 'meetlink'"};
	char *version;

	return RunAs(BOOTSTRAP_SUPERUSERID, &statement, {}, {&version, 1}) ? version : nullptr;
}

/* Versions are numbers with dots: 0.10 is newer than 0.9. */
static bool
IsOlder(const char *one, const char *other)
{
	while (*one != '\0' || *other != '\0')
	{
		char *end_of_one;
		char *end_of_other;
		const long difference = strtol(one, &end_of_one, 10) - strtol(other, &end_of_other, 10);

		if (difference != 0)
			return difference < 0;
		if (end_of_one == one && end_of_other == other)
			break; /* no numbers */
		one = end_of_one + (*end_of_one == '.');
		other = end_of_other + (*end_of_other == '.');
	}
	return false;
}

const char *
VersionHint(const char *installed)
{
	if (IsOlder(library_version, installed))
		return "Restart the server, so that it loads the library that belongs to the extension.";
	return "Run ALTER EXTENSION meetlink UPDATE in that database, and SELECT meetlink.attach().";
}
