//! The worker's system calls, held against what strace(1) sees: whatever a boot asks for is on the sandbox's list.
//!
//! A boot of each kind: over packet sockets, over the kernel's sockets, from a volume, a folder, a port, with templates and
//! includes. Needs root and strace. A static program of another C library has other calls:
//!
//! ```text
//! PROGRAM=$PWD/target/cloudseed cargo test --test it calls
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::cables::script;
use crate::program::MACHINE;

/// Machines that are booted below a root: files, volumes of each kind, a serial line, sockets, a hypervisor's variables.
const ROOTS: &str = "nocloud-seed nocloud-iso nocloud-vfat nocloud-ext4 nocloud-include-once configdrive-iso smartos \
    lxd-vm vmware-guestinfo opennebula none policy-report";

/// `traced WORD …` runs the program under strace; what it sees lies in `$DIR/calls/NUMBER`.
const TRACED: &str = r#"
    exec 2>&1
    mkdir -p $DIR/calls
    number=0
    traced() {
        number=$((number + 1))
        strace -f -qq -o $DIR/calls/$number "$PROGRAM" "$@" > /dev/null 2>&1 || true
    }
"#;

/// The names behind `SYS_` in a part of the sandbox's source.
fn named(source: &str, from: &str, to: &str) -> BTreeSet<String> {
    let start = source.find(from).unwrap();
    let end = source[start..].find(to).unwrap();
    let pieces = source[start..start + end].split("libc::SYS_").skip(1);
    let word = |piece: &str| {
        let end = piece.find(|letter: char| letter != '_' && !letter.is_ascii_alphanumeric());
        String::from(&piece[..end.unwrap_or(piece.len())])
    };
    pieces.map(word).collect()
}

/// The calls of a record of strace that a process in the sandbox made, and how many there were.
///
/// A line is `PID CALL(…) = RESULT`; where another process came between, two are: `PID CALL(… <unfinished ...>`, which names
/// the call, and `PID <... CALL resumed>…) = RESULT`, which tells only what became of it.
fn sandboxed(record: &str, calls: &mut BTreeMap<String, usize>) {
    let mut inside: BTreeSet<&str> = BTreeSet::new();
    for line in record.lines() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        let (is_resumed, rest) = match rest.strip_prefix("<... ") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let end = rest.find(['(', ' ']).unwrap_or(rest.len());
        let name = &rest[..end];
        if name == "prctl" && rest.contains("PR_SET_SECCOMP") {
            inside.insert(pid);
            continue;
        }
        if !inside.contains(pid) || !name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
            continue;
        }
        if !is_resumed {
            *calls.entry(String::from(name)).or_default() += 1;
        }
        if matches!(name, "clone" | "clone3" | "fork" | "vfork") {
            let child = rest.rsplit_once(" = ").map(|(_, child)| child.trim());
            inside.extend(child.filter(|child| !child.starts_with('-')));
        }
    }
}

#[test]
fn a_call_that_another_process_interrupts_counts_once() {
    let record = "1 openat(AT_FDCWD, \"x\") = 3\n\
        1 prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, {len=9} <unfinished ...>\n\
        2 read(0, \"\", 1) = 0\n\
        1 <... prctl resumed>)              = 0\n\
        1 clone(child_stack=NULL <unfinished ...>\n\
        2 write(1, \"\", 0) = 0\n\
        1 <... clone resumed>, child_tidptr=0x7) = 3\n\
        3 socket(AF_UNIX, SOCK_STREAM, 0) = 4\n\
        1 +++ exited with 0 +++\n";
    let mut calls = BTreeMap::new();
    sandboxed(record, &mut calls);
    let expected = ["clone", "socket"].map(|call| (String::from(call), 1));
    assert_eq!(calls, BTreeMap::from(expected));
}

#[test]
fn whatever_a_boot_asks_for_is_on_the_list() {
    let said = script(
        "calls",
        &[
            TRACED,
            &format!("roots='{ROOTS}'\n"),
            r#"
        for root in $roots; do
            "$LAY" $root $DIR/$root > /dev/null
            [ ! -d $DIR/$root/ports ] || { $CLOUD --ports $DIR/$root/ports $DIR/$root/machine & sleep 0.3; }
            SYSTEMD_VIRTUALIZATION=none traced boot --root $DIR/$root/machine
        done
        seed=$DIR/template/var/lib/cloud/seed/nocloud
        mkdir -p $seed $DIR/template/run
        echo 'instance-id: i-1' > $seed/meta-data
        printf '## template: jinja\n#!/bin/sh\n{{ v1.instance_id }}' > $seed/user-data
        SYSTEMD_VIRTUALIZATION=none traced boot --root $DIR/template
        for file in $DIR/calls/*; do cat $file; echo "0 next"; done
    "#,
        ],
    ) + &script(
        "calls-net",
        &[
            MACHINE,
            TRACED,
            r#"
        cloud
        card c0
        disguise
        traced boot --platform Ec2
        ip address add 10.0.2.77/24 dev c0
        ip link set c0 up
        ip route add 169.254.169.254 dev c0
        traced boot --platform Ec2
        for file in $DIR/calls/*; do cat $file; echo "0 next"; done
    "#,
        ],
    );
    let mut calls = BTreeMap::new();
    said.split("0 next\n")
        .for_each(|record| sandboxed(record, &mut calls));
    let source = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sys/sandbox/seccomp.rs"),
    );
    let source = source.unwrap();
    let mut known = named(
        &source,
        "/// What boots ask for with any",
        "/// ioctl(2) of",
    );
    known.extend(named(&source, "fn calls(", "/// All numbers"));
    let never = named(
        &source,
        "/// What no boot asks for",
        "/// Flags of an opening",
    );
    known.retain(|call| !never.contains(call));
    // Kinds of boots that were not traced would prove nothing.
    for call in ["recvmsg", "connect", "pread64", "wait4"] {
        assert!(calls.contains_key(call), "{call} is not in {calls:?}");
    }
    let unknown: Vec<&String> = calls.keys().filter(|call| !known.contains(*call)).collect();
    assert!(unknown.is_empty(), "{unknown:?} of {calls:?}");
}
