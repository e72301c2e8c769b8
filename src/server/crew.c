/*-------------------------------------------------------------------------
 *
 * crew.c
 *	  A crew: plain background workers that do parts of a job.
 *
 * All that members and leader share is one segment of dynamic shared memory: who is
 * in the crew, how each has ended, and the common memory of whoever made it.
 *
 * src/server/crew.c
 *
 *-------------------------------------------------------------------------
 */
#include "port/port.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "server/compat.h"
#include "server/crew.h"
#include "server/result.h"
#include "server/worker_session.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

/* As many as pgbackup.jobs can ask for. */
#define MAX_MEMBERS		64

/* How long the leader sleeps when nothing wakes it. */
#define NAP_MS			200

typedef enum MemberState
{
	MEMBER_STARTING,			/* or at work, or gone without a word: its handle tells */
	MEMBER_ENDED				/* well, or with an error */
} MemberState;

typedef struct Header
{
	PGPROC	   *leader;
	Oid			database;
	char		function[NAMEDATALEN];

	/* the first error; has_error is set last, by whom is_taken was 0 for */
	pg_atomic_uint32 is_taken;
	pg_atomic_uint32 has_error;
	PgbJobResult error;

	pg_atomic_uint32 members[MAX_MEMBERS];	/* of MemberState */
} Header;

struct PgbCrew
{
	MemoryContext context;
	PgbCrewPlan plan;
	dsm_segment *segment;
	Header	   *header;
	int			count;
	BackgroundWorkerHandle *handles[MAX_MEMBERS];
};

static void *
shared_part(Header *header)
{
	return (char *) header + MAXALIGN(sizeof(Header));
}

/* ---- a member ---- */

static Header *my_header;
static const char *my_place;

/* However it ends, the leader is to look. */
static void
wake_leader(int code, Datum arg)
{
	SetLatch(&my_header->leader->procLatch);
}

void
pgb_crew_set_place(const char *place)
{
	my_place = place;
}

/* The detail of an error, with what this member was at. */
static char *
detail_with_place(const ErrorData *error)
{
	if (my_place == NULL)
		return error->detail;
	return psprintf("%s%s%s%s%s", error->detail == NULL ? "" : error->detail,
					error->detail == NULL ? "" : " ", my_place,
					error->context == NULL ? "" : "\n",
					error->context == NULL ? "" : error->context);
}

/* The first error is that of the crew; the log has them all. */
static void
note_error(MemoryContext context)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	EmitErrorReport();
	error = pgb_worker_recover(context);
	if (pg_atomic_exchange_u32(&my_header->is_taken, 1) == 0)
	{
		error->detail = detail_with_place(error);
		pgb_result_of_error(&my_header->error, error);
		pg_write_barrier();
		pg_atomic_write_u32(&my_header->has_error, 1);
	}
	RESUME_INTERRUPTS();
}

static void
run_member(PgbCrewFunction function, int number)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "pgbackup crew",
												  ALLOCSET_DEFAULT_SIZES);

	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		function(shared_part(my_header), number);
		MemoryContextSwitchTo(TopMemoryContext);
		MemoryContextDelete(context);
	}
	PG_CATCH();
	{
		note_error(TopMemoryContext);
	}
	PG_END_TRY();
	pg_write_barrier();
	pg_atomic_write_u32(&my_header->members[number], MEMBER_ENDED);
}

void
pgb_crew_member_main(Datum arg)
{
	dsm_segment *segment;
	PgbCrewFunction function;
	int			number;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	memcpy(&number, MyBgworkerEntry->bgw_extra, sizeof(number));
	segment = dsm_attach((dsm_handle) DatumGetUInt32(arg));
	if (segment == NULL)
		proc_exit(0);			/* the leader is gone already */
	dsm_pin_mapping(segment);
	my_header = dsm_segment_address(segment);
	before_shmem_exit(wake_leader, (Datum) 0);

	if (OidIsValid(my_header->database))
		pgb_worker_connect(my_header->database);
	else
		BackgroundWorkerInitializeConnectionByOid(InvalidOid, InvalidOid, 0);

	function = (PgbCrewFunction) load_external_function("pgbackup", my_header->function, true, NULL);
	run_member(function, number);
	proc_exit(0);
}

/* ---- the leader ---- */

PgbCrew *
pgb_crew_create(const PgbCrewPlan *plan)
{
	PgbCrew    *crew = palloc0(sizeof(PgbCrew));
	Size		size = add_size(MAXALIGN(sizeof(Header)), plan->shared_size);
	Header	   *header;

	crew->context = CurrentMemoryContext;
	crew->plan = *plan;
	crew->segment = dsm_create(size, 0);
	dsm_pin_mapping(crew->segment); /* transactions may come and go */
	crew->header = header = dsm_segment_address(crew->segment);
	memset(header, 0, size);
	header->leader = MyProc;
	header->database = plan->database;
	if (strlcpy(header->function, plan->function, NAMEDATALEN) >= NAMEDATALEN)
		elog(ERROR, "name of function \"%s\" is too long", plan->function);
	pg_atomic_init_u32(&header->is_taken, 0);
	pg_atomic_init_u32(&header->has_error, 0);
	for (int i = 0; i < MAX_MEMBERS; i++)
		pg_atomic_init_u32(&header->members[i], MEMBER_STARTING);
	return crew;
}

void *
pgb_crew_shared(PgbCrew *crew)
{
	return shared_part(crew->header);
}

static bool
start_member(PgbCrew *crew, int number)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "pgbackup", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "pgb_crew_member_main", sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "pgbackup %s %d", crew->plan.member,
			 number + 1);
	snprintf(worker.bgw_type, sizeof(worker.bgw_type), "pgbackup %s", crew->plan.member);
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(crew->segment));
	memcpy(worker.bgw_extra, &number, sizeof(number));
	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, &crew->handles[number]);
}

int
pgb_crew_start(PgbCrew *crew, int members)
{
	MemoryContext old = MemoryContextSwitchTo(crew->context);

	members = Min(members, MAX_MEMBERS);
	while (crew->count < members && start_member(crew, crew->count))
		crew->count++;
	MemoryContextSwitchTo(old);
	if (crew->count > 0 && crew->count < members)
		ereport(LOG,
				(errmsg("%d of %d %ss could be started for the %s", crew->count, members,
						crew->plan.member, crew->plan.work),
				 errhint("Raise max_worker_processes.")));
	return crew->count;
}

static void
raise_vanished(const PgbCrewPlan *plan)
{
	ereport(ERROR,
			(errcode(ERRCODE_ADMIN_SHUTDOWN),
			 errmsg("a %s of the %s was terminated", plan->member, plan->work),
			 errdetail("It was told to stop, or could not start or connect to the database."),
			 errhint("The server's log tells why. Start the %s again.", plan->work)));
}

bool
pgb_crew_ended(PgbCrew *crew)
{
	bool		ended = true;
	bool		vanished = false;

	for (int i = 0; i < crew->count; i++)
	{
		pid_t		pid;
		bool		is_gone;

		/* in this order: whoever is gone has said so before */
		is_gone = GetBackgroundWorkerPid(crew->handles[i], &pid) == BGWH_STOPPED;
		pg_read_barrier();
		if (pg_atomic_read_u32(&crew->header->members[i]) == MEMBER_ENDED)
			continue;
		ended = false;
		vanished |= is_gone;
	}

	/* after the members: who ended with an error has left it before */
	pg_read_barrier();
	if (pg_atomic_read_u32(&crew->header->has_error) != 0)
	{
		pg_read_barrier();
		pgb_result_raise(&crew->header->error, ERROR);
	}
	if (vanished)
		raise_vanished(&crew->plan);
	return ended;
}

void
pgb_crew_wait(PgbCrew *crew)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (pgb_crew_ended(crew))
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NAP_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

void
pgb_crew_stop(PgbCrew *crew)
{
	if (crew == NULL || crew->segment == NULL)
		return;

	/* an interrupt would be raised; the members do look at theirs, so this takes no time */
	HOLD_INTERRUPTS();
	for (int i = 0; i < crew->count; i++)
	{
		/* who has ended is on its way out */
		if (pg_atomic_read_u32(&crew->header->members[i]) == MEMBER_STARTING)
			TerminateBackgroundWorker(crew->handles[i]);
	}
	for (int i = 0; i < crew->count; i++)
	{
		(void) WaitForBackgroundWorkerShutdown(crew->handles[i]);
		pfree(crew->handles[i]);
	}
	crew->count = 0;
	dsm_detach(crew->segment);
	crew->segment = NULL;
	RESUME_INTERRUPTS();
}
