/*
 * json_members.cpp
 *	  Members of jsonb objects.
 */
#include "json_members.hpp"

bool
GetMember(JsonbContainer *object, const char *name, jbvType type, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(object, name, (int) strlen(name), value) != nullptr &&
		value->type == type;
}

bool
GetText(JsonbContainer *object, const char *name, Datum *text)
{
	JsonbValue value;

	if (GetMember(object, name, jbvString, &value))
		*text =
			PointerGetDatum(cstring_to_text_with_len(value.val.string.val, value.val.string.len));
	else if (GetMember(object, name, jbvNumeric, &value))
		*text = CStringGetTextDatum(
			DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric))));
	else
		return false;
	return true;
}

bool
GetInt8(JsonbContainer *object, const char *name, int64 *number)
{
	JsonbValue value;

	if (GetMember(object, name, jbvNumeric, &value))
		*number =
			DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value.val.numeric)));
	else if (GetMember(object, name, jbvString, &value))
		*number = DatumGetInt64(DirectFunctionCall1(
			int8in, CStringGetDatum(pnstrdup(value.val.string.val, value.val.string.len))));
	else
		return false;
	return true;
}

bool
IsText(JsonbContainer *object, const char *name, const char *text)
{
	JsonbValue value;

	return GetMember(object, name, jbvString, &value) &&
		value.val.string.len == (int) strlen(text) &&
		memcmp(value.val.string.val, text, strlen(text)) == 0;
}

bool
IsTrue(JsonbContainer *object, const char *name)
{
	JsonbValue value;

	return GetMember(object, name, jbvBool, &value) && value.val.boolean;
}
