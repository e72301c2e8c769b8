# pgbackup: backup and recovery inside PostgreSQL
#
#   make, make install    build against the pg_config found first in PATH
#   make demo             from an empty machine: see it at work
#   make test             from an empty machine: run every test
#   make test-long        the tests that go on for long: random ones, by the hundreds
#   make test-faults      crashes, errors of the file system, damage, and concurrency, for ten minutes
#   make test-asan        the unit tests and some others with the address sanitizer
#   make fuzz             what is read from a repository, with bytes that nobody wrote
#   make coverage         every test, and which lines they run
#   make bench            compare with pg_dump, pg_restore, pg_basebackup, pgBackRest
#
# PGMAJOR picks the major version of all but the first.

EXTENSION = pgbackup
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" pgbackup.control)

# These need no PostgreSQL yet: they install it.
SCRIPT_GOALS = test test-long test-faults test-asan fuzz coverage demo bench

ifneq (,$(filter $(SCRIPT_GOALS),$(MAKECMDGOALS)))

.PHONY: $(SCRIPT_GOALS)
$(SCRIPT_GOALS):
	@PGMAJOR='$(PGMAJOR)' test/run $@

else

# The layers that server and program share are compiled for each of them.
SHARED_SRCS = $(sort $(wildcard src/port/*.c src/io/*.c src/store/*.c src/repo/*.c))
SERVER_SRCS = $(sort $(wildcard src/server/*.c src/server/*/*.c))
SANDBOX_SRCS = $(sort $(wildcard src/sandbox/*.c))
PROGRAM_SRCS = $(sort $(wildcard src/cli/*.c))
ALL_HEADERS = $(wildcard src/*/*.h src/*/*/*.h)

MODULE_big = pgbackup
# The instructions of the filter are written by the one library and read by the other.
OBJS = $(SHARED_SRCS:.c=.o) $(SERVER_SRCS:.c=.o) src/sandbox/instructions.o
SANDBOX_OBJS = $(SANDBOX_SRCS:.c=.o)
PROGRAM_OBJS = $(SHARED_SRCS:.c=.fe.o) $(PROGRAM_SRCS:.c=.fe.o)

DATA = $(wildcard sql/pgbackup--*.sql)
SCRIPTS_built = pgbackup
# The library of a sandbox: apart, for what it does would ruin any other server.
MODULES = pgbackup_sandbox
EXTRA_CLEAN = $(PROGRAM_OBJS) pgbackup $(SANDBOX_OBJS)

REGRESS = $(sort $(patsubst sql/%.sql,%,$(filter-out sql/pgbackup--%,$(wildcard sql/*.sql))))

PG_CPPFLAGS = -I$(srcdir)/src -DPGBACKUP_VERSION='"$(EXTVERSION)"'
SHLIB_LINK = -lzstd

# Nothing here gains from being inlined into queries by the JIT compiler.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq (,$(PGXS))
$(error pg_config not found: install the server's development package, or set PG_CONFIG)
endif
include $(PGXS)

$(sort $(OBJS) $(SANDBOX_OBJS)) $(PROGRAM_OBJS): $(ALL_HEADERS) pgbackup.control

%.fe.o: %.c
	$(CC) $(filter-out $(CFLAGS_SL),$(CFLAGS)) -DFRONTEND $(CPPFLAGS) -I$(shell $(PG_CONFIG) --includedir) -c $< -o $@

$(MODULES)$(DLSUFFIX): $(SANDBOX_OBJS)
	$(CC) $(CFLAGS) $(SANDBOX_OBJS) $(LDFLAGS) $(LDFLAGS_SL) -shared -o $@

PG_LIBDIRS = -L$(shell $(PG_CONFIG) --pkglibdir) -L$(shell $(PG_CONFIG) --libdir)

pgbackup: $(PROGRAM_OBJS)
	$(CC) $(CFLAGS) $(PROGRAM_OBJS) $(LDFLAGS) $(PG_LIBDIRS) -lpgcommon -lpgport -lzstd -lcrypto -lpthread -lm -o $@

endif
