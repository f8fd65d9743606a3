//! The program as two processes: whatever the one that reads dies of, the other tells, writes what there is, and leaves the
//! interfaces as they were.

use crate::cables::script;
use crate::program::MACHINE;

/// `begin WORD …` boots in the background until the cloud has seen a request of the form `$1`; then `$parent` and `$worker`
/// are its processes. `told` says how it ended.
const BEGIN: &str = r#"
    begin() {
        disguise
        "$PROGRAM" boot --platform Ec2 2> $DIR/errors &
        parent=$!
        tries=0
        until grep -q "$1" $DIR/cloud || [ $tries -ge 100 ]; do sleep 0.1; tries=$((tries + 1)); done
        worker=$(pgrep -P $parent)
        ip -o link show c0 | grep -o '[<,]UP[,>]'
    }
    told() {
        wait $parent && echo ended well
        dump > $DIR/after
        diff $DIR/before $DIR/after && echo unchanged
        cat /run/cloudseed/status
        ls /run | grep cloudseed
        tail -n 1 /run/cloudseed/log | sed 's/^\[ *[0-9.]*\] //'
    }
    card c0
"#;

#[test]
fn whatever_a_worker_dies_of_is_told() {
    for (kill, found) in [
        ("kill -KILL $worker", "its end by signal: 9 (SIGKILL)"),
        ("kill -ABRT $worker", "its end by signal: 6 (SIGABRT)"),
        // A request to end is the supervisor's to hear, whoever else hears it.
        ("kill -TERM $worker $parent", "a request to end (signal 15)"),
        ("kill -TERM $parent", "a request to end (signal 15)"),
    ] {
        let said = script(
            "worker",
            &[
                MACHINE,
                BEGIN,
                "cloud 'mute /latest/api/token'\ndump > $DIR/before\nbegin 'PUT .*token'\n",
                kill,
                "\ntold\n",
            ],
        );
        let expected = format!(
            ",UP,\nended well\nunchanged\nfailed\ncloudseed\nfailed: boot: worker: expected a result, but found {found}\n"
        );
        assert_eq!(said, expected, "{kill}");
    }
}

#[test]
fn what_was_fetched_is_not_lost() {
    let said = script(
        "fetched",
        &[
            MACHINE,
            BEGIN,
            r#"
        mkdir -p $DIR/answers
        cp -r tests/roots/ec2/cloud/. $DIR/answers
        printf '#include\nhttp://169.254.169.254/never\n' > $DIR/answers/GET/latest/user-data
        $CLOUD $DIR/answers --interface s0 'mute /never' 2> $DIR/cloud & sleep 0.5
        dump > $DIR/before
        begin 'GET .*/never'
        kill -KILL $worker
        told
        gunzip < /run/cloudseed/user-data
        grep STATUS /run/cloudseed/metadata.env
        grep -c i- /run/cloudseed/instance-data.json
    "#,
        ],
    );
    let expected = ",UP,\nended well\nunchanged\ndegraded\ncloudseed\nboot: worker: expected a result, but found \
        its end by signal: 9 (SIGKILL)\n#include\nhttp://169.254.169.254/never\nCLOUDSEED_STATUS=\"degraded\"\n";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn a_worker_goes_with_its_supervisor() {
    let said = script(
        "supervisor",
        &[
            MACHINE,
            BEGIN,
            r#"
        cloud 'mute /latest/api/token'
        dump > $DIR/before
        begin 'PUT .*token'
        kill -KILL $parent
        { wait $parent; } 2> /dev/null || true
        tries=0
        dump > $DIR/after
        until cmp -s $DIR/before $DIR/after || [ $tries -ge 50 ]; do sleep 0.1; tries=$((tries + 1)); dump > $DIR/after; done
        diff $DIR/before $DIR/after && echo unchanged
        case $(cut -d ' ' -f 3 /proc/$worker/stat 2> /dev/null) in '' | Z) echo gone ;; esac
    "#,
        ],
    );
    assert_eq!(said, ",UP,\nunchanged\ngone\n");
}

#[test]
fn a_worker_without_memory_leaves_the_documents() {
    let said = script(
        "memory",
        &[r#"
        exec 2>&1
        seed=$DIR/root/var/lib/cloud/seed/nocloud
        mkdir -p $seed $DIR/root/run
        echo 'instance-id: i-1' > $seed/meta-data
        {
            printf 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n'
            for number in 1 2; do
                printf -- '--b\nContent-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n'
                { echo '#!/bin/sh'; head -c 31000000 /dev/zero; } | gzip -9 | base64
            done
            echo '--b--'
        } | gzip -9 > $seed/user-data
        ulimit -d 48000
        SYSTEMD_VIRTUALIZATION=none "$PROGRAM" boot --root $DIR/root 2>&1 | grep -a '^cloudseed:'
        cat $DIR/root/run/cloudseed/status
        cmp $seed/user-data $DIR/root/run/cloudseed/user-data && echo whole
        ls $DIR/root/run
    "#],
    );
    let (line, rest) = said.split_once('\n').unwrap();
    assert!(
        line.starts_with("cloudseed: degraded: NoCloud i-1 "),
        "{said}"
    );
    assert!(line.contains("its end by signal: 6 (SIGABRT)"), "{said}");
    assert_eq!(rest, "degraded\nwhole\ncloudseed\n");
}

/// A debug build does what `CLOUDSEED_EXPLOIT` names, as somebody would who has taken the worker over.
#[test]
#[cfg(debug_assertions)]
fn who_takes_the_worker_over_gets_no_further() {
    for exploit in [
        "make $DIR/made",
        "remove $DIR/there",
        "link $DIR/made",
        "socket",
        "kill",
        "signal",
        "code",
        "trace",
        "namespace",
    ] {
        let said = exploited(exploit);
        let line = "cloudseed: failed: boot: worker: expected a result, but found its end by signal: 31 (SIGSYS)";
        assert_eq!(said, format!("{line}\nfailed\nthere\n"), "{exploit}");
    }
    // What is opened before it is looked at: landlock refuses it, or else the limit.
    let said = exploited("write $DIR/there");
    assert!(said.contains("exploit: write: Err("), "{said}");
    assert!(said.ends_with("found\nthere\n"), "{said}");
    // A device that is no line is nobody's to write, least of all a disk; where the kernel has no landlock, nothing is kept.
    let said = exploited("write /dev/null");
    let held = said.contains("landlock");
    assert!(!held || said.contains("exploit: write: Err("), "{said}");
    // What is on no list is refused, and the boot goes on.
    let said = exploited("queue");
    let refused = "exploit: queue: Err(Os { code: 1, kind: PermissionDenied";
    assert!(
        said.contains(refused) && said.contains("\nfound\n"),
        "{said}"
    );
    // Who is forked is in the sandbox, too.
    let said = exploited("execute /bin/true");
    assert!(
        said.contains("exploit: execute: Ok(") || said.contains("exploit: execute: Err("),
        "{said}"
    );
}

/// What a boot says in whose worker this is tried, and what comes of it.
#[cfg(debug_assertions)]
fn exploited(exploit: &str) -> String {
    script(
        "exploit",
        &[
            &format!("exploit=\"{exploit}\"\n"),
            r#"
        exec 2>&1
        seed=$DIR/root/var/lib/cloud/seed/nocloud
        mkdir -p $seed $DIR/root/run
        echo 'instance-id: i-1' > $seed/meta-data
        echo '#!/bin/sh' > $seed/user-data
        echo there > $DIR/there
        SYSTEMD_VIRTUALIZATION=none CLOUDSEED_EXPLOIT="$exploit" "$PROGRAM" boot --root $DIR/root
        grep '"sandbox"' $DIR/root/run/cloudseed/result.json || true
        cat $DIR/root/run/cloudseed/status
        cat $DIR/there
        [ -e $DIR/made ] && echo made || true
    "#,
        ],
    )
}

#[test]
fn the_sandbox_is_told() {
    let said = script(
        "sandbox",
        &[
            MACHINE,
            r#"
        cloud
        card c0
        boot > /dev/null 2>&1
        cat /run/cloudseed/status
        grep '"sandbox"' /run/cloudseed/result.json
        boot --trace > /dev/null 2>&1
        grep '"sandbox"' /run/cloudseed/result.json
    "#,
        ],
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "found", "{said}");
    assert!(lines[1].contains("seccomp"), "{said}");
    assert!(!lines[2].contains("seccomp"), "{said}");
}
