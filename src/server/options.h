/*-------------------------------------------------------------------------
 *
 * options.h
 *	  What a run was asked for.
 *
 * It travels from the backend to the job, and on into the manifest, as JSON.
 *
 * src/server/options.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_OPTIONS_H
#define PGB_OPTIONS_H

#include "nodes/pg_list.h"

typedef enum PgbContent
{
	PGB_CONTENT_ALL,
	PGB_CONTENT_SCHEMA,
	PGB_CONTENT_DATA
} PgbContent;

typedef struct PgbRunOptions
{
	char	   *label;			/* or NULL */
	List	   *schemas;		/* of char *, patterns as pg_dump takes them */
	List	   *tables;
	List	   *exclude_schemas;
	List	   *exclude_tables;
	List	   *exclude_table_data;
	PgbContent	content;
	int			jobs;
	int			level;
} PgbRunOptions;

/* The JSON is UTF-8, for the manifest takes it over.  Call both within a transaction. */
extern char *pgb_options_to_json(const PgbRunOptions *options);
extern PgbRunOptions *pgb_options_from_json(const char *json);

/*
 * The part of the JSON that says what is in the backup, as text: that of two backups is the same
 * when one replaces the other.  json may be NULL.
 */
extern char *pgb_options_selection(const char *json);

/* Raises ERRCODE_INVALID_PARAMETER_VALUE with a hint for another word. */
extern PgbContent pgb_content_from_text(const char *text);

#endif							/* PGB_OPTIONS_H */
