# sh plan/setup.sh [ROOT]: makes the accounts of plan/accounts on the real root, and gives it its name.
#
# The accounts are lines of /etc/passwd and its like: every root has these files, few have the same programs for them. What
# is there already stays, but for passwords: an account keeps its fields, a file of keys its lines. Needs a POSIX shell, chown,
# chmod, cp, mkdir, mv, and for passwords in clear chpasswd. Exit status: 0, or 1 if something could not be made.

# shellcheck disable=SC2317  # `rewrite` calls functions by their names.
set -u
root=${1-}
here=${0%/*}
tab=$(printf '\t')
etc=$root/etc
status=0
# What stands before the hash of a locked account. Without PAM, sshd takes a `!` for the end of its keys as well.
locked='!'
[ -d "$etc/pam.d" ] || locked='*'

# Where hashes are: a root without the one file has them in the other, and no dates (passwd(5)).
shadow=$etc/shadow
[ -e "$shadow" ] || shadow=$etc/passwd

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

# Puts a new file in the place of file $1, so that nobody finds half of it: each $line as $3 leaves it, which is called with the
# other words, or gone if that fails, and $2 behind them, if it is not empty.
rewrite() {
    old=$1 more=$2 change=$3
    shift 3
    cp -p "$old" "$old.cloudseed" || return 1
    {
        while IFS= read -r line || [ -n "$line" ]; do
            ! "$change" "$@" || printf '%s\n' "$line"
        done <"$old" && { [ -z "$more" ] || printf '%s\n' "$more"; }
    } >"$old.cloudseed" && mv "$old.cloudseed" "$old"
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

# The greatest number below 1000 that nobody has, as $free.
find_free_of_system() {
    free=999
    while is_taken "$etc/passwd" "$free" || is_taken "$etc/group" "$free"; do
        free=$((free - 1))
        [ "$free" -gt 100 ] || return 1
    done
}

# The number of group $1, a name or a number, as $gid.
find_group() {
    case $1 in
    *[!0-9]*)
        look_up "$etc/group" "$1" || return 1
        line=${line#*:}
        line=${line#*:}
        gid=${line%%:*}
        ;;
    *)
        is_taken "$etc/group" "$1" || return 1
        gid=$1
        ;;
    esac
}

# Makes the group $1 with the number $2.
add_group() {
    add_line "$etc/group" "$1:x:$2:" || return 1
    [ ! -e "$etc/gshadow" ] || add_line "$etc/gshadow" "$1:!::"
}

# Makes the group $1, if there is none, with a number of the system's: those from 1000 are for people.
make_group() {
    ! look_up "$etc/group" "$1" || return 0
    find_free_of_system && add_group "$1" "$free"
}

# The first shell of these that there is, as $shell.
find_shell() {
    for shell in /bin/bash /usr/bin/bash /bin/sh; do
        [ ! -x "$root$shell" ] || return 0
    done
}

# The first group of the account of the line that was read, as $gid; one of its own, if nobody says.
find_first_group() {
    if [ "$group" != - ]; then
        ! find_group "$group" || return 0
        fail "expected the group $group for the account $name, but found none"
    fi
    case $flags in *shared*) ! find_group 100 || return 0 ;; esac
    ! find_group "$name" || return 0
    gid=$uid
    ! is_taken "$etc/group" "$gid" || gid=$free
    add_group "$name" "$gid"
}

# Makes the account of the line that was read.
make_account() {
    [ "$shell" != - ] || find_shell
    [ "$gecos" != - ] || gecos=
    case $password in
    -) password= ;;
    '!'*) password=$locked${password#!} ;;
    esac
    [ "$inactive" != - ] || inactive=
    [ "$expires" != - ] || expires=
    case $flags in
    *system*) find_free_of_system ;;
    *) find_free ;;
    esac
    [ "$uid" != - ] || uid=$free
    if is_taken "$etc/passwd" "$uid"; then
        fail "expected uid $uid for the account $name, but found that it is another's"
        return 0
    fi
    find_first_group || return 1
    if [ "$shadow" = "$etc/shadow" ]; then
        add_line "$shadow" "$name:$password:20000:0:99999:7:$inactive:$expires:" || return 1
        password=x
    fi
    add_line "$etc/passwd" "$name:$password:$uid:$gid:$gecos:$home:$shell" || return 1
    case $flags in
    *homeless*) ;;
    *) make_home ;;
    esac
}

# The home that an account may not have had until now: it is its own, whoever needs it first.
make_home() {
    [ ! -e "$root$home" ] || return 0
    mkdir -p "$root$home" && chmod 0700 "$root$home" || return 1
    if [ -d "$etc/skel" ]; then cp -R "$etc/skel/." "$root$home/"; fi
    chown -R "$uid:$gid" "$root$home"
}

# Puts account $2 into group $1, and into its shadow, where there is one.
join_group() {
    look_up "$etc/passwd" "$2" && look_up "$etc/group" "$1" && join_line "$etc/group" "$1" "$2" || return 1
    ! look_up "$etc/gshadow" "$1" || join_line "$etc/gshadow" "$1" "$2"
}

# Adds account $3 to the line of group $2 that was found in file $1.
join_line() {
    case ",${line##*:}," in *,"$3",*) return 0 ;; esac
    rewrite "$1" '' with_member "$2" "$3"
}

# The line with account $2 in it, if it is that of group $1.
with_member() {
    case $line in
    "$1":*:) line=$line$2 ;;
    "$1":*) line=$line,$2 ;;
    esac
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

# Puts $2 into field 2 of the line of the file of hashes that begins with `$1:`, and $3, a date, into field 3; a `-` leaves what
# is there.
set_shadow() {
    look_up "$shadow" "$1" || return 1
    [ "$shadow" = "$etc/shadow" ] || set -- "$1" "$2" -
    rewrite "$shadow" '' with_hash "$@"
}

# The line with these fields, if it is that of account $1.
with_hash() {
    case $line in
    "$1":*:*:*)
        rest=${line#*:}
        hash=$2
        [ "$hash" != - ] || hash=${rest%%:*}
        rest=${rest#*:}
        day=$3
        [ "$day" != - ] || day=${rest%%:*}
        line=$1:$hash:$day:${rest#*:}
        ;;
    esac
}

# Locks account $1 to passwords, or with `no` opens it, if it has one.
lock_account() {
    look_up "$shadow" "$1" || return 0
    hash=${line#*:}
    hash=${hash%%:*}
    case $2:$hash in
    # An x without a shadow is no hash.
    yes:['!*']* | yes:x) ;;
    yes:*) set_shadow "$1" "$locked$hash" - ;;
    no:['!*']?*) set_shadow "$1" "${hash#?}" - ;;
    esac
}

# Gives account $1 the password $4, which is a `hash`, empty as `-`, or `text`; with `expire` its owner has to choose another one.
set_password() {
    last=-
    [ "$3" = keep ] || last=0
    case $2:$4 in
    hash:-) set_shadow "$1" '' "$last" ;;
    hash:'!'*) set_shadow "$1" "$locked${4#!}" "$last" ;;
    hash:*) set_shadow "$1" "$4" "$last" ;;
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
        [ "$last" = - ] || set_shadow "$name" - "$last"
        ;;
    esac
}

# Whether sshd takes passwords. Its folder is there where it reads more than one file; the first word counts.
set_sshd() {
    if [ -e "$etc/ssh/sshd_config" ] && ! includes_folder "$etc/ssh/sshd_config"; then
        begin_with "$etc/ssh/sshd_config" PasswordAuthentication "$1"
    elif [ -d "$etc/ssh/sshd_config.d" ]; then
        printf 'PasswordAuthentication %s\n' "$1" >"$etc/ssh/sshd_config.d/10-cloudseed.conf"
    else
        printf 'cloudseed: setup: sshd is not told whether to take passwords (%s): there is no %s here\n' "$1" "$etc/ssh/sshd_config"
    fi
}

# Whether file $1 takes in the folder beside it.
includes_folder() {
    while read -r line || [ -n "$line" ]; do
        case $line in [Ii]nclude*"${1##*/}.d/"*) return 0 ;; esac
    done <"$1"
    return 1
}

# Puts the words $2 and $3 in front of file $1, of which the first word counts, in the place of such a line that is there.
begin_with() {
    cp -p "$1" "$1.cloudseed" || return 1
    {
        printf '%s %s\n' "$2" "$3"
        IFS= read -r line || [ -n "$line" ] || line="$2 none"
        case $line in "$2 "*) ;; *) printf '%s\n' "$line" ;; esac
        cat
    } <"$1" >"$1.cloudseed" && mv "$1.cloudseed" "$1"
}

# Adds the rule $2 to file $1, once.
add_rule() {
    (umask 0227 && : >>"$1") 2>/dev/null
    while IFS= read -r line; do
        [ "$line" != "$2" ] || return 0
    done <"$1"
    printf '%s\n' "$2" >>"$1"
}

# One rule for sudo, of account $1. Its folder is there only where sudo is.
allow_sudo() {
    if [ -d "$etc/sudoers.d" ]; then
        add_rule "$etc/sudoers.d/90-cloudseed-users" "$1 $2"
    else
        printf 'cloudseed: setup: %s may not use sudo: there is no %s here\n' "$1" "$etc/sudoers.d"
    fi
}

# One rule for doas, which names the account $1.
allow_doas() {
    if [ -e "$etc/doas.conf" ] || [ -x "$root/usr/bin/doas" ] || [ -x "$root/usr/local/bin/doas" ]; then
        add_rule "$etc/doas.conf" "$2"
    else
        printf 'cloudseed: setup: %s may not use doas: there is no doas here\n' "$1"
    fi
}

# The name counts from now on, and after the next start.
name_host() {
    [ -n "$root" ] || printf '%s' "$1" >/proc/sys/kernel/hostname
    if [ -r "$etc/hostname" ] && IFS= read -r line <"$etc/hostname" && [ "$line" = "$1" ]; then return 0; fi
    printf '%s\n' "$1" >"$etc/hostname"
}

# The machine's own address that is no other's: the whole name $1, and its label $2 (hosts(5), and Debian's usage).
know_host() {
    entry="127.0.1.1 $1"
    [ "$1" = "$2" ] || entry="$entry $2"
    [ -e "$etc/hosts" ] || printf '%s\n' '127.0.0.1 localhost' '::1 localhost' >"$etc/hosts" || return 1
    rewrite "$etc/hosts" "$entry" is_of_others
}

is_of_others() {
    case $line in 127.0.1.1[[:space:]]*) return 1 ;; esac
}

# A root without accounts is nobody's to change.
[ -e "$etc/passwd" ] || exit 0
while IFS=$tab read -r what name rest; do
    case $what in
    host) name_host "$name" || fail "expected to name the machine $name, but could not write its name" ;;
    hosts) know_host "$name" "$rest" || fail "expected to name the machine in $etc/hosts, but could not write it" ;;
    note) printf 'cloudseed: setup: %s\n' "$name" ;;
    group) make_group "$name" || fail "expected to make the group $name, but could not write $etc" ;;
    user)
        IFS=$tab read -r uid gecos home shell password group flags inactive expires <<END
$rest
END
        if look_up "$etc/passwd" "$name"; then
            case $password in
            - | '!') ;;
            *) printf 'cloudseed: setup: %s is there already, and keeps its password: passwd is for new ones\n' "$name" ;;
            esac
        else
            make_account || fail "expected to make the account $name, but could not write $etc"
        fi
        ;;
    lock) lock_account "$name" "$rest" || fail "expected to lock the account $name or to open it, but could not" ;;
    join) join_group "$rest" "$name" || fail "expected to put $name into group $rest, but could not" ;;
    key) add_key "$name" "$rest" || fail "expected to add a key for $name, but could not write it" ;;
    pass)
        IFS=$tab read -r kind lasts password <<END
$rest
END
        set_password "$name" "$kind" "$lasts" "$password" || fail "expected to set the password of $name, but could not"
        ;;
    sshd) set_sshd "$name" || fail "expected to tell sshd whether it takes passwords, but could not write it" ;;
    sudo) allow_sudo "$name" "$rest" || fail "expected to add a rule for $name, but could not write it" ;;
    doas) allow_doas "$name" "$rest" || fail "expected to add a rule for $name, but could not write it" ;;
    esac
done <"$here/accounts"
if command -v restorecon >/dev/null 2>&1 && [ -z "$root" ]; then
    restorecon -RF /etc/passwd /etc/group /etc/shadow /root/.ssh /home 2>/dev/null
fi
exit "$status"
