/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between the major versions of the server (15 to 18).
 *
 * Wrappers take the form of the newest version.  Tests of PG_VERSION_NUM stand
 * here and in port/, and nowhere else.
 *
 * src/server/compat.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_COMPAT_H
#define PGB_COMPAT_H

#include "access/xlog.h"
#include "catalog/pg_constraint.h"
#include "lib/stringinfo.h"
#include "replication/slot.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "archive/archive_module.h"
#include "access/xlogbackup.h"
#include "common/file_utils.h"
#include "varatt.h"
#else
#include "postmaster/pgarch.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_tablespace.h"
#include "utils/acl.h"
#endif

/*
 * Where a relation's files are: tablespace, database, number; and the WAL records that
 * name it in their data.  Include access/xlogreader.h and catalog/storage_xlog.h before use.
 */
#if PG_VERSION_NUM >= 160000
#define PgbRelFileLocator				RelFileLocator
#define pgb_locator_tablespace(l)		((l)->spcOid)
#define pgb_locator_database(l)			((l)->dbOid)
#define pgb_locator_number(l)			((l)->relNumber)
#define pgb_smgr_create_locator(data)	(&((const xl_smgr_create *) (data))->rlocator)
#define pgb_smgr_truncate_locator(data) (&((const xl_smgr_truncate *) (data))->rlocator)
#else
#define PgbRelFileLocator				RelFileNode
#define pgb_locator_tablespace(l)		((l)->spcNode)
#define pgb_locator_database(l)			((l)->dbNode)
#define pgb_locator_number(l)			((l)->relNode)
#define pgb_smgr_create_locator(data)	(&((const xl_smgr_create *) (data))->rnode)
#define pgb_smgr_truncate_locator(data) (&((const xl_smgr_truncate *) (data))->rnode)
#endif

/*
 * The files that a commit record removes, whether it has some, and the object of one of its dropped statistics.  Include
 * access/xact.h before use.
 */
#if PG_VERSION_NUM >= 160000
#define pgb_commit_locators(parsed)		((parsed)->xlocators)
#define PGB_XACT_HAS_LOCATORS			XACT_XINFO_HAS_RELFILELOCATORS
#else
#define pgb_commit_locators(parsed)		((parsed)->xnodes)
#define PGB_XACT_HAS_LOCATORS			XACT_XINFO_HAS_RELFILENODES
#endif
#if PG_VERSION_NUM >= 180000
#define pgb_dropped_stats_object(item)	((Oid) (item)->objid_lo)
#else
#define pgb_dropped_stats_object(item)	((item)->objoid)
#endif

/* The relation's file number, which a rewrite or a TRUNCATE changes. */
#define pgb_relation_filenode(rel)	((rel)->rd_rel->relfilenode)

/*
 * One function for the permissions on all classes of objects; before 16 there is
 * one for each.
 */
#if PG_VERSION_NUM >= 160000
#define pgb_object_aclcheck(class, object, role, mode) \
	object_aclcheck(class, object, role, mode)
#else
static inline AclResult
pgb_object_aclcheck(Oid class, Oid object, Oid role, AclMode mode)
{
	if (class == NamespaceRelationId)
		return pg_namespace_aclcheck(object, role, mode);
	Assert(class == TableSpaceRelationId);
	return pg_tablespace_aclcheck(object, role, mode);
}
#endif

/* Does a table have generated columns, stored or (since 18) virtual? */
#if PG_VERSION_NUM >= 180000
#define pgb_has_generated(constr) \
	((constr)->has_generated_stored || (constr)->has_generated_virtual)
#else
#define pgb_has_generated(constr)	((constr)->has_generated_stored)
#endif

/*
 * Defines the entry point of an archive module with these callbacks: bool configured(void),
 * bool archive(const char *file, const char *path), void shutdown(void).
 */
#if PG_VERSION_NUM >= 160000
#define PGB_ARCHIVE_MODULE(configured, archive, shutdown) \
	static bool \
	configured##_callback(ArchiveModuleState *state) \
	{ \
		return configured(); \
	} \
	static bool \
	archive##_callback(ArchiveModuleState *state, const char *file, const char *path) \
	{ \
		return archive(file, path); \
	} \
	static void \
	shutdown##_callback(ArchiveModuleState *state) \
	{ \
		shutdown(); \
	} \
	static const ArchiveModuleCallbacks archive_callbacks = { \
		.check_configured_cb = configured##_callback, \
		.archive_file_cb = archive##_callback, \
		.shutdown_cb = shutdown##_callback, \
	}; \
	const ArchiveModuleCallbacks * \
	_PG_archive_module_init(void) \
	{ \
		return &archive_callbacks; \
	} \
	extern const ArchiveModuleCallbacks *_PG_archive_module_init(void)
#else
#define PGB_ARCHIVE_MODULE(configured, archive, shutdown) \
	extern PGDLLEXPORT void _PG_archive_module_init(ArchiveModuleCallbacks *callbacks); \
	void \
	_PG_archive_module_init(ArchiveModuleCallbacks *callbacks) \
	{ \
		callbacks->check_configured_cb = configured; \
		callbacks->archive_file_cb = archive; \
		callbacks->shutdown_cb = shutdown; \
	} \
	extern void _PG_archive_module_init(ArchiveModuleCallbacks *callbacks)
#endif

/*
 * Backup mode of the server (physical/backup_mode.c).  Since 16 what is known of a backup has a
 * type of its own; before, all of it is the text of the label.
 */
#if PG_VERSION_NUM >= 160000
typedef BackupState PgbServerBackup;

static inline void
pgb_server_backup_start(PgbServerBackup *state, const char *label, bool fast, StringInfo map)
{
	do_pg_backup_start(label, fast, NULL, state, map);
}

static inline char *
pgb_server_backup_label(PgbServerBackup *state)
{
	return build_backup_content(state, false);
}

static inline void
pgb_server_backup_stop(PgbServerBackup *state)
{
	do_pg_backup_stop(state, false);
}
#else
typedef struct PgbServerBackup
{
	XLogRecPtr	startpoint;
	TimeLineID	starttli;
	XLogRecPtr	stoppoint;
	TimeLineID	stoptli;
	StringInfoData label;
} PgbServerBackup;

static inline void
pgb_server_backup_start(PgbServerBackup *state, const char *label, bool fast, StringInfo map)
{
	initStringInfo(&state->label);
	state->startpoint = do_pg_backup_start(label, fast, &state->starttli, &state->label, NULL, map);
}

static inline char *
pgb_server_backup_label(PgbServerBackup *state)
{
	return pstrdup(state->label.data);
}

static inline void
pgb_server_backup_stop(PgbServerBackup *state)
{
	state->stoppoint = do_pg_backup_stop(state->label.data, false, &state->stoptli);
}
#endif

/* Drops the temporary replication slots of this session. */
#if PG_VERSION_NUM >= 170000
#define pgb_drop_temporary_slots()	ReplicationSlotCleanup(false)
#else
#define pgb_drop_temporary_slots()	ReplicationSlotCleanup()
#endif

/* Since 18 a column's NOT NULL is a constraint with a name. */
#ifndef CONSTRAINT_NOTNULL
#define CONSTRAINT_NOTNULL	'n'
#endif

#endif							/* PGB_COMPAT_H */
