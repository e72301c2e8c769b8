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

#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "archive/archive_module.h"
#include "varatt.h"
#else
#include "postmaster/pgarch.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_tablespace.h"
#include "utils/acl.h"
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

#endif							/* PGB_COMPAT_H */
