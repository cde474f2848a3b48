# shellcheck shell=bash disable=SC2154
# Functions shared by scripts/private and scripts/private-stop; for bash.
#
# Expect: name (of the work, "check", "demo", ...), top (the checkout).

# Root may not run a server: it works as the user that Debian's packages make.
if [ "$(id -u)" = 0 ]; then
	user=postgres
else
	user=$(id -un)
fi

# The private tree has a pg_config as well: name the real one.
PG_CONFIG=$(command -v "${PG_CONFIG:-pg_config}") || {
	echo "$name: pg_config not found" >&2
	exit 1
}

say()
{
	echo "$name: $*" >&2
}

# Run a command as that user in the copied tree, with nothing of the caller's
# environment (PGHOST, LANG, ...) but what is meant for us.
#	CQ_WORK    writable folder, the private server tree is in $CQ_WORK/server
#	CQ_BINDIR  its programs; first in PATH
#	CQ_BUILD   release, debug or ubsan
run_as_user()
{
	local as=() pass=() var
	local path=/usr/local/bin:/usr/bin:/bin

	[ "$(id -u)" != 0 ] || as=(runuser -u "$user" --)
	for var in PG_CONFIG PG_OLDER CC COPT KINDS TESTS ARGS JOBS KEEP EXTRAS CQ_CHECKER_SECONDS; do
		[ -z "${!var:-}" ] || pass+=("$var=${!var}")
	done
	(
		cd "$work/tree" 2> /dev/null || cd "$work" || exit 1
		exec "${as[@]}" env -i LANG=C.UTF-8 LC_ALL=C.UTF-8 \
			USER="$user" LOGNAME="$user" HOME="$work" \
			TMPDIR="${TMPDIR:-/tmp}" TERM="${TERM:-dumb}" \
			PATH="${bindir:+$bindir:}$path" CQ_WORK="$work" CQ_BUILD="$build" \
			CQ_BINDIR="$bindir" CQ_TOP="$top" "${pass[@]}" "$@"
	)
}

# End whatever still runs from the work folder: servers, tests.
end_processes()
{
	local dir pid found signal tries

	for tries in 1 2 3 4 5 6 7 8 9 10; do
		found=
		for dir in /proc/[0-9]*; do
			pid=${dir#/proc/}
			case $(readlink "$dir/exe" 2> /dev/null) in
				"$work"/*/postgres*) signal=QUIT ;;
				"$work"/*) signal=TERM ;;
				*)
					grep -qzxF "CQ_WORK=$work" "$dir/environ" 2> /dev/null || continue
					signal=TERM
					;;
			esac
			[ "$tries" -lt 10 ] || signal=KILL
			kill -s "$signal" "$pid" 2> /dev/null && found=yes
		done
		[ -n "$found" ] || return 0
		sleep 0.5
	done
}
