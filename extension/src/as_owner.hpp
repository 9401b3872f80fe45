/*
 * as_owner.hpp
 *	  Runs fixed statements with the rights of the extension's owner.
 */
#pragma once

#include "postgres.hpp"

#include <span>

struct Argument
{
	Oid			type;
	Datum		value;
	bool		isnull;
};

/*
 * A statement that is planned once per session. Its text must be hijack-proof under any search_path,
 * since it runs with the owner's rights: every table, function and operator qualified.
 */
struct OwnerStatement
{
	const char *text;
	SPIPlanPtr	plan = nullptr;
};

/*
 * Runs the statement as the owner of `function` (the C function that is running), and returns the
 * first column of its first row as text in the caller's memory context, null if there is none.
 */
extern char *RunAsOwner(Oid function, OwnerStatement *statement,
						std::span<const Argument> arguments);
