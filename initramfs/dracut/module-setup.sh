#!/bin/bash
# A dracut module: puts the agent and the drivers it may need into the image.
# shellcheck disable=SC2154  # dracut sets moddir, initdir and systemdsystemunitdir

# In every image but that of a crash kernel, once the binary is installed.
check() {
    [[ -x /usr/bin/cloudseed ]] || return 1
    [[ -z ${KDUMP_COMMANDLINE:-}${IN_KDUMP:-} ]] || return 255
    return 0
}

# None: the agent has its own network stack and its own file-system readers.
depends() { return 0; }

installkernel() {
    # All of them, whatever this machine has: images travel. Without arguments instmods reads the names from its input.
    grep -v '^#' "$moddir/drivers" | hostonly='' instmods
}

install() {
    inst_simple /usr/bin/cloudseed
    # What the owner wants it to know: the policy, and whom to trust instead of the roots that it brings along.
    inst_multiple -o /etc/cloudseed/cloudseed.cfg /etc/cloudseed/ca-certificates.crt
    if dracut_module_included systemd; then
        inst_simple "$moddir/cloudseed.service" "$systemdsystemunitdir/cloudseed.service"
        $SYSTEMCTL -q --root "$initdir" add-wants initrd.target cloudseed.service
    else
        # After the queue that waits for devices, before the root is mounted.
        inst_hook pre-mount 10 "$moddir/cloudseed-hook.sh"
    fi
}
