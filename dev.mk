# Goals for developers; included by the Makefile when one of them is asked for.
# "make help" prints the lines that begin with two hashes.

## For users (PGXS; PG_CONFIG=/path/to/pg_config chooses the server):
##   make               build the library and the SQL script
##   make install       install both into the server pg_config belongs to
##   make installcheck  SQL and isolation tests against that server, which must
##                      run with shared_preload_libraries = 'cachequeue'
##   make clean         remove what was built
##
## Without touching an installed server (missing Debian packages are installed
## when run as root):
##   make check         every test, on a private copy of the server, with a debug
##                      build; KINDS="unit regress isolation tap pgtap" and
##                      TESTS="name..." choose, JOBS=N TAP files run side by side,
##                      KEEP=1 keeps the work directory; PGVERSION=17, 18 or 19
##                      (root) does it with that version
##   make check-extras  what would make that longer than 7 minutes, and the random
##                      checkers for a minute each
##   make matrix        every test on every version, in one table
##   make ubsan         the same with the undefined behaviour sanitizer
##   make demo          the main job on a private cluster, which stays running
##   make demo-stop     stop that cluster and remove it
##   make bench         the measurements, printed as a table (ARGS=... is passed on)
##   make sim           hit ratios of the cache engine beside LRU and others, on
##                      made-up or public traces (ARGS="--trace=FILE"; see
##                      test/bench/sim/run)
##   make memory        bytes per entry beside Redis and memcached
##   make fuzz          a fuzz target, with clang (ARGS="[engine|dispatch] SECONDS")
##   make model         check the model of the consistency rules with spin
##   make valgrind      SQL tests with the server under valgrind (TESTS="name...")
##   make soak          40 minutes under load, with kills (ARGS="queue --seconds 60");
##                      ARGS=surface calls all functions with hostile values
##
## In the checkout:
##   make debug         build with assertions and warnings as errors
##   make format        format the C sources with pg_bsd_indent
##   make format-check  print what format would change; fails if anything
##   make typedefs      write typedefs.list anew, for the formatter
##   make layers        check who includes whom, and other rules on the sources
##   make docs-check    check that functions, views, types and settings are documented
##   make packages      install the Debian packages that all of this needs

# Variables given on the command line reach the scripts in the environment.

.PHONY: $(DEV_GOALS)

help:
	@sed -n 's/^## \{0,1\}//p' dev.mk

check:
	@scripts/private check debug scripts/run-tests

check-extras:
	@EXTRAS=1 scripts/private check-extras debug scripts/run-tests

matrix:
	@scripts/matrix

ubsan:
	@scripts/private check ubsan scripts/run-tests

demo:
	@scripts/private demo release test/demo/run

demo-stop:
	@scripts/private-stop demo test/demo/stop

bench:
	@scripts/private bench release test/bench/run $(ARGS)

sim:
	@test/bench/sim/run $(ARGS)

memory:
	@test/bench/memory/run $(ARGS)

fuzz:
	@test/unit/run fuzz $(ARGS)

soak:
	@scripts/private soak debug test/soak/run $(ARGS)

valgrind:
	@scripts/private valgrind debug test/valgrind/run

model:
	@test/model/run $(ARGS)

debug:
	$(MAKE) BUILD=debug all

format:
	@scripts/format

format-check:
	@scripts/format --check

typedefs:
	@scripts/typedefs > typedefs.list.new
	@mv typedefs.list.new typedefs.list

layers:
	@scripts/check-layers

docs-check:
	@scripts/check-docs

packages:
	@scripts/install-packages
