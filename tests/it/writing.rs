//! What is below /run when it is full, when two write at once, and when the writer is killed: with the program itself.

use crate::cables::script;

/// A root whose seed has forty scripts: `$DIR/root`; `root NAME` makes another, `boot NAME` boots it.
const SEED: &str = r#"
    exec 2>&1
    root() {
        seed=$DIR/$1/var/lib/cloud/seed/nocloud
        mkdir -p $seed $DIR/$1/run
        echo 'instance-id: i-1' > $seed/meta-data
        {
            echo 'MIME-Version: 1.0'
            echo 'Content-Type: multipart/mixed; boundary="b"'
            echo
            for number in $(seq 40); do
                printf -- '--b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\necho %s\n' $number
            done
            echo '--b--'
        } > $seed/user-data
    }
    boot() { env SYSTEMD_VIRTUALIZATION=none "$PROGRAM" boot --root $DIR/$1; }
"#;

#[test]
fn a_full_run_says_that_it_failed() {
    for (bounds, files) in [
        ("size=8k", "status"),
        ("size=20k", "log result.json status"),
        ("size=40k", "log result.json run status"),
        ("nr_inodes=12", "log result.json run status"),
        ("nr_inodes=5", "status"),
    ] {
        let said = script(
            "full",
            &[
                SEED,
                &format!("bounds={bounds}\n"),
                r#"
            root root
            mount -t tmpfs -o $bounds none $DIR/root/run
            boot root
            cat $DIR/root/run/cloudseed/status
            echo $(ls $DIR/root/run/cloudseed)
            echo $(ls $DIR/root/run)
        "#,
            ],
        );
        let lines: Vec<&str> = said.lines().collect();
        assert!(
            lines[0].starts_with("cloudseed: failed: write: /run/cloudseed"),
            "{bounds}: {said}"
        );
        assert!(lines[0].contains("No space left"), "{said}");
        assert_eq!(lines[1], "failed", "{bounds}: {said}");
        let found = lines[2].strip_prefix("elsewhere ");
        assert_eq!(found, Some(files), "{bounds}: {said}");
        assert_eq!(lines[3], "cloudseed", "{bounds}: {said}");
    }
}

#[test]
fn two_at_once_leave_one_whole_result() {
    let said = script(
        "at-once",
        &[
            SEED,
            r#"
        root root
        boot root > /dev/null 2>&1
        (cd $DIR/root/run/cloudseed && find . | sort) > $DIR/whole
        for turn in $(seq 10); do
            boot root > $DIR/one 2>&1 &
            one=$!
            "$PROGRAM" identify --force --root $DIR/root > /dev/null 2>&1 &
            two=$!
            boot root > $DIR/three 2>&1
            wait $one
            wait $two || true
            for said in $DIR/one $DIR/three; do grep -q 'found: .* 40 parts' $said || cat $said; done
            (cd $DIR/root/run/cloudseed && find . | sort) | cmp - $DIR/whole
            ls $DIR/root/run
        done
    "#,
        ],
    );
    assert_eq!(said, "cloud-init\ncloudseed\n".repeat(10));
}

#[test]
fn a_kill_without_an_exchange_leaves_old_or_new() {
    let said = script(
        "no-exchange",
        &[
            SEED,
            r#"
        root root
        boot root > /dev/null 2>&1
        # The kernel knows no exchange, and the program is killed while it waits for who does without.
        for kill in wait4:signal=KILL:when=1; do
            strace -qq -o /dev/null -e inject=renameat2:error=EINVAL -e inject=$kill \
                "$PROGRAM" boot --root $DIR/root > /dev/null 2>&1 || echo killed
            tries=0
            until [ -e $DIR/root/run/cloudseed/status ] || [ $tries -ge 50 ]; do sleep 0.1; tries=$((tries + 1)); done
            ls $DIR/root/run/cloudseed/parts | wc -l
        done
        boot root > /dev/null 2>&1
        ls $DIR/root/run
    "#,
        ],
    );
    assert_eq!(said, "killed\n40\ncloudseed\n");
}
