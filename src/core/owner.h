/*-------------------------------------------------------------------------
 *
 * owner.h
 *	  Running commands as another role than the caller.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_OWNER_H
#define CQ_CORE_OWNER_H

/* What cq_role_end() goes back to. */
typedef struct CqRoleScope
{
	Oid			user;
	int			context;
	int			guc_level;
} CqRoleScope;

/* The owner of the extension's tables. */
extern Oid	cq_extension_owner(void);

/*
 * Be that role, restricted as in a security definer's maintenance command, and
 * free of the user's search_path, until cq_role_end().  After an error the end
 * of the (sub)transaction goes back by itself.
 */
extern void cq_role_begin(CqRoleScope *scope, Oid role);
extern void cq_role_end(const CqRoleScope *scope);

/*
 * Run a command as the extension's owner, free of the user's search_path and
 * other settings.	Returns the first column, an int, of the first row, or -1
 * when there is none.
 */
extern int32 cq_execute_as_owner(const char *command, int nargs, Oid *types,
								 Datum *values, const char *nulls);

/* The parameters of a command, $1 and so on; begins as zeros. */
#define CQ_PARAMETERS_MAX 32

typedef struct CqParameters
{
	int			n;
	Oid			types[CQ_PARAMETERS_MAX];
	Datum		values[CQ_PARAMETERS_MAX];
	char		nulls[CQ_PARAMETERS_MAX];	/* as SPI has them */
} CqParameters;

extern void cq_parameter_add(CqParameters *parameters, Oid type, Datum value, bool isnull);

/* cq_execute_as_owner() with these parameters, or with one that is a number. */
extern int32 cq_execute_with(const char *command, CqParameters *parameters);
extern int32 cq_execute_with_int(const char *command, int32 parameter);

#endif							/* CQ_CORE_OWNER_H */
