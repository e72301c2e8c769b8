/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  A line on the terminal that tells how far something is.
 *
 * src/cli/progress.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"
#include "cli/cli.h"
#include "cli/progress.h"

#include <unistd.h>

#define INTERVAL	200000		/* microseconds */
#define LINE_WIDTH	78

void
cli_progress_begin(CliProgress *progress, const char *what, uint64 total, bool quiet)
{
	progress->what = quiet || !isatty(STDERR_FILENO) ? NULL : what;
	progress->total = total;
	progress->started_at = pgb_now();
	progress->shown_at = 0;
}

static void
show(const char *line)
{
	fprintf(stderr, "\r%-*s\r%s", LINE_WIDTH, "", line);
	fflush(stderr);
}

void
cli_progress_show(CliProgress *progress, uint64 done)
{
	int64		now = pgb_now();
	double		seconds = (now - progress->started_at) / 1e6;
	double		rate = seconds > 0 ? done / seconds : 0;
	char	   *left;

	if (progress->what == NULL || now - progress->shown_at < INTERVAL)
		return;
	progress->shown_at = now;
	left = rate > 0 && progress->total >= done ?
		psprintf(", %s left", cli_duration((int64) ((progress->total - done) / rate * 1e6))) : "";
	show(psprintf("%s: %d%%, %s of %s, %s/s%s", progress->what,
				  progress->total == 0 ? 100 : (int) (done * 100.0 / progress->total),
				  cli_size(done), cli_size(progress->total), cli_size((uint64) rate), left));
}

void
cli_progress_end(CliProgress *progress)
{
	if (progress->what != NULL && progress->shown_at != 0)
		show("");
	progress->what = NULL;
}
