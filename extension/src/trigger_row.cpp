/*
 * trigger_row.cpp
 *	  Columns of the user's table by the names in a trigger's arguments.
 */
#include "trigger_row.hpp"

extern "C"
{
#include "utils/hsearch.h"
}

/*
 * Kept from one statement to the next, since most bookings are a statement of one row. By trigger, because a
 * partition's columns differ in number from its parent's. Entries stay where they are, and are never freed.
 */
struct TriggerColumns
{
	Oid trigger; /* key */
	Oid relation;
	bool outdated;
	Column columns[most_columns];
};

static HTAB *kept = nullptr;

extern "C"
{
	/* A column may have another name or type, the trigger other arguments. */
	static void
	OnRelationChange(Datum, Oid relation)
	{
		HASH_SEQ_STATUS all;

		hash_seq_init(&all, kept);
		while (auto *known = (TriggerColumns *) hash_seq_search(&all))
			known->outdated =
				known->outdated || !OidIsValid(relation) || relation == known->relation;
	}
}

static void
MakeTable()
{
	HASHCTL description = {};

	description.keysize = sizeof(Oid);
	description.entrysize = sizeof(TriggerColumns);
	description.hcxt = CacheMemoryContext;
	kept = hash_create("meetlink triggers", 8, &description, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(OnRelationChange, 0);
}

static void
LookUp(TriggerColumns *known, const TriggerData *trigger, int count)
{
	TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);

	known->relation = RelationGetRelid(trigger->tg_relation);
	known->outdated = true; /* unless all of this succeeds */
	memset(known->columns, 0, sizeof(known->columns));
	for (int i = 0; i < count; i++)
	{
		const char *name = trigger->tg_trigger->tgargs[i];
		Column *column = &known->columns[i];

		if (name[0] == '\0')
			continue;
		column->number = SPI_fnumber(descriptor, name);
		if (column->number <= 0)
		{
			column->number = no_such_column;
			continue;
		}
		column->type = getBaseType(TupleDescAttr(descriptor, column->number - 1)->atttypid);
	}
	known->outdated = false;
}

/*
 * Looked up again at the start of a statement only: what is heard of a relation in the middle of it, whose lock the
 * statement has, does not concern its columns.
 */
static Column *
FindColumns(FunctionCallInfo fcinfo, int count)
{
	const TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (fcinfo->flinfo->fn_extra != nullptr)
		return (Column *) fcinfo->flinfo->fn_extra;

	if (kept == nullptr)
		MakeTable();

	bool found;
	auto *known =
		(TriggerColumns *) hash_search(kept, &trigger->tg_trigger->tgoid, HASH_ENTER, &found);

	if (!found || known->outdated)
		LookUp(known, trigger, count);
	fcinfo->flinfo->fn_extra = known->columns;
	return known->columns;
}

bool
TriggerRow::IsComplete() const
{
	for (int i = 0; i < count; i++)
		if (columns[i].number == no_such_column)
			return false;
	return true;
}

bool
TriggerRow::Get(int column, Datum *value) const
{
	bool isnull = true;

	if (columns[column].number > 0)
		*value = heap_getattr(tuple, columns[column].number, descriptor, &isnull);
	return !isnull;
}

const char *
TriggerRow::GetText(int column) const
{
	FmgrInfo *output = &columns[column].output;
	Datum value;

	if (!Get(column, &value))
		return nullptr;
	if (!OidIsValid(output->fn_oid))
	{
		Oid function;
		bool is_varlena;

		getTypeOutputInfo(columns[column].type, &function, &is_varlena);
		fmgr_info_cxt(function, output, CacheMemoryContext);
	}
	return OutputFunctionCall(output, value);
}

void
RequireTrigger(FunctionCallInfo fcinfo, int least_arguments)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function was not called by trigger manager")));

	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!TRIGGER_FIRED_AFTER(trigger->tg_event) || trigger->tg_trigger->tgnargs < least_arguments)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" was not made by meetlink.attach()",
						trigger->tg_trigger->tgname)));
}

TriggerRow
RowOf(FunctionCallInfo fcinfo, Version version, int columns)
{
	const TriggerData *trigger = (TriggerData *) fcinfo->context;
	const bool updated = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);

	return TriggerRow{
		version == Version::after && updated ? trigger->tg_newtuple : trigger->tg_trigtuple,
		RelationGetDescr(trigger->tg_relation), FindColumns(fcinfo, columns), columns};
}
