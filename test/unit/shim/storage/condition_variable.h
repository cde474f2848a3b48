/*
 * storage/condition_variable.h of the server: the dispatcher says in CqEffects
 * whom to wake, and wakes nobody itself
 */
#ifndef CQ_SHIM_CONDITION_VARIABLE_H
#define CQ_SHIM_CONDITION_VARIABLE_H

typedef struct ConditionVariable
{
	int			unused;
} ConditionVariable;

#define ConditionVariableInit(cv) ((cv)->unused = 0)

#endif							/* CQ_SHIM_CONDITION_VARIABLE_H */
