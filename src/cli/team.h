/*-------------------------------------------------------------------------
 *
 * team.h
 *	  A piece of work that several processes do together.
 *
 * src/cli/team.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGB_TEAM_H
#define PGB_TEAM_H

/* Memory that the processes share from then on; zeroed. */
extern void *cli_shared_memory(size_t size);

typedef struct CliTeam
{
	int			jobs;			/* processes */
	void		(*work) (void *arg);	/* what each of them does; its errors end it */
	void		(*watch) (void *arg);	/* called now and then here meanwhile; or NULL */
	void	   *arg;
} CliTeam;

/*
 * Runs it, and waits until all have ended.  The first that fails ends them all.  Returns false
 * when one has failed and said why; raises when one was killed, or we were asked to stop.
 */
extern bool cli_team_run(const CliTeam *team);

/* For work(), now and then: ends the process when its leader has vanished. */
extern void cli_team_check(void);

/* From now on SIGINT, SIGTERM and SIGHUP are errors, raised by cli_check_stop() and cli_team_run(). */
extern void cli_stop_by_signals(void);
extern void cli_check_stop(void);

/* How many processors there are to work with; at least 1. */
extern int	cli_processors(void);

#endif							/* PGB_TEAM_H */
