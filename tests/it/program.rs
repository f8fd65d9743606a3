//! The program itself in a network namespace: `--pcap` and `--trace`, a network that the kernel owns, a kill in the middle.
//!
//! A veth is no device and this machine none of EC2's, so /sys is one of ours. Needs root, iproute2 and tcpdump.

use std::process::{Command, Output};

use crate::cables::script;

/// A new machine: `nic NAME …` shows interfaces to it, `card NAME …` those that are devices, `boot WORD …` boots it. Its /run is its
/// own, and its line for the kernel's log gets lost.
pub const MACHINE: &str = r#"
    exec 2>&1
    # These tests may run in a container, whose firmware is its host's.
    export SYSTEMD_VIRTUALIZATION=kvm
    mount -t tmpfs none /run
    mount --bind /dev/null /dev/kmsg
    "$LAY" ec2 $DIR/root > /dev/null
    machine=$DIR/root/machine/sys
    nic() {
        for name; do
            folder=$DIR/net/$name
            mkdir -p $folder
            line=$(ip -o link show $name)
            echo "${line%%:*}" > $folder/ifindex
            echo "$line" | sed 's|.*link/ether \([^ ]*\).*|\1|' > $folder/address
            echo 1 > $folder/type
            echo 1500 > $folder/mtu
        done
    }
    card() { nic "$@"; for name; do mkdir $DIR/net/$name/device; done; }
    disguise() {
        mount -t tmpfs none /sys
        cp -r $machine/class $machine/firmware /sys/ 2> /dev/null || true
        rm -r /sys/class/net
        cp -r $DIR/net /sys/class/
    }
    boot() { disguise; "$PROGRAM" boot --platform Ec2 "$@"; umount /sys; }
    ip link add c0 address 52:54:00:12:34:56 type veth peer name s0
    sysctl -qw net.ipv6.conf.s0.disable_ipv6=1
    ip link set s0 gso_max_segs 1 up
    cloud() { $CLOUD tests/roots/ec2/cloud --interface s0 "$@" 2> $DIR/cloud & sleep 0.5; }
    dump() {
        ip -d address; ip -d link; ip route show table all; ip -6 route show table all; ip rule; ip -6 rule; ip maddress
        ip neighbour
        grep -r . /proc/sys/net 2> /dev/null | sort
    }
"#;

#[test]
fn a_boot_is_on_record_and_told_in_words() {
    let said = script(
        "record",
        &[
            MACHINE,
            r#"
        cloud 'delay 5ms' 'pause /latest/api/token 400ms'
        card c0
        dump > $DIR/before
        boot --pcap $DIR/frames --trace 2> $DIR/trace
        dump > $DIR/after
        cmp $DIR/before $DIR/after && echo unchanged
        cat /run/cloudseed/status
        tcpdump --number -nn -r $DIR/frames > $DIR/dump 2> /dev/null
        echo recorded $(wc -l < $DIR/dump), told $(grep -c -e '──►' -e '◄──' $DIR/trace)
        cat $DIR/dump $DIR/trace
    "#,
        ],
    );
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("unchanged"), "{said}");
    assert_eq!(lines.next(), Some("found"), "{said}");
    let counts = lines.next().unwrap();
    let counts = counts.strip_prefix("recorded ").unwrap();
    let (recorded, told) = counts.split_once(", told ").unwrap();
    assert_eq!(recorded, told, "{said}");
    assert!(recorded.parse::<u32>().unwrap() > 60, "{said}");
    // What another program reads of the record, and what the ladder says.
    for words in [
        "BOOTP/DHCP, Request from 52:54:00:12:34:56",
        "Request who-has 10.0.2.1",
        "HTTP: PUT /latest/api/token HTTP/1.1",
        "  c0  ──►  DHCP discover from 0.0.0.0",
        "  c0  ◄──  DHCP offer from 10.0.2.1",
        "  c0  ──►  ARP: who has 10.0.2.1? tell 0.0.0.0",
        " bytes: PUT /latest/api/token HTTP/1.1",
        " bytes: HTTP/1.1 200",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let waits = said.lines().filter(|line| line.contains("   ⋮   "));
    let token = |line: &&str| line.ends_with(": PUT /latest/api/token HTTP/1.1");
    let waits: Vec<&str> = waits.collect();
    let told = waits.iter().filter(|line| token(line)).count();
    assert!(
        told > 0 && waits.iter().all(|line| line.contains(" ms, waiting")),
        "{said}"
    );
}

#[test]
fn a_network_of_the_kernels_is_left_to_the_kernel() {
    for (interface, prepare) in [
        ("c0", "card c0\n"),
        (
            "br0",
            "ip link add br0 type bridge; ip link set c0 master br0 up; nic br0; card c0\n\
             mkdir $DIR/net/c0/master; echo INTERFACE=br0 > $DIR/net/c0/master/uevent\n",
        ),
        // A card beside the bridge that has no address must not lead astray.
        (
            "br0",
            "ip link add br0 type bridge; ip link set c0 master br0 up; ip link add spare type veth peer name far\n\
             nic br0; card c0 spare; mkdir $DIR/net/c0/master\n\
             echo INTERFACE=br0 > $DIR/net/c0/master/uevent\n",
        ),
    ] {
        let said = script(
            "kernels-network",
            &[
                MACHINE,
                prepare,
                &format!("interface={interface}\n"),
                r#"
            sysctl -qw net.ipv6.conf.all.disable_ipv6=1
            cloud
            ip link set $interface up
            ip address add 10.0.2.15/24 dev $interface
            ip route add default via 10.0.2.1
            echo nameserver 10.0.2.3 > $DIR/resolv.conf
            mount --bind $DIR/resolv.conf /etc/resolv.conf
            sleep 0.5
            dump | grep -v -e lladdr -e _timer > $DIR/before
            boot --pcap $DIR/frames
            dump | grep -v -e lladdr -e _timer > $DIR/after
            cmp $DIR/before $DIR/after && echo unchanged
            [ -e $DIR/frames ] || echo no packet socket
            cat /run/cloudseed/status /run/cloudseed/log
        "#,
            ],
        );
        assert!(said.starts_with("unchanged\nno packet socket\n"), "{said}");
        assert!(said.contains("\nfound\n"), "{said}");
        assert!(
            said.contains("the kernel has an address already, using its sockets\n"),
            "{said}"
        );
        assert!(
            said.contains("no record of frames: they are the kernel's\n"),
            "{said}"
        );
    }
}

#[test]
fn a_boot_killed_in_the_middle_leaves_no_trace() {
    let said = script(
        "killed",
        &[
            MACHINE,
            r#"
        cloud 'mute /latest/api/token'
        card c0
        dump > $DIR/before
        disguise
        "$PROGRAM" boot --platform Ec2 &
        victim=$!
        tries=0
        until grep -q 'PUT .*token' $DIR/cloud || [ $tries -ge 100 ]; do sleep 0.1; tries=$((tries + 1)); done
        ip -o link show c0 | grep -o '[<,]UP[,>]'
        kill -KILL $victim
        wait $victim || true
        tries=0
        dump > $DIR/after
        until cmp -s $DIR/before $DIR/after || [ $tries -ge 50 ]; do sleep 0.1; tries=$((tries + 1)); dump > $DIR/after; done
        diff $DIR/before $DIR/after && echo unchanged
    "#,
        ],
    );
    assert!(said.contains(",UP,"), "{said}");
    assert!(said.trim_end().ends_with("unchanged"), "{said}");
}

fn cloudseed(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cloudseed"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_version_names_commit_features_and_route() {
    let output = cloudseed(&["--version"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<(&str, &str)> = said
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, value)| (name, value.trim()))
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    let mut features = Vec::new();
    for (name, on) in [
        ("jinja", cfg!(feature = "jinja")),
        ("simd", cfg!(feature = "simd")),
        ("tls", cfg!(feature = "tls")),
        ("tools", cfg!(feature = "tools")),
    ] {
        features.extend(on.then_some(name));
    }
    let expected = [
        ("cloudseed", version),
        ("commit:", "unknown"),
        ("features:", &features.join(" ")),
        ("route:", "cargo build"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_line_without_a_command_gets_help_and_a_failure() {
    let help = cloudseed(&["--help"]);
    assert!(help.status.success());
    let none = cloudseed(&[]);
    assert!(!none.status.success() && none.stdout.is_empty());
    assert_eq!(none.stderr.trim_ascii_end(), help.stdout.trim_ascii_end());
}
