# sh plan/setup.sh [ROOT]: makes the accounts of plan/accounts on the real root, and gives it its name.
#
# The accounts are lines of /etc/passwd and its like: every root has these files, few have the same programs for them. What
# is there already stays, but for passwords: an account keeps its fields, a file of keys its lines. Needs a POSIX shell, chown,
# chmod, cp, mkdir, mv, and for passwords in clear chpasswd. Exit status: 0, or 1 if something could not be made.

set -u
root=${1-}
here=${0%/*}
tab=$(printf '\t')
etc=$root/etc
status=0

fail() {
    printf 'cloudseed: setup: %s\n' "$*"
    status=1
}

# The line of file $1 that begins with `$2:`, as $line.
look_up() {
    [ -r "$1" ] || return 1
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in "$2":*) return 0 ;; esac
    done <"$1"
    return 1
}

# Adds the line $2 to file $1, below a last line that may not have ended.
add_line() {
    last=
    if [ -e "$1" ]; then
        while IFS= read -r last; do :; done <"$1"
    fi
    { [ -z "$last" ] || printf '\n'; printf '%s\n' "$2"; } >>"$1"
}

# The least number from 1000 above all that are taken, as $free.
find_free() {
    free=1000
    for file in "$etc/passwd" "$etc/group"; do
        [ -r "$file" ] || continue
        while IFS=: read -r _ _ number _; do
            case $number in '' | *[!0-9]* | ??????*) continue ;; esac
            if [ "$number" -ge "$free" ] && [ "$number" -lt 60000 ]; then free=$((number + 1)); fi
        done <"$file"
    done
}

# Whether number $2 is somebody's in file $1.
is_taken() {
    [ -r "$1" ] || return 1
    while IFS=: read -r _ _ number _; do
        [ "$number" != "$2" ] || return 0
    done <"$1"
    return 1
}

# The first shell of these that there is, as $shell.
find_shell() {
    for shell in /bin/bash /usr/bin/bash /bin/sh; do
        [ ! -x "$root$shell" ] || return 0
    done
}

# Makes the account of the line that was read.
make_account() {
    [ "$shell" != - ] || find_shell
    [ "$gecos" != - ] || gecos=
    find_free
    [ "$uid" != - ] || uid=$free
    if is_taken "$etc/passwd" "$uid"; then
        fail "expected uid $uid for the account $name, but found that it is another's"
        return 0
    fi
    if look_up "$etc/group" "$name"; then
        line=${line#*:}
        line=${line#*:}
        gid=${line%%:*}
    else
        gid=$uid
        ! is_taken "$etc/group" "$gid" || gid=$free
        add_line "$etc/group" "$name:x:$gid:" || return 1
        [ ! -e "$etc/gshadow" ] || add_line "$etc/gshadow" "$name:!::"
    fi
    if [ -e "$etc/shadow" ]; then add_line "$etc/shadow" "$name:$password:20000:0:99999:7:::" || return 1; fi
    add_line "$etc/passwd" "$name:x:$uid:$gid:$gecos:$home:$shell" || return 1
    make_home
}

# The home that an account may not have had until now: it is its own, whoever needs it first.
make_home() {
    [ ! -e "$root$home" ] || return 0
    mkdir -p "$root$home" && chmod 0700 "$root$home" || return 1
    if [ -d "$etc/skel" ]; then cp -R "$etc/skel/." "$root$home/"; fi
    chown -R "$uid:$gid" "$root$home"
}

# Puts account $2 into group $1: a new file in the place of the old one, so that nobody finds half of it.
join_group() {
    look_up "$etc/group" "$1" || return 0
    case ",${line##*:}," in *,"$2",*) return 0 ;; esac
    cp -p "$etc/group" "$etc/group.cloudseed" || return 1
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        "$1":*:) line=$line$2 ;;
        "$1":*) line=$line,$2 ;;
        esac
        printf '%s\n' "$line"
    done <"$etc/group" >"$etc/group.cloudseed" && mv "$etc/group.cloudseed" "$etc/group"
}

# Adds the key $2 to those of account $1. A link is not followed: it may be the user's own.
add_key() {
    look_up "$etc/passwd" "$1" || return 1
    IFS=: read -r _ _ uid gid _ home _ <<END
$line
END
    make_home || return 1
    ssh=$root$home/.ssh
    keys=$ssh/authorized_keys
    if [ -L "$ssh" ] || [ -L "$keys" ]; then return 1; fi
    if [ ! -d "$ssh" ]; then (umask 077 && mkdir -p "$ssh") && chown "$uid:$gid" "$ssh" || return 1; fi
    if [ -e "$keys" ]; then
        [ -f "$keys" ] || return 1
        while IFS= read -r line || [ -n "$line" ]; do
            [ "$line" != "$2" ] || return 0
        done <"$keys"
    fi
    (umask 077 && add_line "$keys" "$2") && chown "$uid:$gid" "$keys"
}

# Puts $2, if it is something, into field 2 of the line of /etc/shadow that begins with `$1:`, and $3 into field 3.
set_shadow() {
    look_up "$etc/shadow" "$1" || return 1
    cp -p "$etc/shadow" "$etc/shadow.cloudseed" || return 1
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        "$1":*:*:*)
            rest=${line#*:}
            hash=${2:-${rest%%:*}}
            rest=${rest#*:}
            line=$1:$hash:${3:-${rest%%:*}}:${rest#*:}
            ;;
        esac
        printf '%s\n' "$line"
    done <"$etc/shadow" >"$etc/shadow.cloudseed" && mv "$etc/shadow.cloudseed" "$etc/shadow"
}

# Gives account $1 the password $4, which is a `hash` or `text`; with `expire` its owner has to choose another one.
set_password() {
    last=
    [ "$3" = keep ] || last=0
    case $2 in
    hash) set_shadow "$1" "$4" "$last" ;;
    *)
        look_up "$etc/passwd" "$1" || return 1
        if ! command -v chpasswd >/dev/null 2>&1; then
            printf 'cloudseed: setup: the password of %s is not set: there is no chpasswd here\n' "$1"
            return 0
        fi
        if [ -n "$root" ]; then set -- "$@" -R "$root"; fi
        name=$1 text=$4
        shift 4
        printf '%s:%s\n' "$name" "$text" | chpasswd "$@" || return 1
        [ -z "$last" ] || set_shadow "$name" '' "$last"
        ;;
    esac
}

# Whether sshd takes passwords. Its folder is there where it reads more than one file; the first word counts.
set_sshd() {
    [ -d "$etc/ssh/sshd_config.d" ] || return 0
    printf 'PasswordAuthentication %s\n' "$1" >"$etc/ssh/sshd_config.d/10-cloudseed.conf"
}

# One rule for sudo. Its folder is there only where sudo is.
add_rule() {
    [ -d "$etc/sudoers.d" ] || return 0
    rules=$etc/sudoers.d/90-cloudseed-users
    (umask 0227 && : >>"$rules") 2>/dev/null
    while IFS= read -r line; do
        [ "$line" != "$1 $2" ] || return 0
    done <"$rules"
    printf '%s\n' "$1 $2" >>"$rules"
}

# The name counts from now on, and after the next start.
name_host() {
    [ -n "$root" ] || printf '%s' "$1" >/proc/sys/kernel/hostname
    if [ -r "$etc/hostname" ] && IFS= read -r line <"$etc/hostname" && [ "$line" = "$1" ]; then return 0; fi
    printf '%s\n' "$1" >"$etc/hostname"
}

# A root without accounts is nobody's to change.
[ -e "$etc/passwd" ] || exit 0
while IFS=$tab read -r what name rest; do
    case $what in
    host) name_host "$name" || fail "expected to name the machine $name, but could not write its name" ;;
    user)
        IFS=$tab read -r uid gecos home shell password groups <<END
$rest
END
        if ! look_up "$etc/passwd" "$name"; then
            make_account || fail "expected to make the account $name, but could not write $etc"
        fi
        [ "$groups" != - ] || groups=
        while [ -n "$groups" ]; do
            group=${groups%%,*}
            case $groups in *,*) groups=${groups#*,} ;; *) groups= ;; esac
            join_group "$group" "$name" || fail "expected to put $name into group $group, but could not write $etc"
        done
        ;;
    key) add_key "$name" "$rest" || fail "expected to add a key for $name, but could not write it" ;;
    pass)
        IFS=$tab read -r kind lasts password <<END
$rest
END
        set_password "$name" "$kind" "$lasts" "$password" || fail "expected to set the password of $name, but could not"
        ;;
    sshd) set_sshd "$name" || fail "expected to tell sshd whether it takes passwords, but could not write it" ;;
    sudo) add_rule "$name" "$rest" || fail "expected to add a rule for $name, but could not write it" ;;
    esac
done <"$here/accounts"
if command -v restorecon >/dev/null 2>&1 && [ -z "$root" ]; then
    restorecon -RF /etc/passwd /etc/group /etc/shadow /root/.ssh /home 2>/dev/null
fi
exit "$status"
