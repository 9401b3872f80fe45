/*
 * as_owner.cpp
 *	  Runs fixed statements with the rights of another role: mostly the extension's owner.
 *
 * A SECURITY DEFINER function would do the same at several times the cost, and could not first decide
 * something as the caller. No PG_TRY is needed to switch back on error: aborting a transaction or
 * subtransaction restores the user it began with (xact.c, AbortTransaction).
 */
#include "as_owner.hpp"

static constexpr int max_arguments = 8;

Oid
FunctionOwner(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);

	Oid owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;

	ReleaseSysCache(tuple);
	return owner;
}

Argument
TextArgument(const char *text)
{
	return Argument{TEXTOID, text ? CStringGetTextDatum(text) : (Datum) 0, text == nullptr};
}

static void
Prepare(Statement *statement, std::span<const Argument> arguments)
{
	Oid types[max_arguments];

	for (size_t i = 0; i < arguments.size(); i++)
		types[i] = arguments[i].type;

	SPIPlanPtr plan = SPI_prepare(statement->text, (int) arguments.size(), types);

	if (plan == nullptr || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\": %s", statement->text,
			 SPI_result_code_string(SPI_result));
	statement->plan = plan;
}

static void
Execute(Statement *statement, std::span<const Argument> arguments, Sees sees)
{
	Datum values[max_arguments];
	char nulls[max_arguments];
	int result;

	for (size_t i = 0; i < arguments.size(); i++)
	{
		values[i] = arguments[i].value;
		nulls[i] = arguments[i].isnull ? 'n' : ' ';
	}
	if (sees == Sees::what_is_committed_now)
		result = SPI_execute_snapshot(statement->plan, values, nulls, GetLatestSnapshot(),
									  InvalidSnapshot, true, false, 1);
	else
		result = SPI_execute_plan(statement->plan, values, nulls, false, 0);
	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", statement->text,
			 SPI_result_code_string(result));
}

/* Until AtEOXact_GUC(), or the end of the (sub)transaction on error. */
static void
PreferIndexes()
{
	/* a plan without an index that would do has the cost of what is switched off, and would be compiled */
	for (const char *setting : {"enable_seqscan", "jit"})
		(void) set_config_option(setting, "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
								 0, false);
}

bool
RunAs(Oid role, Statement *statement, std::span<const Argument> arguments, std::span<char *> row,
	  Sees sees)
{
	MemoryContext caller_context = CurrentMemoryContext;
	Oid caller;
	int security_context;

	Assert(arguments.size() <= max_arguments);

	GetUserIdAndSecContext(&caller, &security_context);
	SetUserIdAndSecContext(role, security_context | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();

	const int settings = NewGUCNestLevel();

	if (statement->by_index)
		PreferIndexes();
	if (statement->plan == nullptr)
		Prepare(statement, arguments);
	Execute(statement, arguments, sees);
	AtEOXact_GUC(true, settings);

	bool found = SPI_processed > 0;

	for (size_t i = 0; i < row.size(); i++)
	{
		char *value =
			found ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1) : nullptr;

		row[i] = value ? MemoryContextStrdup(caller_context, value) : nullptr;
	}

	SPI_finish();
	SetUserIdAndSecContext(caller, security_context);
	return found;
}
