//! The facts of a machine from its files: virtualisation, command line, settings.

use cloudseed_core::machine::Machine;
use cloudseed_core::machine::setting::Origin;

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

#[test]
fn settings_come_from_the_command_line_before_firmware() {
    let mut tree = Tree::new(&[
        (
            "/proc/cmdline",
            "cloudseed.deadline=1 cloudseed.allow=\"a b\" cloudseed.deadline=2 cloudseed.strict\n",
        ),
        (
            "/sys/firmware/qemu_fw_cfg/by_name/opt/org.cloudseed/deadline/raw",
            "3\n",
        ),
        (
            "/sys/firmware/qemu_fw_cfg/by_name/opt/org.cloudseed/platform/raw",
            "hetzner\0",
        ),
        (
            "/sys/firmware/qemu_fw_cfg/by_name/opt/com.example/platform/raw",
            "other",
        ),
    ]);
    let table = b"\x0b\x05\0\0\x02cloudseed.platform=ec2\0cloudseed.only=oem\0\0";
    tree.put("/sys/firmware/dmi/tables/DMI", table);
    tree.set("SYSTEMD_VIRTUALIZATION", "vm:kvm");
    let machine = Machine::read(&tree);
    assert_eq!(machine.setting("deadline"), Some("2"));
    assert_eq!(machine.setting("allow"), Some("a b"));
    assert_eq!(machine.setting("strict"), Some(""));
    assert_eq!(machine.setting("platform"), Some("hetzner"));
    assert_eq!(machine.setting("only"), Some("oem"));
    assert_eq!(machine.setting("none"), None);
    let origins: Vec<Origin> = machine
        .settings
        .iter()
        .map(|setting| setting.origin)
        .collect();
    assert_eq!(origins[..4], [Origin::CommandLine; 4]);
    assert_eq!(
        origins[4..],
        [
            Origin::FwCfg,
            Origin::FwCfg,
            Origin::OemString,
            Origin::OemString
        ]
    );
    tree.set("SYSTEMD_VIRTUALIZATION", "container:lxc");
    assert_eq!(Machine::read(&tree).settings, []);
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
