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
	MEMBER_STARTING,			/* or gone before it began, or killed: its handle tells */
	MEMBER_DONE,
	MEMBER_FAILED				/* its error is there */
} MemberState;

/* Written by the member, read by the leader once the state says that it has ended. */
typedef struct Member
{
	pg_atomic_uint32 state;
	int			sqlerrcode;
	char		message[1024];
	char		detail[2048];
	char		hint[1024];
} Member;

typedef struct Header
{
	PGPROC	   *leader;
	Oid			database;
	char		function[NAMEDATALEN];
	Member		members[MAX_MEMBERS];
} Header;

struct PgbCrew
{
	char	   *name;
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

/* However it ends, the leader is to look. */
static void
wake_leader(int code, Datum arg)
{
	SetLatch(&my_header->leader->procLatch);
}

static void
copy_text(char *to, Size size, const char *from)
{
	strlcpy(to, from == NULL ? "" : from, size);
}

static void
note_error(Member *member, MemoryContext context)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	error = pgb_worker_recover(context);
	member->sqlerrcode = error->sqlerrcode;
	copy_text(member->message, sizeof(member->message), error->message);
	copy_text(member->detail, sizeof(member->detail), error->detail);
	copy_text(member->hint, sizeof(member->hint), error->hint);
	pg_write_barrier();
	pg_atomic_write_u32(&member->state, MEMBER_FAILED);
}

static void
run_member(Member *member, PgbCrewFunction function, int number)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "pgbackup crew",
												  ALLOCSET_DEFAULT_SIZES);

	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		function(shared_part(my_header), number);
		MemoryContextSwitchTo(TopMemoryContext);
		MemoryContextDelete(context);
		pg_write_barrier();
		pg_atomic_write_u32(&member->state, MEMBER_DONE);
	}
	PG_CATCH();
	{
		note_error(member, TopMemoryContext);
	}
	PG_END_TRY();
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
	run_member(&my_header->members[number], function, number);
	proc_exit(0);
}

/* ---- the leader ---- */

PgbCrew *
pgb_crew_create(const char *name, const char *function, Oid database, Size shared_size)
{
	PgbCrew    *crew = palloc0(sizeof(PgbCrew));
	Size		size = add_size(MAXALIGN(sizeof(Header)), shared_size);

	crew->name = pstrdup(name);
	crew->segment = dsm_create(size, 0);
	dsm_pin_mapping(crew->segment); /* transactions may come and go */
	crew->header = dsm_segment_address(crew->segment);
	memset(crew->header, 0, size);
	crew->header->leader = MyProc;
	crew->header->database = database;
	if (strlcpy(crew->header->function, function, NAMEDATALEN) >= NAMEDATALEN)
		elog(ERROR, "name of function \"%s\" is too long", function);
	for (int i = 0; i < MAX_MEMBERS; i++)
		pg_atomic_init_u32(&crew->header->members[i].state, MEMBER_STARTING);
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
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "pgbackup %s %d", crew->name, number + 1);
	snprintf(worker.bgw_type, sizeof(worker.bgw_type), "pgbackup %s", crew->name);
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(crew->segment));
	memcpy(worker.bgw_extra, &number, sizeof(number));
	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, &crew->handles[number]);
}

int
pgb_crew_start(PgbCrew *crew, int members)
{
	members = Min(members, MAX_MEMBERS);
	while (crew->count < members && start_member(crew, crew->count))
		crew->count++;
	return crew->count;
}

static void
raise_error(const Member *member)
{
	ereport(ERROR,
			(errcode(member->sqlerrcode),
			 errmsg_internal("%s", member->message),
			 member->detail[0] != '\0' ? errdetail_internal("%s", member->detail) : 0,
			 member->hint[0] != '\0' ? errhint("%s", member->hint) : 0));
}

static void
raise_vanished(const PgbCrew *crew, int number)
{
	ereport(ERROR,
			(errcode(ERRCODE_ADMIN_SHUTDOWN),
			 errmsg("background worker \"pgbackup %s %d\" has ended before its work", crew->name,
					number + 1),
			 errdetail("It was told to stop, or could not be started."),
			 errhint("The server's log tells why.")));
}

bool
pgb_crew_ended(PgbCrew *crew)
{
	bool		ended = true;

	for (int i = 0; i < crew->count; i++)
	{
		Member	   *member = &crew->header->members[i];
		pid_t		pid;
		bool		is_gone;

		/* in this order: whoever is gone has said how */
		is_gone = GetBackgroundWorkerPid(crew->handles[i], &pid) == BGWH_STOPPED;
		pg_read_barrier();
		switch (pg_atomic_read_u32(&member->state))
		{
			case MEMBER_STARTING:
				if (is_gone)
					raise_vanished(crew, i);
				ended = false;
				break;
			case MEMBER_FAILED:
				raise_error(member);
				break;
			default:
				break;
		}
	}
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
		if (pg_atomic_read_u32(&crew->header->members[i].state) == MEMBER_STARTING)
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
