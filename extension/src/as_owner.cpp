/*
 * as_owner.cpp
 *	  Runs fixed statements with the rights of the extension's owner.
 *
 * A SECURITY DEFINER function would do the same at several times the cost, and could not first decide
 * something as the caller. No PG_TRY is needed to switch back on error: aborting a transaction or
 * subtransaction restores the user it began with (xact.c, AbortTransaction).
 */
#include "as_owner.hpp"

static constexpr int max_arguments = 8;

static Oid
FunctionOwner(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);

	Oid			owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;

	ReleaseSysCache(tuple);
	return owner;
}

char *
RunAsOwner(Oid function, OwnerStatement *statement, std::span<const Argument> arguments)
{
	MemoryContext caller_context = CurrentMemoryContext;
	Oid			types[max_arguments];
	Datum		values[max_arguments];
	char		nulls[max_arguments];
	Oid			caller;
	int			security_context;

	Assert(arguments.size() <= max_arguments);
	for (size_t i = 0; i < arguments.size(); i++)
	{
		types[i] = arguments[i].type;
		values[i] = arguments[i].value;
		nulls[i] = arguments[i].isnull ? 'n' : ' ';
	}

	GetUserIdAndSecContext(&caller, &security_context);
	SetUserIdAndSecContext(FunctionOwner(function), security_context | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();

	if (statement->plan == nullptr)
	{
		SPIPlanPtr	plan = SPI_prepare(statement->text, (int) arguments.size(), types);

		if (plan == nullptr || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare \"%s\": %s", statement->text,
				 SPI_result_code_string(SPI_result));
		statement->plan = plan;
	}

	int			result = SPI_execute_plan(statement->plan, values, nulls, false, 0);

	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", statement->text, SPI_result_code_string(result));

	char	   *answer = nullptr;

	if (result == SPI_OK_SELECT && SPI_processed > 0)
	{
		answer = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		if (answer != nullptr)
			answer = MemoryContextStrdup(caller_context, answer);
	}

	SPI_finish();
	SetUserIdAndSecContext(caller, security_context);
	return answer;
}
