# sh /run/cloudseed/run STAGE [--root DIR]: executes on the real root what the instance's data asks for.
#
# STAGE is `early` (boothooks, at each boot) or `final` (scripts: vendor, per-once, per-boot, per-instance, user).
# plan/manifest has one line per script, in order: group, part, file, interpreter, argument, tabs between them. A script is
# handed to its interpreter and never executed itself, because /run may be mounted noexec. Below DIR are the marks
# of what has run (var/lib/cloudseed, or run/cloudseed.state where that cannot be written) and the log (var/log).
#
# Exit status: 0 if every script succeeded, 1 if one failed, 2 if STAGE is none.
# Needs a POSIX shell and mkdir; with mkfifo and tee there is a log beside the console.

set -u
PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
export PATH
tab=$(printf '\t')
total=0
failures=0
failed=
pipe=

say() {
    printf 'cloudseed: %s\n' "$*"
}

# Where the marks are; the second place forgets with the next boot. The mark of a group is an empty file of its name.
choose_state() {
    for state in "$root/var/lib/cloudseed" "$root/run/cloudseed.state"; do
        marks=$state/instances/$id
        (umask 077 && mkdir -p "$state/once" "$marks" && : >"$marks/.try") 2>/dev/null && return
    done
    say "$stage: expected a directory to remember what has run, but /var and /run cannot be written"
}

# From here on, what is said and what scripts print goes to the console and to the log.
record() {
    command -v tee >/dev/null 2>&1 && command -v mkfifo >/dev/null 2>&1 || return
    for log in "$root/var/log/cloudseed-output.log" "$state/output.log"; do
        (mkdir -p "${log%/*}" && umask 077 && : >>"$log") 2>/dev/null && break
        log=
    done
    [ -n "$log" ] && (umask 077 && mkfifo "$state/pipe.$$") 2>/dev/null || return
    pipe=$state/pipe.$$
    # A console that hangs up must not end the scripts: tee then goes on with the log alone.
    (
        trap '' PIPE
        tee -a "$log" <"$pipe"
        { : >"$pipe.empty"; } 2>/dev/null
    ) &
    exec >"$pipe" 2>&1
    rm -f "$pipe"
}

# Lets go of the pipe and gives tee a moment to empty it. Waiting for its end would wait for every daemon a script started.
drain() {
    [ -n "$pipe" ] || return
    exec >/dev/null 2>&1
    turns=0
    while [ ! -e "$pipe.empty" ] && [ "$turns" -lt 20000 ]; do
        turns=$((turns + 1))
    done
    rm -f "$pipe.empty"
}

# True if the group is due. Who asks has taken it, whatever becomes of its scripts, as with cloud-init's semaphores.
take() {
    case $1 in
    boothook | per-boot) return 0 ;;
    per-once) mark=$state/once/$1 ;;
    *) mark=$marks/$1 ;;
    esac
    [ ! -e "$mark" ] || return 1
    (umask 077 && : >"$mark") 2>/dev/null
    return 0
}

# Runs one script of the group in $1.
execute() {
    total=$((total + 1))
    say "$stage: $file, part $part"
    if [ "$interpreter" = - ]; then
        say "$stage: $file: expected a first line #!INTERPRETER, but found none"
        failures=$((failures + 1))
        failed="$failed $file"
        return
    fi
    set --
    if [ "$group" = vendor ] && [ -r "$here/plan/vendor-prefix" ]; then
        while IFS= read -r word; do
            set -- "$@" "$word"
        done <"$here/plan/vendor-prefix"
    fi
    set -- "$@" "$interpreter"
    [ -z "$argument" ] || set -- "$@" "$argument"
    set -- "$@" "$here/plan/$file"
    (
        if [ "$group" = boothook ]; then
            INSTANCE_ID=$id
            export INSTANCE_ID
        fi
        cd /
        exec "$@"
    ) </dev/null
    status=$?
    [ "$status" -ne 0 ] || return
    say "$stage: $file: exit status $status"
    failures=$((failures + 1))
    failed="$failed $file"
}

# Runs the scripts of one group, if it is due.
run_group() {
    take "$1" || return 0
    while IFS=$tab read -r group part file interpreter argument; do
        [ "$group" != "$1" ] || execute
    done <"$here/plan/manifest"
}

stage=${1-}
root=
[ "${2-}" != --root ] || root=${3-}
case $0 in
*/*) here=${0%/*} ;;
*) here=. ;;
esac
here=$(CDPATH='' cd "$here" && pwd -P)

case $stage in
early) groups=boothook ;;
final) groups='vendor per-once per-boot per-instance user' ;;
*)
    say "expected early or final, but found '$stage'" >&2
    exit 2
    ;;
esac
if [ ! -r "$here/plan/manifest" ]; then
    say "$stage: nothing to do"
    exit 0
fi
IFS= read -r id <"$here/plan/instance-id"
choose_state
record
for name in $groups; do
    run_group "$name"
done
if [ "$failures" -eq 0 ]; then
    say "$stage: $total done"
else
    say "$stage: $failures of $total failed:$failed"
fi
(umask 077 && printf '%s of %s failed%s\n' "$failures" "$total" "${failed:+:$failed}" >"$here/ran-$stage") 2>/dev/null
drain
[ "$failures" -eq 0 ]
