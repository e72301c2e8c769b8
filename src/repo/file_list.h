/*-------------------------------------------------------------------------
 *
 * file_list.h
 *	  The files of a base backup, and where their bytes are.
 *
 * Contents of files lie one after the other in pack objects (pack-0001.zst...), which
 * consist of frames (io/frame.h).  A small file shares its frame with others, a large one
 * takes many frames, possibly of several packs.  Any file, or any range of pages, can be
 * read by decompressing the frames that hold it, and no other.
 *
 * The list is an object of its own (files.zst): lines of JSON, the first one a header, then
 * one for each file, in the order of paths (strcmp):
 *
 *	{"pgbackup_files":1,"count":3}
 *	{"path":"base","type":"directory","mode":"0700"}
 *	{"path":"base/1/1259","mode":"0600","modified_at":"2026-02-19T15:30:00.000000Z",
 *	 "size":8192,"crc32c":"0badcafe","extents":[[1,0,8192]]}
 *	{"path":"pg_tblspc/16400","type":"tablespace","mode":"0700","target":"/mnt/fast"}
 *
 * A file without a type is a regular one.  Extents are [pack, offset in its content,
 * length]; an empty file has none.  Names may hold any bytes: path and target are written
 * by pgb_bytes_to_text().  Sizes of packs and the list itself are described, with
 * their CRCs, in the manifest.
 *
 * src/repo/file_list.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_FILE_LIST_H
#define PGB_FILE_LIST_H

#include "repo/repository.h"

#define PGB_FILE_LIST_NAME		"files.zst"

typedef enum PgbFileType
{
	PGB_FILE_REGULAR,
	PGB_FILE_DIRECTORY,			/* every one but the data directory itself */
	PGB_FILE_TABLESPACE			/* pg_tblspc/<oid>: a link in the original.  One that is in
								 * place is a directory as others are */
} PgbFileType;

/* A stretch of a file's content. */
typedef struct PgbExtent
{
	uint16		pack;			/* number in pack-%04u.zst, from 1 */
	uint64		pack_offset;	/* in the uncompressed content of the pack */
	uint64		length;
} PgbExtent;

typedef struct PgbFile
{
	PgbFileType type;
	char	   *path;			/* relative to the data directory, '/' between parts; bytes, any
								 * encoding */
	uint32		mode;			/* permission bits */
	int64		modified_at;	/* microseconds since 2000-01-01 UTC; this and the
								 * following are of regular files */
	uint64		size;			/* bytes that are in the backup */
	uint32		crc;			/* CRC-32C of all of it */
	int			nextents;		/* in the order of the file; their lengths sum up to size */
	PgbExtent  *extents;
	char	   *target;			/* of a tablespace: where it was, an absolute path */
} PgbFile;

typedef struct PgbFileList
{
	int			count;
	PgbFile    *files;			/* sorted by path with strcmp */
} PgbFileList;

extern char *pgb_pack_name(uint16 number);

/* Sorts it, and writes it as an object of the backup, described in *file. */
extern void pgb_file_list_write(PgbBackupWriter *writer, PgbFileList *list, int level,
								PgbStoredFile *file);

/*
 * Reads and checks it: paths are relative and have no empty parts, "." or "..", are unique and
 * sorted, and what is above a file is a directory or a tablespace of the list; extents lie within the packs of
 * the manifest.  Raises ERRCODE_DATA_CORRUPTED.
 */
extern PgbFileList *pgb_file_list_read(PgbRepository *repository, const PgbManifest *manifest);

/* By path; NULL when there is none. */
extern PgbFile *pgb_file_list_find(const PgbFileList *list, const char *path);

/*
 * Reads a range of a file, palloc'd with a zero byte after it: decompresses the frames that hold it.
 * Raises ERRCODE_DATA_CORRUPTED, also for a range that is not within the file.
 */
extern char *pgb_file_read(PgbRepository *repository, const PgbManifest *manifest,
						   const PgbFile *file, uint64 offset, size_t length);

#endif							/* PGB_FILE_LIST_H */
