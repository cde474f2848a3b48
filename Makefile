# cachequeue: built with PGXS.  "make help" explains the goals; those for
# developers are in dev.mk.

EXTENSION = cachequeue
EXTVERSION = 1.1
MODULE_big = cachequeue
PGFILEDESC = "cachequeue - cache and message queue inside PostgreSQL"

OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c src/*/*/*.c)))
SQL_PARTS = $(sort $(wildcard sql/parts/*.sql))
# released versions stay installable, for dumps of them
DATA = sql/cachequeue--1.0.sql
UPGRADE = sql/cachequeue--1.0--1.1.sql
DATA_built = sql/cachequeue--$(EXTVERSION).sql $(UPGRADE)

# for installcheck: a running server that preloads the library
REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=cachequeue
ISOLATION = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. --load-extension=cachequeue

# What to build: release, debug (assertions, switches that break a rule on
# purpose, warnings are errors) or ubsan (debug, undefined behaviour aborts).
BUILD ?= release
CFLAGS_release =
CFLAGS_debug = -O0 -g3 -DUSE_ASSERT_CHECKING -DCQ_FAULTS -Wall -Wextra -Werror \
	-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers
CFLAGS_ubsan = $(CFLAGS_debug) -O1 -Wno-error \
	-fsanitize=undefined -fno-sanitize-recover=undefined
SHLIB_LINK_ubsan = -lubsan

PG_CPPFLAGS = -I$(srcdir)/src
PG_CFLAGS = $(CFLAGS_$(BUILD)) -MMD -MP
# calls between our files don't go through the linker's table
SHLIB_LINK_linux = -Wl,-Bsymbolic-functions
SHLIB_LINK = $(SHLIB_LINK_$(BUILD)) $(SHLIB_LINK_$(PORTNAME))
override with_llvm = no

EXTRA_CLEAN = $(OBJS:.o=.d) .build-flags tmp/check results output_iso \
	regression.diffs regression.out

DEV_GOALS = help check check-extras matrix demo demo-stop bench sim memory fuzz soak valgrind debug ubsan \
	format format-check typedefs layers docs-check model packages

# Developers' goals work before PostgreSQL is installed, hence without PGXS.
ifneq (,$(filter-out $(DEV_GOALS),$(or $(MAKECMDGOALS),all)))
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

sql/cachequeue--$(EXTVERSION).sql: sql/parts $(SQL_PARTS)
	$(if $(SQL_PARTS),,$(error no files in sql/parts))
	cat $(SQL_PARTS) > $@

# An upgrade alters tables by hand; functions and views are those of the
# install script.  Parts 00 to 09 create what is altered.
$(UPGRADE): sql/upgrade/1.0--1.1.sql sql/upgrade/1.0--1.1.end.sql sql/parts $(SQL_PARTS)
	{ cat sql/upgrade/1.0--1.1.sql; \
	cat $(filter-out sql/parts/0%,$(SQL_PARTS)) | \
	sed -E 's/^CREATE (FUNCTION|PROCEDURE|VIEW)/CREATE OR REPLACE \1/'; \
	cat sql/upgrade/1.0--1.1.end.sql; } > $@

# Another compiler or other flags: build everything again.
$(OBJS): .build-flags
.build-flags: FORCE
	@printf '%s\n' '$(CC) $(CFLAGS) $(CPPFLAGS)' | cmp -s - $@ || \
		printf '%s\n' '$(CC) $(CFLAGS) $(CPPFLAGS)' > $@
FORCE:
.PHONY: FORCE

-include $(OBJS:.o=.d)
endif

ifneq (,$(filter $(DEV_GOALS),$(MAKECMDGOALS)))
include dev.mk
endif
