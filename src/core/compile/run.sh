# sh /run/cloudseed/run STAGE [--root DIR]: executes on the real root what the instance's data asks for.
#
# STAGE is one of
#   early     accounts and host name, once per instance; part handlers and boothooks, at each boot
#   network   nothing but to wait for a route to somewhere, 60 s at most: for who starts `final` without knowing when
#   final     scripts: vendor, per-once, per-boot, per-instance, user
#
# plan/manifest has one line per script, in order: group, part, file (beside this program), interpreter, argument, tabs between
# them. A script is handed to its interpreter and never executed itself, because /run may be mounted noexec. Below DIR are the
# marks of what has run (var/lib/cloudseed, or run/cloudseed.state where that cannot be written) and the log (var/log). Where
# `cloudseed handover` has left the stages to somebody else (`stages` beside this program), nothing is done.
#
# Exit status: 0 if every script succeeded, 1 if one failed, 2 if STAGE is none.
# Needs a POSIX shell, cat, mkdir, mv and rm; with mkfifo, tee and wc there is a log beside the console, with timeout an end
# to a boothook or part handler that hangs.

set -u
PATH=${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
export PATH
tab=$(printf '\t')
boothook_seconds_max=240
log_bytes_max=4194304
total=0
failures=0
failed=
pipe=

say() {
    printf 'cloudseed: %s\n' "$*"
}

# Where the marks are; the second place forgets with the next boot. The mark of a group that was run is an empty file of its
# name; NAME.begun is there before, while it runs.
choose_state() {
    for state in "$root/var/lib/cloudseed" "$root/run/cloudseed.state"; do
        marks=$state/instances/$directory
        (umask 077 && mkdir -p "$state/once" "$marks" && : >"$marks/.try") 2>/dev/null && return
    done
    say "$stage: expected a directory to remember what has run, but /var and /run cannot be written"
}

# From here on, what is said and what scripts print goes to the console and to the log. A log that is half full when a stage
# begins is put aside, in the place of an older one; of what is more than fits the console alone is told.
record() {
    for program in mkfifo tee wc; do command -v "$program" >/dev/null 2>&1 || return; done
    # Where /var cannot be written there is no log: /run is memory, and what scripts print has no end.
    log=$root/var/log/cloudseed-output.log
    (mkdir -p "${log%/*}" && umask 077 && : >>"$log") 2>/dev/null || return
    (umask 077 && mkfifo "$state/pipe.$$") 2>/dev/null || return
    pipe=$state/pipe.$$
    [ "$(wc -c <"$log")" -le $((log_bytes_max / 2)) ] || mv -f "$log" "$log.old"
    # A console that hangs up, or a log that is full, must not end the scripts: tee then goes on with the other.
    (
        trap '' PIPE XFSZ
        umask 077
        # In blocks of 512 bytes, in every shell that is sh.
        ulimit -f $((log_bytes_max / 512)) 2>/dev/null
        tee -a "$log" <"$pipe" 2>/dev/null
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

# True if the group is due. Who asks has taken it, and nobody else has; finish says that it was run, whatever became of its
# scripts, as with cloud-init's semaphores. One that was begun and not finished is told, and not begun again: nobody knows how
# far it came.
take() {
    case $1 in
    boothook | per-boot)
        mark=
        return 0
        ;;
    per-once) mark=$state/once/$1 ;;
    *) mark=$marks/$1 ;;
    esac
    [ ! -e "$mark" ] || return 1
    if (set -C && umask 077 && : >"$mark.begun") 2>/dev/null; then
        [ -e "$mark" ] || return 0
        # Somebody else has finished it meanwhile.
        rm -f "$mark.begun"
        return 1
    fi
    if [ -e "$mark.begun" ]; then
        total=$((total + 1))
        fail "$1" "begun before and not finished; it is not begun again ($mark.begun)"
        return 1
    fi
    # Either somebody has finished it just now, or there is nowhere to write a mark to.
    [ ! -e "$mark" ] || return 1
    mark=
}

# Says that the group taken last was run.
finish() {
    [ -z "$mark" ] || mv -f "$mark.begun" "$mark"
}

# Counts a failure of what is called $1, and says why.
fail() {
    failures=$((failures + 1))
    failed="$failed $1"
    say "$stage: $1: $2"
}

# Calls the part handlers, which are Python, before everything else: they may take parts for themselves.
run_handlers() {
    image=$root/var/lib/cloud/handlers
    if [ ! -r "$here/plan/handlers.py" ]; then
        for file in "$image"/*.py; do
            [ ! -e "$file" ] || say "$stage: $file: not called, for no part is a handler"
        done
        return 0
    fi
    total=$((total + 1))
    python=$(command -v python3 || command -v /usr/libexec/platform-python)
    if [ -z "$python" ]; then
        fail handlers.py "expected python3 for the part handlers, but found none; the parts meant for them are left alone"
        return
    fi
    frequency=always
    if take handlers; then frequency=once-per-instance; else mark=; fi
    rm -f "$here/taken"
    say "$stage: handlers.py, $frequency"
    set -- "$python" -B "$here/plan/handlers.py" "$frequency" "$here/taken" "$image"
    ! has_timeout || set -- timeout -s KILL "$boothook_seconds_max" "$@"
    (cd / && exec "$@") </dev/null
    status=$?
    finish
    if [ "$status" -ne 0 ]; then
        fail handlers.py "exit status $status"
    elif [ ! -e "$here/taken" ]; then
        fail handlers.py 'ended before all handlers were called'
    fi
}

# True if a part handler has taken the part of number $1 for itself.
taken() {
    [ -r "$here/taken" ] || return 1
    while read -r number; do
        [ "$number" != "$1" ] || return 0
    done <"$here/taken"
    return 1
}

# Logins come after part handlers and boothooks: one that hangs is ended, and the boot goes on, where timeout(1) knows how.
has_timeout() {
    timeout -s KILL 1 true 2>/dev/null
}

# Runs the script that the variables of run_group describe.
execute() {
    total=$((total + 1))
    say "$stage: ${file##*/}, part $part"
    if [ "$interpreter" = - ]; then
        fail "${file##*/}" 'expected a first line #!INTERPRETER, but found none'
        return
    fi
    set --
    if [ "$group" = vendor ] && [ -d "$here/plan/vendor-prefix" ]; then
        for word in "$here/plan/vendor-prefix/"*; do
            # What ends a word may be a line break, which the shell would take away.
            word=$(cat "$word" && printf .)
            set -- "$@" "${word%.}"
        done
    fi
    set -- "$@" "$interpreter"
    [ -z "$argument" ] || set -- "$@" "$argument"
    set -- "$@" "$here/$file"
    if [ "$group" = boothook ] && has_timeout; then
        set -- timeout -s KILL "$boothook_seconds_max" "$@"
    fi
    (
        if [ "$group" = boothook ]; then
            INSTANCE_ID=$id
            export INSTANCE_ID
        fi
        cd / && exec "$@"
    ) </dev/null
    status=$?
    [ "$status" -eq 0 ] || fail "${file##*/}" "exit status $status"
}

# Runs the scripts of group $1, if it is due.
run_group() {
    take "$1" || return 0
    while IFS=$tab read -r group part file interpreter argument; do
        [ "$group" = "$1" ] || continue
        if taken "$part"; then
            say "$stage: ${file##*/}: a part handler has taken part $part"
        else
            execute
        fi
    done <"$here/plan/manifest"
    finish
}

# Makes the accounts and gives the machine its name, once per instance, and for each password that somebody sets from outside. What
# is there already does it no harm, so that one that did not come to its end (0 or 1) is run again: nobody is to be locked out by
# a power cut. What failed is not tried again, as in cloud-init: that would undo at each boot what was changed by hand since.
run_setup() {
    [ -r "$here/plan/setup.sh" ] || return 0
    reset=$(cat "$here/plan/reset" 2>/dev/null)
    if [ -e "$marks/setup" ]; then
        [ -n "$reset" ] && [ "$reset" != "$(cat "$marks/setup")" ] || return 0
    fi
    total=$((total + 1))
    sh "$here/plan/setup.sh" "$root" </dev/null
    status=$?
    [ "$status" -eq 0 ] || fail setup.sh "exit status $status"
    [ "$status" -gt 1 ] || (umask 077 && printf '%s' "$reset" >"$marks/setup") 2>/dev/null
}

# True if there is a default route: to 0.0.0.0 with its gateway's flag, or to ::/0 by an interface.
has_route() {
    while read -r _ destination _ flags _; do
        [ "$destination $flags" != '00000000 0003' ] || return 0
    done <"$root/proc/net/route"
    while read -r destination length _ _ _ _ _ _ flags device; do
        case "$destination $length $device" in
        '00000000000000000000000000000000 00 lo') ;;
        '00000000000000000000000000000000 00 '*) return 0 ;;
        esac
    done <"$root/proc/net/ipv6_route"
    return 1
} 2>/dev/null

wait_for_network() {
    turns=0
    until has_route; do
        if [ "$turns" -ge 60 ]; then
            say "network: expected a default route, but found none in 60 s"
            return 1
        fi
        turns=$((turns + 1))
        sleep 1
    done
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
early) groups='setup handlers boothook' ;;
final) groups='vendor per-once per-boot per-instance user' ;;
network) groups= ;;
*)
    say "expected early, network or final, but found '$stage'" >&2
    exit 2
    ;;
esac
case $(cat "$here/stages" 2>/dev/null) in
nobody | cloud-init)
    say "$stage: nothing to do, by the handover"
    exit 0
    ;;
esac
if [ "$stage" = network ]; then
    wait_for_network
    exit
fi
if [ ! -r "$here/plan/manifest" ]; then
    say "$stage: nothing to do"
    exit 0
fi
{ IFS= read -r id && IFS= read -r directory; } <"$here/plan/instance-id"
choose_state
record
for name in $groups; do
    case $name in
    setup) run_setup ;;
    handlers) run_handlers ;;
    *) run_group "$name" ;;
    esac
done
if [ "$failures" -eq 0 ]; then
    say "$stage: $total done"
else
    say "$stage: $failures of $total failed:$failed"
fi
(umask 077 && printf '%s of %s failed%s\n' "$failures" "$total" "${failed:+:$failed}" >"$here/ran-$stage") 2>/dev/null
drain
[ "$failures" -eq 0 ]
