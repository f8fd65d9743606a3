# The boot as a time line, from the lines with @ of a console: marks of the guest, in seconds since its kernel started, and
# the agent's log, in seconds since the agent started.

function bar(from, to,    n, text) {
    n = int((to - from) * 10 + 0.5)
    text = ""
    while (n-- > 0 && length(text) < 60) text = text "#"
    return text
}

function line(from, to, what) { printf "  %7.3f  %+7.3f  %-44s %s\n", from, to - from, what, bar(from, to) }

$1 == "@firmware" { firmware = $2 }
$1 == "@mark" { at = $2; $1 = $2 = ""; sub(/^ +/, ""); time[++marks] = at + firmware; name[marks] = $0 }
# Busybox takes the kernel's kilobytes for pages, and so multiplies them by four.
$1 == "@agent" { peak = $3 / 4 }
$1 == "@log" { sub(/^@log /, ""); log_line[++logs] = $0 }

END {
    if (!marks) exit
    does["init"] = "kernel"
    does["modules"] = "drivers loaded"
    does["devices"] = "devices there"
    does["agent"] = "(the test looks at the network)"
    does["agent done"] = "cloudseed boot"
    does["switched"] = "real root mounted, switched"
    printf "\n\033[1m== the boot, in seconds\033[0m\n"
    printf "  %7s  %7s\n", "from", "took"
    line(0, firmware, "firmware")
    before = firmware
    for (i = 1; i <= marks; i++) {
        line(before, time[i], name[i] in does ? does[name[i]] : name[i])
        if (name[i] == "agent done") {
            took = time[i] - before
            for (j = 1; j <= logs; j++) print "             | " log_line[j]
        }
        before = time[i]
    }
    printf "  %7.3f           the end\n", before
    printf "cloudseed boot took %.2f s, and %d KB of memory at its peak\n", took, peak
}
