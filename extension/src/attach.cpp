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

enum AttachedTable : int
{
	table_of_sessions,
	table_of_connections,
	attached_tables
};

/* InvalidOid: none is attached, or it is gone. */
static void
FindAttached(Oid extension_owner, Oid *tables)
{
	static Statement find = {
		"select pg_catalog.to_regclass(sessions)::pg_catalog.oid, "
		"pg_catalog.to_regclass(connections)::pg_catalog.oid from meetlink.attachment"};
	char *found[attached_tables] = {};

	RunAs(extension_owner, &find, {}, found);
	for (int i = 0; i < attached_tables; i++)
		tables[i] = found[i] != nullptr ? (Oid) strtoul(found[i], nullptr, 10) : InvalidOid;
}

/* The table given, or the one that is attached already, or the one that APP.md names. */
static Oid
Choose(FunctionCallInfo fcinfo, int argument, Oid attached, const char *default_name)
{
	if (!PG_ARGISNULL(argument))
		return PG_GETARG_OID(argument);
	if (OidIsValid(attached))
		return attached;

	RangeVar *name = makeRangeVar(pstrdup("public"), pstrdup(default_name), -1);
	Oid table = RangeVarGetRelid(name, NoLock, true);

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"public.%s\" does not exist", default_name),
				 errdetail("It is the default for the table of %s.",
						   argument == table_of_sessions ? "sessions" : "connections"),
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
	Oid extension_owner = FunctionOwner(fcinfo->flinfo->fn_oid);
	Oid attached[attached_tables];

	FindAttached(extension_owner, attached);

	Oid sessions = Choose(fcinfo, table_of_sessions, attached[table_of_sessions], "sessions");
	Oid connections = Choose(fcinfo, table_of_connections, attached[table_of_connections],
							 "tutor_video_provider_connections");

	RequireOwner(sessions);
	RequireOwner(connections);

	const Argument arguments[] = {
		{REGCLASSOID, ObjectIdGetDatum(sessions), false},
		{REGCLASSOID, ObjectIdGetDatum(connections), false},
		{JSONBOID, PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2), PG_ARGISNULL(2)},
	};
	char *answer;

	RunAs(extension_owner, &statement, arguments, {&answer, 1});
	PG_RETURN_TEXT_P(cstring_to_text(answer));
}

/*
 * The caller must own the tables that are attached. Tables that are gone leave nothing to protect but
 * meetlink's own objects, which only a caller with EXECUTE on this function reaches.
 */
Datum
meetlink_detach(PG_FUNCTION_ARGS)
{
	static Statement detach = {"select meetlink.detach_tables($1)"};
	Oid extension_owner = FunctionOwner(fcinfo->flinfo->fn_oid);
	Oid attached[attached_tables];
	char *answer;

	FindAttached(extension_owner, attached);
	for (Oid table : attached)
		if (OidIsValid(table))
			RequireOwner(table);

	const Argument arguments[] = {
		{BOOLOID, BoolGetDatum(!PG_ARGISNULL(0) && PG_GETARG_BOOL(0)), false},
	};

	RunAs(extension_owner, &detach, arguments, {&answer, 1});
	PG_RETURN_TEXT_P(cstring_to_text(answer));
}
