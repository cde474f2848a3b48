/*-------------------------------------------------------------------------
 *
 * tag_template.c
 *	  Tag templates.
 *
 * A compiled template is a list of pieces, each a literal or a column with
 * its output function.  The text of some types depends on settings, which are
 * pinned while such a column is rendered, so that the tag of a row is the same in
 * every session.  The common types need no pinning; the compiler of a template
 * recognizes them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "core/compat.h"
#include "tables/tag_template.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

typedef struct CqTagPiece
{
	char	   *literal;		/* NULL for a column */
	int			literal_len;
	AttrNumber	attnum;
	bool		pin_settings;	/* output depends on settings */
	FmgrInfo	output;
} CqTagPiece;

struct CqTagTemplate
{
	List	   *pieces;			/* of CqTagPiece */
};

bool
cq_type_depends_on_settings(Oid type)
{
	switch (getBaseType(type))
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case CHAROID:
		case UUIDOID:
		case JSONOID:
		case JSONBOID:
			return false;
		default:
			return true;
	}
}

static CqTagPiece *
literal_piece(const char *bytes, int len)
{
	CqTagPiece *piece = palloc0(sizeof(CqTagPiece));

	piece->literal = pnstrdup(bytes, len);
	piece->literal_len = len;
	return piece;
}

/* The piece for a column, NULL if there is none by that name. */
static CqTagPiece *
column_piece(const char *name, TupleDesc tupdesc)
{
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);
		CqTagPiece *piece;
		Oid			output;
		bool		is_varlena;

		if (att->attisdropped || strcmp(NameStr(att->attname), name) != 0)
			continue;
		if (cq_column_is_virtual(att))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot use virtual generated column \"%s\" in a template", name),
					 errdetail("A trigger does not see its value."),
					 errhint("Use the columns that it is generated from, or make it STORED.")));
		piece = palloc0(sizeof(CqTagPiece));
		piece->attnum = att->attnum;
		piece->pin_settings = cq_type_depends_on_settings(att->atttypid);
		getTypeOutputInfo(att->atttypid, &output, &is_varlena);
		fmgr_info_cxt(output, &piece->output, CurrentMemoryContext);
		return piece;
	}
	return NULL;
}

static void
malformed(const char *source)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("malformed template \"%s\"", source),
			 errhint("Write {column} for a column's value, {{ and }} for braces.")));
}

/* Compile; NULL, and the column's name, if the rows lack a column. */
static CqTagTemplate *
compile(const char *source, TupleDesc tupdesc, char **missing)
{
	CqTagTemplate *template = palloc0(sizeof(CqTagTemplate));
	const char *p = source;

	if (*p == '\0')
		malformed(source);
	while (*p != '\0')
	{
		CqTagPiece *piece;

		if ((p[0] == '{' && p[1] == '{') || (p[0] == '}' && p[1] == '}'))
		{
			piece = literal_piece(p, 1);
			p += 2;
		}
		else if (p[0] == '{')
		{
			const char *end = strchr(p, '}');

			if (end == NULL || end == p + 1)
				malformed(source);
			*missing = pnstrdup(p + 1, end - p - 1);
			piece = column_piece(*missing, tupdesc);
			if (piece == NULL)
				return NULL;
			p = end + 1;
		}
		else if (p[0] == '}')
		{
			malformed(source);
			pg_unreachable();
		}
		else
		{
			size_t		len = strcspn(p, "{}");

			piece = literal_piece(p, len);
			p += len;
		}
		template->pieces = lappend(template->pieces, piece);
	}
	return template;
}

CqTagTemplate *
cq_tag_template_compile(const char *source, TupleDesc tupdesc)
{
	char	   *missing;
	CqTagTemplate *template = compile(source, tupdesc, &missing);

	if (template == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of template \"%s\" does not exist",
						missing, source)));
	return template;
}

char *
cq_tag_template_missing(const char *source, TupleDesc tupdesc)
{
	char	   *missing;

	return compile(source, tupdesc, &missing) == NULL ? missing : NULL;
}

Bitmapset *
cq_tag_template_columns(const CqTagTemplate *template)
{
	Bitmapset  *columns = NULL;
	ListCell   *cell;

	foreach(cell, template->pieces)
	{
		CqTagPiece *piece = lfirst(cell);

		if (piece->literal == NULL)
			columns = bms_add_member(columns, piece->attnum);
	}
	return columns;
}

bool
cq_tag_template_is_ambiguous(const CqTagTemplate *template)
{
	bool		after_column = false;
	ListCell   *cell;

	foreach(cell, template->pieces)
	{
		CqTagPiece *piece = lfirst(cell);

		if (piece->literal == NULL && after_column)
			return true;
		after_column = piece->literal == NULL;
	}
	return false;
}

int
cq_output_settings_fix(void)
{
	static const char *const pinned[][2] = {
		{"DateStyle", "ISO, YMD"},
		{"IntervalStyle", "postgres"},
		{"TimeZone", "UTC"},
		{"extra_float_digits", "1"},
		{"bytea_output", "hex"},
		{"xmlbinary", "base64"},
		{"lc_monetary", "C"},
	};
	int			nest = NewGUCNestLevel();

	for (int i = 0; i < lengthof(pinned); i++)
		(void) set_config_option(pinned[i][0], pinned[i][1], PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
	return nest;
}

void
cq_output_settings_restore(int nest)
{
	AtEOXact_GUC(true, nest);
}

/*
 * Append a value's text.  The types that most keys are of do without their
 * output functions, which allocate.
 */
static void
append_value(CqTagPiece *piece, Datum value, StringInfo buf)
{
	int			nest = 0;
	char	   *output;

	switch (piece->output.fn_oid)
	{
		case F_INT2OUT:
		case F_INT4OUT:
			enlargeStringInfo(buf, MAXINT8LEN + 1);
			buf->len += pg_ltoa(piece->output.fn_oid == F_INT2OUT ?
								DatumGetInt16(value) : DatumGetInt32(value),
								buf->data + buf->len);
			return;
		case F_INT8OUT:
			enlargeStringInfo(buf, MAXINT8LEN + 1);
			buf->len += pg_lltoa(DatumGetInt64(value), buf->data + buf->len);
			return;
		case F_TEXTOUT:
		case F_VARCHAROUT:
			{
				text	   *bytes = DatumGetTextPP(value);

				appendBinaryStringInfo(buf, VARDATA_ANY(bytes),
									   VARSIZE_ANY_EXHDR(bytes));
				if (bytes != (text *) DatumGetPointer(value))
					pfree(bytes);
				return;
			}
	}

	if (piece->pin_settings)
		nest = cq_output_settings_fix();
	output = OutputFunctionCall(&piece->output, value);
	if (piece->pin_settings)
		cq_output_settings_restore(nest);
	appendStringInfoString(buf, output);
	pfree(output);
}

bool
cq_tag_template_render(const CqTagTemplate *template, HeapTuple tuple,
					   TupleDesc tupdesc, StringInfo buf)
{
	ListCell   *cell;

	foreach(cell, template->pieces)
	{
		CqTagPiece *piece = lfirst(cell);
		Datum		value;
		bool		is_null;

		if (piece->literal != NULL)
		{
			appendBinaryStringInfo(buf, piece->literal, piece->literal_len);
			continue;
		}
		value = heap_getattr(tuple, piece->attnum, tupdesc, &is_null);
		if (is_null)
			return false;
		append_value(piece, value, buf);
	}
	return true;
}

bool
cq_tag_template_same(const CqTagTemplate *template, HeapTuple a, HeapTuple b,
					 TupleDesc tupdesc)
{
	ListCell   *cell;

	foreach(cell, template->pieces)
	{
		CqTagPiece *piece = lfirst(cell);
		Form_pg_attribute att;
		Datum		values[2];
		bool		nulls[2];

		if (piece->literal != NULL)
			continue;
		att = TupleDescAttr(tupdesc, piece->attnum - 1);
		values[0] = heap_getattr(a, piece->attnum, tupdesc, &nulls[0]);
		values[1] = heap_getattr(b, piece->attnum, tupdesc, &nulls[1]);
		if (nulls[0] && nulls[1])
			return true;		/* neither has a tag */
		if (nulls[0] != nulls[1] ||
			!datumIsEqual(values[0], values[1], att->attbyval, att->attlen))
			return false;
	}
	return true;
}
