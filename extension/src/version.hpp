/*
 * version.hpp
 *	  The version of this library and that of the extension's SQL, which can differ: a preloaded library
 *	  stays what it was when the server started, and the SQL is updated in each database by itself.
 */
#pragma once

/* From meetlink.control, at the time of the build. */
inline constexpr const char *library_version = MEETLINK_VERSION;

/* Version of the extension in this database, null when there is none; needs a snapshot. */
const char *InstalledVersion();

/* What to do when it is not the library's. */
const char *VersionHint(const char *installed);
