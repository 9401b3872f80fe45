/*
 * as_owner.hpp
 *	  Runs fixed statements with the rights of another role: mostly the extension's owner.
 */
#pragma once

#include "postgres.hpp"

#include <span>

struct Argument
{
	Oid type;
	Datum value;
	bool isnull;
};

/*
 * A statement that is planned once per session. Its text must be hijack-proof under any search_path,
 * since it runs with rights that the caller does not have: every table, function, type and operator
 * is qualified.
 */
struct Statement
{
	const char *text;
	/*
	 * It looks for few rows of meetlink.job. That table is nearly empty most of the time, and so it is when the
	 * statement is planned; a sequential scan would read all of a backlog for each row of a trigger.
	 */
	bool by_index = false;
	SPIPlanPtr plan = nullptr;
};

enum class Sees
{
	what_the_transaction_sees,
	what_is_committed_now, /* also under REPEATABLE READ; for reading only */
};

/*
 * Runs the statement as `role` and gives the columns of its first row as text, in the caller's memory
 * context, to `row` (null pointers for nulls). False: it returned no row.
 */
extern bool RunAs(Oid role, Statement *statement, std::span<const Argument> arguments,
				  std::span<char *> row = {}, Sees sees = Sees::what_the_transaction_sees);

/* The owner of a function of ours, given the running one (fcinfo->flinfo->fn_oid). */
extern Oid FunctionOwner(Oid function);

extern Argument TextArgument(const char *text);
