/*-------------------------------------------------------------------------
 *
 * sandbox.h
 *	  The redo filter: replay of what a sandbox needs, and of nothing else.
 *
 * A library of its own (pgbackup_sandbox), which only a sandbox loads.  It replaces the
 * redo functions of all resource managers by one that passes a record on, or
 * skips it: see filter.c for the rules.
 *
 * Its instructions are the file PGB_SANDBOX_FILE in the data directory, without which it
 * refuses to load.  Lines of text:
 *
 *	  pgbackup sandbox 1				format
 *	  database 16384					a database whose records are replayed, or
 *	  all databases
 *	  deny 1663 16384 16419				a relation that is not wanted: tablespace, database, file number
 *	  end 301							number of lines before this one
 *
 * Lines of databases come first; those to deny are sorted by their three numbers, as
 * numbers.  What is not denied is replayed: a relation that nobody knew of when the file was
 * written may be the one that is wanted.
 *
 * src/sandbox/sandbox.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_SANDBOX_H
#define PGB_SANDBOX_H

#define PGB_SANDBOX_LIBRARY		"pgbackup_sandbox"
#define PGB_SANDBOX_FILE		"pgbackup.sandbox"

#define PGB_SANDBOX_TITLE		"pgbackup sandbox 1"
#define PGB_SANDBOX_DATABASE	"database %u"
#define PGB_SANDBOX_ALL			"all databases"
#define PGB_SANDBOX_DENY		"deny %u %u %u"
#define PGB_SANDBOX_END			"end %u"

/* What it says in the log of a transaction that was prepared. */
#define PGB_SANDBOX_PREPARED	"redo filter: a transaction is prepared at %X/%X"

/* A sandbox has the database that is asked for, and perhaps the templates it was made from. */
#define PGB_SANDBOX_MAX_DATABASES	16

#endif							/* PGB_SANDBOX_H */
