# The boot as a time line, from the lines of a console that begin with @. Marks of the guest are in seconds since its kernel
# started, the lines of the agent's log, `[    0.012345] words`, in seconds since the agent started.

$1 == "@firmware" { firmware = $2 }
$1 == "@mark" { at[++marks] = $2; $1 = $2 = ""; name[marks] = substr($0, 3) }
$1 == "@agent" { peak = $3 / 4 } # Busybox takes the kernel's kilobytes for pages of four, and so multiplies.
$1 == "@log" { sub(/^@log \[ */, ""); log_at[++logs] = $1; sub(/^[^ ]* /, ""); log_line[logs] = $0 }

function bar(took,    n, text) {
    for (n = int(took * 10 + 0.5); n > 0 && length(text) < 30; n--) text = text "#"
    return text
}

function row(end, what) {
    printf "  %7.3f  %+8.3f  %-76s %s\n", end, end - before, substr(what, 1, 110), bar(end - before)
    before = end
}

# The rows of the agent's log. Of requests that follow each other the first is shown, whose answer is the cloud's first
# byte, and how many came after it.
function agent(started,    j, more) {
    for (j = 1; j <= logs; j++) {
        if (log_line[j] ~ /^(GET|PUT) / && log_line[j - 1] ~ /^(GET|PUT) /) {
            more++
            if (j < logs && log_line[j + 1] ~ /^(GET|PUT) /) continue
            row(started + log_at[j], "  " more " more request" (more > 1 ? "s" : "") ", the last: " log_line[j])
            more = 0
        } else {
            row(started + log_at[j], "  " log_line[j])
        }
    }
}

END {
    if (!marks) exit
    what["init"] = "kernel"
    what["modules"] = "drivers loaded"
    what["devices"] = "devices there"
    what["agent"] = "cloudseed starts (network looked at before)"
    what["agent done"] = "cloudseed done (its memory freed, files written)"
    what["switched"] = "real root mounted and switched to"
    printf "\n\033[1m== the boot, in seconds\033[0m\n   at the    after\n      end     what\n"
    row(firmware, "firmware")
    for (i = 1; i <= marks; i++) {
        if (name[i] == "agent done") {
            took = firmware + at[i] - before
            agent(before)
        }
        row(firmware + at[i], name[i] in what ? what[name[i]] : name[i])
    }
    if (took) printf "cloudseed boot took %.2f s, and %d KB of memory at its peak\n", took, peak
}
