/*-------------------------------------------------------------------------
 *
 * sha256.c
 *	  SHA-256, as PostgreSQL was built to compute it.
 *
 * src/port/sha256.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "common/cryptohash.h"
#include "common/sha2.h"

#ifndef FRONTEND
#include "utils/resowner.h"
#endif

StaticAssertDecl(PGB_SHA256_LENGTH == PG_SHA256_DIGEST_LENGTH,
				 "SHA-256 has 256 bits");

/* Nothing between create and free may raise: the context would be lost. */
static bool
compute(const void *data, size_t length, uint8 *digest)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	bool		done;

	if (ctx == NULL)
		return false;
	done = pg_cryptohash_init(ctx) == 0 &&
		pg_cryptohash_update(ctx, data, length) == 0 &&
		pg_cryptohash_final(ctx, digest, PGB_SHA256_LENGTH) == 0;
	pg_cryptohash_free(ctx);
	return done;
}

void
pgb_sha256(const void *data, size_t length, uint8 digest[PGB_SHA256_LENGTH])
{
	bool		done;

#ifndef FRONTEND
	/* It notes itself with a resource owner, which a worker may not have yet. */
	ResourceOwner save = CurrentResourceOwner;

	if (save == NULL)
		CurrentResourceOwner = ResourceOwnerCreate(NULL, "pgbackup");
#endif

	done = compute(data, length, digest);

#ifndef FRONTEND
	if (save == NULL)
	{
		ResourceOwner own = CurrentResourceOwner;

		CurrentResourceOwner = NULL;
		ResourceOwnerDelete(own);
	}
#endif

	if (!done)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a SHA-256 checksum")));
}
