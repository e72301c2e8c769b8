/*-------------------------------------------------------------------------
 *
 * rule.h
 *	  A schedule as it is stored: a row of pgbackup_schedule_rules.
 *
 * src/server/schedule/rule.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_RULE_H
#define PGB_RULE_H

#include "pgtime.h"
#include "server/schedule/decide.h"

typedef struct PgbStoredRule
{
	char	   *name;
	char	   *kind;
	char	   *role_name;
	char	   *options;		/* JSON, in the database's encoding */
	TimestampTz changed_at;		/* by pgbackup_schedule() */
	PgbRule		rule;
} PgbStoredRule;

/* In a pass: what it changes wakes nobody. */
extern bool pgb_rule_in_pass;

/*
 * Reads a rule and locks its row; false if it is gone, disabled, or locked by
 * somebody else.  Call while connected to SPI.  Raises when the rule cannot be
 * understood.
 */
extern bool pgb_rule_read(const char *schema, const char *name, PgbStoredRule *stored);

/* A zone that PostgreSQL knows; raises ERRCODE_INVALID_PARAMETER_VALUE with a hint. */
extern pg_tz *pgb_rule_zone(const char *name);

/* The PgbZoneOffset of a pg_tz. */
extern int	pgb_zone_offset(void *zone, int64 moment);

#endif							/* PGB_RULE_H */
