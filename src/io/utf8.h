/*-------------------------------------------------------------------------
 *
 * utf8.h
 *	  Text that may not be what it should be.
 *
 * src/io/utf8.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_UTF8_H
#define PGB_UTF8_H

/*
 * The length of the valid UTF-8 character at text, which ends in a zero byte;
 * 0 when there is none.
 */
extern int	pgb_utf8_length(const char *text);

#endif							/* PGB_UTF8_H */
