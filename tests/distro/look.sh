#!/bin/sh
# In the guest, where no systemd runs: what tests/distro/look says of one with it. Its init starts this beside the logins.
say() { printf '\n@look %s\n' "$*" > /dev/console; }
each() { while IFS= read -r line; do say "$1 $line"; done; }

# The last stage ends some time after the login; where nothing was found there is none.
turns=0
while [ ! -e /run/login ] || { [ -e /run/cloudseed/plan/manifest ] && [ ! -e /run/cloudseed/ran-final ]; }; do
    turns=$((turns + 1))
    [ $turns -le 240 ] || break
    sleep 1
done
[ $turns -le 240 ] || say 'waited in vain'
# sshd may start after both.
turns=0
until [ -e /run/sshd.pid ] || [ -e /run/dropbear.pid ] || [ $turns = 30 ]; do
    turns=$((turns + 1))
    sleep 1
done

say "status $(cat /run/cloudseed/status)"
say "handover $(cat /run/cloudseed/handed)"
say "host $(cat /proc/sys/kernel/hostname)"
for user in ada root; do
    # shellcheck disable=SC2016  # The other end expands it.
    if command -v dbclient > /dev/null; then
        dropbearconvert openssh dropbear /root/key /root/dropbear-key > /dev/null 2>&1
        dbclient -i /root/dropbear-key -y -y "$user@127.0.0.1" 'echo "login $(id -un)"' 2>&1 < /dev/null
    else
        ssh -i /root/key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
            -o ConnectTimeout=10 "$user@127.0.0.1" 'echo "login $(id -un)"' 2>&1
    fi | tail -n 1 | each ssh
done
say "done $(sort /var/tmp/done | uniq -c | tr -s ' \n' ' ')"
ip -o addr show | awk '{ print $2, $4 }' | each address
ip route | each route
ip -6 route | grep default | each route6
mount | grep ' on / ' | each root
say "early $(cat /run/cloudseed/ran-early)"
say "final $(cat /run/cloudseed/ran-final)"
say "login-seconds $(cat /run/login)"
find /run/cloudseed/ran-final -newer /run/login | while read -r _; do say 'login before scripts'; done
dmesg | grep cloudseed | each kernel
say end
sync
mount -o remount,ro / 2> /dev/null
# Everything is on the disk, and that is clean.
echo u > /proc/sysrq-trigger
sleep 1
echo o > /proc/sysrq-trigger
sleep 60
