//! The facts of a machine from its files: virtualisation, command line, settings.

use std::time::Duration;

use cloudseed_core::machine::Machine;
use cloudseed_core::platform;
use cloudseed_core::settings::{Allowed, Handover, Settings};
use cloudseed_core::warning::Warning;

use crate::fixture::Fixture;
use crate::sys::root::Root;
use crate::tree::Tree;

const DMI: &str = "/sys/class/dmi/id";

#[track_caller]
fn check_virt(tree: &Tree, expected: &str) {
    assert_eq!(Machine::read(tree).virt, expected);
}

#[test]
fn hypervisors_have_systemds_words() {
    let dmi = |pairs: &[(&str, &str)]| {
        let mut tree = Tree::default();
        for (name, value) in pairs {
            tree.put(&format!("{DMI}/{name}"), format!("{value}\n").as_bytes());
        }
        tree
    };
    check_virt(&dmi(&[]), "none");
    check_virt(&dmi(&[("sys_vendor", "Dell Inc.")]), "none");
    check_virt(
        &dmi(&[("product_name", "KVM"), ("sys_vendor", "QEMU")]),
        "kvm",
    );
    check_virt(&dmi(&[("sys_vendor", "QEMU")]), "qemu");
    check_virt(&dmi(&[("sys_vendor", "Amazon EC2")]), "amazon");
    check_virt(
        &dmi(&[("sys_vendor", "Amazon EC2"), ("product_name", "c5.metal")]),
        "none",
    );
    check_virt(&dmi(&[("sys_vendor", "VMware, Inc.")]), "vmware");
    check_virt(&dmi(&[("product_name", "VirtualBox")]), "oracle");
    check_virt(&dmi(&[("product_name", "Google Compute Engine")]), "google");
    check_virt(
        &dmi(&[("product_version", "Hyper-V UEFI Release v4.1")]),
        "microsoft",
    );

    let cpuid = |vendor: &[u8; 12], pairs: &[(&str, &str)]| {
        let mut tree = dmi(pairs);
        tree.cpuid = Some(*vendor);
        tree
    };
    check_virt(&cpuid(b"KVMKVMKVM\0\0\0", &[("sys_vendor", "QEMU")]), "kvm");
    check_virt(&cpuid(b"Microsoft Hv", &[]), "microsoft");
    check_virt(
        &cpuid(b"KVMKVMKVM\0\0\0", &[("sys_vendor", "Amazon EC2")]),
        "amazon",
    );
    check_virt(&cpuid(b"NobodyKnows!", &[]), "vm-other");
    check_virt(&cpuid(b"NobodyKnows!", &[("sys_vendor", "Bochs")]), "bochs");
    check_virt(&cpuid(&[0; 12], &[]), "none");
}

#[test]
fn hypervisors_without_dmi() {
    for (files, expected) in [
        (&[("/sys/hypervisor/type", "xen\n")][..], "xen"),
        (&[("/sys/hypervisor/type", "other\n")], "vm-other"),
        (&[("/proc/xen/capabilities", "")], "xen"),
        (&[("/proc/xen/capabilities", "control_d\n")], "none"),
        (
            &[
                ("/sys/hypervisor/type", "xen\n"),
                ("/sys/hypervisor/properties/features", "00002705\n"),
            ],
            "xen",
        ),
        (
            &[
                ("/sys/hypervisor/type", "xen\n"),
                ("/sys/hypervisor/properties/features", "00000f05\n"),
            ],
            "none",
        ),
        (
            &[("/proc/device-tree/hypervisor/compatible", "linux,kvm\0")],
            "kvm",
        ),
        (
            &[(
                "/proc/device-tree/hypervisor/compatible",
                "xen,xen-4.17\0xen,xen\0",
            )],
            "xen",
        ),
        (
            &[("/proc/device-tree/compatible", "qemu,pseries\0")],
            "qemu",
        ),
        (&[("/proc/device-tree/fw-cfg@9020000/reg", "")], "qemu"),
        (
            &[(
                "/proc/device-tree/compatible",
                "raspberrypi,4\0brcm,bcm2711\0",
            )],
            "none",
        ),
        (
            &[
                ("/proc/device-tree/ibm,partition-name", "lpar\0"),
                ("/proc/device-tree/hmc-managed?", ""),
            ],
            "powervm",
        ),
        (
            &[("/proc/sysinfo", "a\nVM00 Control Program: z/VM    6.4.0\n")],
            "zvm",
        ),
        (
            &[("/proc/sysinfo", "VM00 Control Program: KVM/Linux\n")],
            "kvm",
        ),
        (
            &[(
                "/proc/cpuinfo",
                "processor\t: 0\nvendor_id\t: User Mode Linux\n",
            )],
            "uml",
        ),
    ] {
        check_virt(&Tree::new(files), expected);
    }
}

#[test]
fn containers_have_systemds_words() {
    for (files, expected, container) in [
        (&[("/run/systemd/container", "lxc\n")][..], "lxc", true),
        (
            &[("/run/systemd/container", "systemd-nspawn")],
            "systemd-nspawn",
            true,
        ),
        (
            &[("/proc/1/environ", "HOME=/\0container=lxc\0")],
            "lxc",
            true,
        ),
        (
            &[("/run/systemd/container", "mine")],
            "container-other",
            true,
        ),
        (
            &[("/run/systemd/container", "oci"), ("/.dockerenv", "")],
            "docker",
            true,
        ),
        (&[("/.dockerenv", "")], "docker", true),
        (&[("/run/.containerenv", "")], "podman", false),
        (
            &[(
                "/proc/sys/kernel/osrelease",
                "5.15.90.1-microsoft-standard-WSL2\n",
            )],
            "wsl",
            false,
        ),
        (&[("/proc/vz/x", "")], "openvz", false),
        (&[("/proc/vz/x", ""), ("/proc/bc/x", "")], "none", false),
    ] {
        let mut tree = Tree::new(files);
        tree.put(&format!("{DMI}/sys_vendor"), b"Dell\n");
        let machine = Machine::read(&tree);
        assert_eq!(
            (machine.virt.as_str(), machine.container),
            (expected, container)
        );
    }
}

#[test]
fn what_the_environment_says_of_virtualisation_is_believed() {
    for (said, expected) in [
        ("vm:kvm", "kvm"),
        ("container:lxc", "lxc"),
        ("none", "none"),
        ("vm:a:b", "a:b"),
    ] {
        let mut tree = Tree::new(&[("/run/systemd/container", "docker")]);
        tree.set("SYSTEMD_VIRTUALIZATION", said);
        check_virt(&tree, expected);
    }
}

#[test]
fn a_containers_command_line_is_process_ones() {
    let line = |files: &[(&str, &str)], virt: &str| {
        let mut tree = Tree::new(files);
        tree.set("SYSTEMD_VIRTUALIZATION", virt);
        Machine::read(&tree).cmdline.as_str().to_owned()
    };
    let files = [
        ("/proc/cmdline", "ro ds=x \n"),
        ("/proc/1/cmdline", "/sbin/init\0ds=y\0"),
    ];
    assert_eq!(line(&files, "vm:kvm"), "ro ds=x");
    assert_eq!(line(&files, "container:lxc"), "/sbin/init ds=y ");
    assert_eq!(line(&[], "vm:kvm"), "unavailable:no-cmdline");
    assert_eq!(line(&[], "container:lxc"), "unavailable:container");
}

/// The settings that a machine's owner made.
fn settings(tree: &Tree) -> Settings {
    Settings::read(&Machine::read(tree), platform::searched())
}

#[test]
fn settings_come_from_four_places() {
    const FW_CFG: &str = "/sys/firmware/qemu_fw_cfg/by_name/opt";
    const LINE: &str =
        "cloudseed.deadline=1 \"cloudseed.handover=none\" cloudseed.deadline=2 deadline=8\n";
    let own = |key: &str| format!("{FW_CFG}/org.cloudseed/{key}/raw");
    let mut tree = Tree::new(&[("/proc/cmdline", LINE)]);
    tree.put(&own("deadline"), b"3\n");
    tree.put(&own("settle"), b"4\0");
    tree.put(&format!("{FW_CFG}/com.example/sources/raw"), b"none");
    let table = b"\x0b\x05\0\0\x02cloudseed.settle=5\0cloudseed.strict_includes=on\0\0";
    tree.put("/sys/firmware/dmi/tables/DMI", table);
    tree.put(
        "/etc/cloudseed/cloudseed.cfg",
        b"handover: seed\nstrict_includes: false\nsettle: 6\n",
    );
    tree.set("SYSTEMD_VIRTUALIZATION", "vm:kvm");
    let all = settings(&tree);
    assert_eq!(all.deadline, Some(Duration::from_secs(2)));
    assert_eq!(all.settle, Some(Duration::from_secs(4)));
    assert_eq!(all.handover, Handover::None);
    assert!(all.strict_includes);
    assert_eq!((all.allowed, all.warnings), (Allowed::All, vec![]));
    // The firmware and the command line of a container are its host's.
    tree.set("SYSTEMD_VIRTUALIZATION", "container:lxc");
    let of_file = settings(&tree);
    assert_eq!(of_file.deadline, None);
    assert_eq!(of_file.settle, Some(Duration::from_secs(6)));
    assert_eq!(of_file.handover, Handover::Seed);
    assert!(!of_file.strict_includes);
}

#[test]
fn a_setting_that_cannot_be_used_is_told_and_counts_as_not_said() {
    let mut tree = Tree::new(&[(
        "/proc/cmdline",
        "cloudseed.deadlin=10 cloudseed.deadline=18446744073709551615 cloudseed.deadline=7 \
         cloudseed.settle=61 cloudseed.settle=-1 cloudseed.strict_includes=perhaps cloudseed. \
         cloudseed.handover=Seed cloudseed.sources=NoClod,Ec2 cloudseed.password=secret",
    )]);
    tree.put("/etc/cloudseed/cloudseed.cfg", b"settle: 2.5\n1: x\n");
    tree.set("SYSTEMD_VIRTUALIZATION", "vm:kvm");
    let settings = settings(&tree);
    assert_eq!(settings.deadline, Some(Duration::from_secs(7)));
    assert_eq!(settings.settle, None);
    let told: Vec<String> = settings.warnings.iter().map(Warning::whole).collect();
    let expected = [
        "/etc/cloudseed/cloudseed.cfg, settle: expected a whole number of seconds, 0 to 60, but found a number",
        "/etc/cloudseed/cloudseed.cfg: expected a setting of cloudseed (KEYS), but found \"1\"",
        "kernel command line: expected a setting of cloudseed (KEYS), but found \"deadlin\" (did you mean deadline?)",
        "kernel command line, cloudseed.deadline: expected a whole number of seconds, 0 to 3600, but found \"18446744073709551615\"",
        "kernel command line, cloudseed.settle: expected a whole number of seconds, 0 to 60, but found \"61\"",
        "kernel command line, cloudseed.settle: expected a whole number of seconds, 0 to 60, but found \"-1\"",
        "kernel command line, cloudseed.strict_includes: expected true or false, but found \"perhaps\"",
        "kernel command line: expected a setting of cloudseed (KEYS), but found \"\"",
        "kernel command line, cloudseed.handover: expected auto, cloud-init-seed, cloud-init-hint, systemd, shell, none, but found \"Seed\"",
        "kernel command line: expected a setting of cloudseed (KEYS), but found \"password\"",
        "sources: expected names of platforms, but found \"NoClod\" (did you mean NoCloud?)",
    ];
    let keys = "sources, deadline, settle, handover, strict_includes, report_ready, sha256, unsigned_vendor_data, measure, label";
    let expected = expected.map(|line| format!("settings: {}", line.replace("KEYS", keys)));
    assert_eq!(told, expected);
}

#[test]
fn managers_are_known_by_their_roots() {
    for (name, expected) in [
        ("nocloud-kubevirt", Some("kubevirt")),
        ("nocloud-nutanix", Some("nutanix")),
        ("nocloud-proxmox", Some("proxmox")),
        ("nocloud-iso", Some("libvirt")),
        ("lxd-vm-qemu", Some("qemu")),
        ("hetzner", None),
    ] {
        let fixture = Fixture::new(name);
        let root = Root::new(&fixture.machine());
        let manager = Machine::read(&root).manager.map(|manager| manager.name);
        assert_eq!(manager, expected, "{name}");
    }
}
