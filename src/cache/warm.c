/*-------------------------------------------------------------------------
 *
 * warm.c
 *	  The cache over a clean restart: saved to a file, loaded if still valid.
 *
 * The postmaster saves the cache while it exits, after the shutdown checkpoint,
 * when there is no other process left.  It loads the cache before it starts the
 * first one.
 *
 * The file is valid if nothing was written in between (docs/internals/consistency.md
 * has the argument).  pg_control tells: its last checkpoint is a shutdown
 * checkpoint, and the one that the file names.  Any server that has run on these
 * files since, with or without this library, has written another checkpoint or
 * crashed.
 *
 *	+--------------+-------------------------------------------+------------+
 *	| CqWarmHeader | contents: see cq_cache_transfer, save.c   | CRC-32C of |
 *	|			   |										   | all before |
 *	+--------------+-------------------------------------------+------------+
 *
 * The file is read straight into shared memory.  If it turns out to be truncated,
 * or the checksum to be wrong, the memory is laid out anew.  No process has used
 * it yet, and loading writes to no other memory, whatever the bytes are.
 *
 * The file is unlinked when it is opened: it is used once, so if it should bring
 * the server down, it does so once.  A server that restarts after a crash of one
 * of its processes loads nothing.
 *
 * Failure: any failure is logged and leaves the cache empty.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "cache/cache.h"
#include "cache/namespace_states.h"
#include "cache/slots.h"
#include "cache/warm.h"
#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/settings.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#define WARM_FILE PGSTAT_STAT_PERMANENT_DIRECTORY "/cachequeue.cache"
#define WARM_FILE_NEW WARM_FILE ".new"

/* to be increased when contents or their meaning change */
#define WARM_FORMAT 2

/* older files are not loaded */
#define WARM_AGE_MAX_MS (INT64CONST(1000) * 60 * 60 * 24 * 365)

/* A file is read by the program only that has written it. */
typedef struct CqWarmProgram
{
	char		name[16];
	char		version[16];
	uint32		format;
	uint32		server_version;
} CqWarmProgram;

/* Sizes in shared memory, which depend on settings and build. */
typedef struct CqWarmSizes
{
	uint64		cache;
	uint64		slots;
	uint64		namespaces;
	uint64		engine;
} CqWarmSizes;

/* The shutdown checkpoint before the file was written. */
typedef struct CqWarmCheckpoint
{
	uint64		place;
	uint64		redo;
	uint64		next_xid;
	uint64		timeline;
} CqWarmCheckpoint;

typedef struct CqWarmHeader
{
	CqWarmProgram program;
	CqWarmSizes sizes;
	uint64		system_identifier;
	CqWarmCheckpoint checkpoint;
	int64		clock_ms;		/* time of saving, by both clocks */
	int64		wall_ms;
} CqWarmHeader;

typedef struct CqWarmFile
{
	FILE	   *file;
	pg_crc32c	crc;			/* of what has been transferred */
} CqWarmFile;

static bool
write_bytes(void *bytes, Size len, void *arg)
{
	CqWarmFile *file = arg;

	COMP_CRC32C(file->crc, bytes, len);
	return fwrite(bytes, 1, len, file->file) == len;
}

static bool
read_bytes(void *bytes, Size len, void *arg)
{
	CqWarmFile *file = arg;

	if (fread(bytes, 1, len, file->file) != len)
		return false;
	COMP_CRC32C(file->crc, bytes, len);
	return true;
}

static int64
wall_ms(void)
{
	return GetCurrentTimestamp() / 1000;
}

/*
 * Fill the header that a file must have now, according to pg_control.  Returns
 * false if the server was not shut down cleanly.
 */
static bool
fill_header(CqWarmHeader *header)
{
	bool		crc_ok;
	ControlFileData *control = get_controlfile(DataDir, &crc_ok);
	bool		clean = crc_ok && control->state == DB_SHUTDOWNED;

	memset(header, 0, sizeof(*header));
	strlcpy(header->program.name, "cachequeue", sizeof(header->program.name));
	strlcpy(header->program.version, CQ_VERSION,
			sizeof(header->program.version));
	header->program.format = WARM_FORMAT;
	header->program.server_version = CQ_SERVER_VERSION;
	header->sizes.cache = cq_cache_state_size();
	header->sizes.slots = cq_slots_size();
	header->sizes.namespaces = cq_namespace_states_size();
	header->sizes.engine = cq_engine_size((Size) cq_cache_memory_kb * 1024);
	header->system_identifier = control->system_identifier;
	header->checkpoint.place = control->checkPoint;
	header->checkpoint.redo = control->checkPointCopy.redo;
	header->checkpoint.next_xid =
		U64FromFullTransactionId(control->checkPointCopy.nextXid);
	header->checkpoint.timeline = control->checkPointCopy.ThisTimeLineID;
	header->clock_ms = cq_clock_ms();
	header->wall_ms = wall_ms();
	pfree(control);
	return clean;
}

static bool
file_exists(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0;
}

/* Why a file with this header cannot be loaded, NULL if it can. */
static const char *
check_header(const CqWarmHeader *saved)
{
	CqWarmHeader now;
	bool		clean = fill_header(&now);
	int64		age_ms = now.wall_ms - saved->wall_ms;

#define DIFFERS(part) (memcmp(&saved->part, &now.part, sizeof(now.part)) != 0)
	if (DIFFERS(program))
		return "it is of another version";
	if (DIFFERS(system_identifier))
		return "it is of another server";
	if (DIFFERS(sizes))
		return "cachequeue.cache_memory or cachequeue.dependency_slots has changed";
	if (!clean || DIFFERS(checkpoint))
		return "the server has run since";
	if (file_exists(RECOVERY_SIGNAL_FILE) ||
		file_exists(STANDBY_SIGNAL_FILE) || file_exists(BACKUP_LABEL_FILE))
		return "the server starts with recovery";
	if (age_ms < 0)
		return "the system time has been set back";
	if (age_ms > WARM_AGE_MAX_MS)
		return "it is too old";
#undef DIFFERS
	return NULL;
}

/* Load contents and checksum; returns what is wrong, NULL: nothing. */
static const char *
load_contents(CqWarmFile *file)
{
	pg_crc32c	crc;

	if (!cq_cache_transfer(read_bytes, file))
		return "it is damaged";
	FIN_CRC32C(file->crc);
	if (fread(&crc, 1, sizeof(crc), file->file) != sizeof(crc) ||
		!EQ_CRC32C(crc, file->crc) || getc(file->file) != EOF)
		return "it is damaged";
	return NULL;
}

/* Load the file; returns why that is not possible, NULL on success. */
static const char *
load(CqWarmFile *file)
{
	CqWarmHeader header;
	const char *reason;

	INIT_CRC32C(file->crc);
	if (!read_bytes(&header, sizeof(header), file))
		return "it is damaged";
	reason = check_header(&header);
	if (reason != NULL)
		return reason;
	reason = load_contents(file);
	if (reason != NULL)
	{
		cq_cache_start_empty();
		return reason;
	}
	/* the clock continues where it was, plus the time since */
	cq_clock_shift_ms += header.clock_ms + (wall_ms() - header.wall_ms) -
		cq_clock_ms();
	cq_cache_start_loaded();
	return NULL;
}

/* Open the file and unlink it; NULL if there is none, or after logging why. */
static FILE *
take_file(void)
{
	FILE	   *file = AllocateFile(WARM_FILE, PG_BINARY_R);

	(void) unlink(WARM_FILE_NEW);	/* left by a crash */
	if (file == NULL)
	{
		if (errno != ENOENT)
			ereport(LOG,
					(errcode_for_file_access(),
					 errmsg("could not open file \"%s\": %m", WARM_FILE)));
		return NULL;
	}
	if (unlink(WARM_FILE) != 0)
	{
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not remove file \"%s\": %m", WARM_FILE)));
		FreeFile(file);
		return NULL;
	}
	return file;
}

static void
load_at_start(void)
{
	CqWarmFile	file = {.file = take_file()};
	int64		start_ms = wall_ms();
	CqEngineStats stats;
	const char *reason;

	if (file.file == NULL)
		return;
	reason = cq_warm_restart ? load(&file) : "cachequeue.warm_restart is off";
	FreeFile(file.file);
	if (reason != NULL)
	{
		ereport(LOG,
				(errmsg("cachequeue: saved cache discarded: %s", reason)));
		return;
	}
	cq_engine_stats(cq_cache_engine(), &stats);
	ereport(LOG,
			(errmsg("cachequeue: saved cache loaded: " UINT64_FORMAT " entries in " INT64_FORMAT " ms",
					stats.entries, wall_ms() - start_ms)));
}

/* Write the file; false with errno set when that failed. */
static bool
save(CqWarmHeader *header)
{
	CqWarmFile	file = {.file = AllocateFile(WARM_FILE_NEW, PG_BINARY_W)};
	bool		done;

	if (file.file == NULL)
		return false;
	INIT_CRC32C(file.crc);
	done = write_bytes(header, sizeof(*header), &file) &&
		cq_cache_transfer(write_bytes, &file);
	FIN_CRC32C(file.crc);
	done = done && fwrite(&file.crc, 1, sizeof(file.crc), file.file) ==
		sizeof(file.crc);
	if (FreeFile(file.file) != 0)
		done = false;
	return done;
}

static void
save_at_exit(int code, Datum arg)
{
	CqWarmHeader header;
	int64		start_ms = wall_ms();
	CqEngineStats stats;

	if (code != 0 || !cq_warm_restart || !fill_header(&header))
		return;
	if (!save(&header))
	{
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", WARM_FILE_NEW)));
		(void) unlink(WARM_FILE_NEW);
		return;
	}
	if (durable_rename(WARM_FILE_NEW, WARM_FILE, LOG) != 0)
		return;
	cq_engine_stats(cq_cache_engine(), &stats);
	ereport(LOG,
			(errmsg("cachequeue: cache saved: " UINT64_FORMAT " entries in " INT64_FORMAT " ms",
					stats.entries, wall_ms() - start_ms)));
}

void
cq_warm_start(void)
{
	static bool started = false;	/* do not load after a crash of a process */

	if (!IsPostmasterEnvironment || IsUnderPostmaster)
		return;
	if (!started)
		load_at_start();
	started = true;
	on_shmem_exit(save_at_exit, (Datum) 0);
}
