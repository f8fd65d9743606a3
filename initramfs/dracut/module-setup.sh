#!/bin/bash
# A dracut module: puts the agent and the drivers it may need into the image.
# shellcheck disable=SC2154  # dracut sets moddir, initdir, hostonly and systemdsystemunitdir

# In every image but that of a crash kernel, once the binary is installed.
check() {
    [[ -x /usr/bin/cloudseed ]] || return 1
    [[ -z ${KDUMP_COMMANDLINE:-}${IN_KDUMP:-} ]] || return 255
    return 0
}

# None: the agent has its own network stack and its own file-system readers.
depends() { return 0; }

installkernel() {
    local mode
    mode=$("$moddir/drivers.sh" mode "${hostonly:+host}")
    if [[ $mode = host ]]; then
        # Those that this machine has.
        "$moddir/drivers.sh" list all | instmods
    else
        # All of them, whatever this machine has: images travel. Without arguments instmods reads names from its input.
        "$moddir/drivers.sh" list "$mode" | hostonly='' instmods
    fi
}

install() {
    local unit file root=${dracutsysrootdir:-}
    inst_simple /usr/bin/cloudseed
    # What the owner wants it to know: the policy, and whom to trust instead of the roots that it brings along.
    inst_multiple -o /etc/cloudseed/cloudseed.cfg /etc/cloudseed/minisign.pub /etc/cloudseed/ca-certificates.crt
    # Cards have the names here that they will have in the real root: a network configuration may say them.
    for file in "$root"/{usr/lib,etc}/systemd/network/*.link; do
        if [[ -e $file ]]; then inst_simple "${file#"$root"}"; fi
    done
    if dracut_module_included systemd; then
        for unit in cloudseed cloudseed-handover; do
            inst_simple "$moddir/$unit.service" "$systemdsystemunitdir/$unit.service"
            $SYSTEMCTL -q --root "$initdir" add-wants initrd.target "$unit.service"
        done
    else
        # Once udev runs: the agent hears of devices itself.
        inst_hook pre-trigger 90 "$moddir/cloudseed-hook.sh"
        inst_hook pre-pivot 10 "$moddir/cloudseed-handover.sh"
    fi
}
