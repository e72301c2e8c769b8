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
#include "varatt.h"
#else
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

#endif							/* PGB_COMPAT_H */
