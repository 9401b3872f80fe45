/*
 * json_members.hpp
 *	  Members of jsonb objects, without making rows of them.
 */
#pragma once

#include "postgres.hpp"

extern "C"
{
#include "utils/jsonb.h"
}

/* The elements of an array; 0 of anything else. */
inline int
ElementCount(Jsonb *json)
{
	return JB_ROOT_IS_ARRAY(json) ? (int) JB_ROOT_COUNT(json) : 0;
}

/* An element that is an object; a null pointer if it is none. */
inline JsonbContainer *
ObjectAt(Jsonb *array, int i)
{
	JsonbValue *element = getIthJsonbValueFromContainer(&array->root, (uint32) i);

	return element != nullptr && element->type == jbvBinary &&
			JsonContainerIsObject(element->val.binary.data)
		? element->val.binary.data
		: nullptr;
}

/* False: there is none of that type, or it is null. Numbers are taken as texts, and texts as numbers, where they can be. */
extern bool GetMember(JsonbContainer *object, const char *name, jbvType type, JsonbValue *value);
extern bool GetText(JsonbContainer *object, const char *name, Datum *text);
extern bool GetInt8(JsonbContainer *object, const char *name, int64 *number);
extern bool IsText(JsonbContainer *object, const char *name, const char *text);
extern bool IsTrue(JsonbContainer *object, const char *name);
