/*-------------------------------------------------------------------------
 *
 * wal_page.c
 *	  The header of a segment's first page, which says where it belongs.
 *
 * src/repo/wal_page.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "repo/wal_object.h"

#include "access/xlog_internal.h"

/* The first page of a new timeline is that of the old one as far as it was used. */
static bool
timeline_is_possible(const XLogLongPageHeaderData *page, const PgbWalName *name)
{
	return page->std.xlp_tli >= 1 && page->std.xlp_tli <= name->timeline;
}

char *
pgb_wal_header_error(const char *header, const PgbWalName *name,
					 uint64 system_identifier, uint32 *segment_size, bool *foreign)
{
	XLogLongPageHeaderData page;
	PgbWalName	sized;

	StaticAssertStmt(sizeof(page) <= PGB_WAL_HEADER_SIZE, "a segment's header is longer than thought");

	*segment_size = 0;
	*foreign = false;
	memcpy(&page, header, sizeof(page));

	if ((page.std.xlp_info & ~XLP_ALL_FLAGS) != 0 ||
		(page.std.xlp_info & XLP_LONG_HEADER) == 0 || page.xlp_xlog_blcksz != XLOG_BLCKSZ)
		return pstrdup("It does not begin with the header of a WAL segment.");
	if (page.xlp_sysid != system_identifier)
	{
		*foreign = true;
		return psprintf("Its system identifier is %llu, that of the cluster is %llu.",
						(unsigned long long) page.xlp_sysid,
						(unsigned long long) system_identifier);
	}
	if (page.xlp_seg_size == 0 || !pgb_wal_name_parse(name->text, page.xlp_seg_size, &sized))
		return psprintf("Its segment size of %u bytes does not fit its name.", page.xlp_seg_size);
	if (page.std.xlp_pageaddr != sized.number * page.xlp_seg_size)
		return psprintf("It begins at %s, which is in another segment.",
						pgb_lsn_to_text(page.std.xlp_pageaddr));
	if (!timeline_is_possible(&page, name))
		return psprintf("Its first page is of timeline %u.", page.std.xlp_tli);

	*segment_size = page.xlp_seg_size;
	return NULL;
}
