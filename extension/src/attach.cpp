/*
 * attach.cpp
 *	  meetlink.attach and meetlink.detach: who may, decided as the caller; then the work, in SQL, as
 *	  the extension's owner (sql/80_attach.sql).
 */
#include "postgres.hpp"

#include "as_owner.hpp"

extern "C"
{
	PG_FUNCTION_INFO_V1(meetlink_attach);
	extern PGDLLEXPORT Datum meetlink_attach(PG_FUNCTION_ARGS);

	PG_FUNCTION_INFO_V1(meetlink_detach);
	extern PGDLLEXPORT Datum meetlink_detach(PG_FUNCTION_ARGS);
}

/* The table given, or the one that APP.md names. */
static Oid
GivenOrDefault(FunctionCallInfo fcinfo, int argument, const char *default_name)
{
	if (!PG_ARGISNULL(argument))
		return PG_GETARG_OID(argument);

	RangeVar *name = makeRangeVar(pstrdup("public"), pstrdup(default_name), -1);
	Oid table = RangeVarGetRelid(name, NoLock, true);

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"public.%s\" does not exist", default_name),
				 errdetail("It is the default for the table of %s.",
						   argument == 0 ? "sessions" : "connections"),
				 errhint("Name yours: SELECT meetlink.attach(sessions => 'your.table', "
						 "connections => 'your.other_table')")));
	return table;
}

static void
RequireOwner(Oid table)
{
	char *name = get_rel_name(table);

	if (name == nullptr)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", table)));
	if (!OwnsRelation(table, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of table %s", name),
				 errhint("Attach and detach are run by the owner of both tables.")));
}

Datum
meetlink_attach(PG_FUNCTION_ARGS)
{
	static Statement statement = {"select meetlink.attach_tables($1, $2, $3)"};
	Oid sessions = GivenOrDefault(fcinfo, 0, "sessions");
	Oid connections = GivenOrDefault(fcinfo, 1, "tutor_video_provider_connections");

	RequireOwner(sessions);
	RequireOwner(connections);

	const Argument arguments[] = {
		{REGCLASSOID, ObjectIdGetDatum(sessions), false},
		{REGCLASSOID, ObjectIdGetDatum(connections), false},
		{JSONBOID, PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2), PG_ARGISNULL(2)},
	};
	char *answer;

	RunAs(FunctionOwner(fcinfo->flinfo->fn_oid), &statement, arguments, {&answer, 1});
	PG_RETURN_TEXT_P(cstring_to_text(answer));
}

/*
 * The caller must own the tables that are attached. Tables that are gone leave nothing to protect but
 * meetlink's own objects, which only a caller with EXECUTE on this function reaches.
 */
Datum
meetlink_detach(PG_FUNCTION_ARGS)
{
	static Statement find = {
		"select pg_catalog.array_to_string(array["
		"pg_catalog.to_regclass(sessions)::pg_catalog.oid, "
		"pg_catalog.to_regclass(connections)::pg_catalog.oid], ' ') from meetlink.attachment"};
	static Statement detach = {"select meetlink.detach_tables($1)"};
	Oid extension_owner = FunctionOwner(fcinfo->flinfo->fn_oid);
	char *tables;
	char *answer;

	RunAs(extension_owner, &find, {}, {&tables, 1});
	for (char *word = tables; word != nullptr && *word != '\0';)
	{
		RequireOwner(strtoul(word, &word, 10));
		while (*word == ' ')
			word++;
	}

	const Argument arguments[] = {
		{BOOLOID, BoolGetDatum(!PG_ARGISNULL(0) && PG_GETARG_BOOL(0)), false},
	};

	RunAs(extension_owner, &detach, arguments, {&answer, 1});
	PG_RETURN_TEXT_P(cstring_to_text(answer));
}
