//! Firmware's word for the machine: tables, the kernel's copies of them, and what is left of tables that are broken.

use std::fs;

use cloudseed_core::machine::smbios::table::Version;
use cloudseed_core::machine::smbios::{Dmi, Field, OEM_STRINGS_MAX};

use crate::tree::Tree;

const SM_2_8: &[u8] =
    b"_SM_\x2a\x1f\x02\x08\x00\x01\0\0\0\0\0\0_DMI_\0\x40\x01\0\0\x0f\0\x0a\0\x28";
const SM3_3_0: &[u8] = b"_SM3_\0\x18\x03\0\0\x01\0\x40\x01\0\0\0\0\x0f\0\0\0\0\0";
const UUID: [u8; 16] = [
    0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
];

/// A structure: its type, the formatted area behind the header, its strings.
fn structure(kind: u8, area: &[u8], strings: &[&str]) -> Vec<u8> {
    let length = u8::try_from(area.len() + 4).unwrap();
    let mut bytes = vec![kind, length, kind, 0];
    bytes.extend(area);
    for string in strings {
        bytes.extend(string.as_bytes());
        bytes.push(0);
    }
    if strings.is_empty() {
        bytes.push(0);
    }
    bytes.push(0);
    bytes
}

/// A table with every field; [`copies`] says the same.
fn table() -> Vec<u8> {
    let mut firmware = vec![1, 2, 0, 0, 3];
    firmware.extend([0; 10]);

    firmware.extend([0x10, 0, 0, 0, 0]);
    let mut system = vec![1, 2, 3, 4];
    system.extend(UUID);
    system.extend([6, 5, 6]);
    [
        structure(0, &firmware, &["SeaBIOS", "1.16", "04/01/2014"]),
        structure(
            1,
            &system,
            &[
                "QEMU",
                "Standard PC",
                "pc-1",
                "ds=nocloud;i=a b",
                "SKU ",
                "family",
            ],
        ),
        structure(
            2,
            &[1, 2, 3, 4, 5],
            &["Board & Co", "board", "v1", "..", "tag"],
        ),
        structure(
            3,
            &[1, 0x81, 2, 3, 4],
            &["Chassis & Co", "v2", "serial", "7783-7084"],
        ),
        structure(3, &[1, 2, 2, 3, 4], &["Second", "x", "y", "z"]),
        structure(11, &[2], &["cloudseed.deadline=9", "other"]),
        structure(127, &[], &[]),
        structure(11, &[1], &["after the end"]),
    ]
    .concat()
}

/// What the kernel shows of [`table`].
fn copies() -> Vec<(String, String)> {
    [
        ("bios_vendor", "SeaBIOS"),
        ("bios_version", "1.16"),
        ("bios_date", "04/01/2014"),
        ("sys_vendor", "QEMU"),
        ("product_name", "Standard PC"),
        ("product_version", "pc-1"),
        ("product_serial", "ds=nocloud;i=a b"),
        ("product_uuid", "00112233-4455-6677-8899-aabbccddeeff"),
        ("product_sku", "SKU "),
        ("product_family", "family"),
        ("board_vendor", "Board & Co"),
        ("board_name", "board"),
        ("board_version", "v1"),
        ("board_serial", ".."),
        ("board_asset_tag", "tag"),
        ("chassis_vendor", "Chassis & Co"),
        ("chassis_type", "1"),
        ("chassis_version", "v2"),
        ("chassis_serial", "serial"),
        ("chassis_asset_tag", "7783-7084"),
    ]
    .map(|(name, value)| (format!("/sys/class/dmi/id/{name}"), format!("{value}\n")))
    .to_vec()
}

fn fields(dmi: &Dmi) -> Vec<(&'static str, Option<&str>)> {
    Field::ALL
        .map(|field| (field.name(), dmi.get(field)))
        .to_vec()
}

fn tables(entry_point: &[u8], table: &[u8]) -> Tree {
    let mut tree = Tree::default();
    tree.put("/sys/firmware/dmi/tables/smbios_entry_point", entry_point);
    tree.put("/sys/firmware/dmi/tables/DMI", table);
    tree
}

#[test]
fn tables_and_the_kernels_copies_say_the_same() {
    let mut sysfs = Tree::default();
    for (path, value) in copies() {
        sysfs.put(&path, value.as_bytes());
    }
    let copied = Dmi::read(&sysfs);
    assert_eq!(copied.get(Field::ProductSerial), Some("ds=nocloud;i=a b"));
    assert!(Field::ALL.iter().all(|field| copied.get(*field).is_some()));
    for entry_point in [SM_2_8, SM3_3_0] {
        let raw = Dmi::read(&tables(entry_point, &table()));
        assert_eq!(fields(&raw), fields(&copied));
        assert_eq!(raw.oem_strings, ["cloudseed.deadline=9", "other"]);
        assert_eq!(raw.virtual_machine, Some(true));
    }
}

/// Machines of QEMU as Linux 6.1 showed them: the raw tables, and a line `name=value` for each of the kernel's files.
#[test]
fn real_tables_say_what_the_kernel_says() {
    for name in ["qemu-pc", "qemu-pc-plain", "qemu-q35-64"] {
        let directory = format!("{}/tests/machine/smbios/{name}", env!("CARGO_MANIFEST_DIR"));
        let read = |file: &str| fs::read(format!("{directory}/{file}")).unwrap();
        let raw = Dmi::read(&tables(&read("smbios_entry_point"), &read("DMI")));
        let lines = String::from_utf8(read("id")).unwrap();
        let mut copies = Tree::default();
        for (name, value) in lines.lines().filter_map(|line| line.split_once('=')) {
            copies.put(
                &format!("/sys/class/dmi/id/{name}"),
                format!("{value}\n").as_bytes(),
            );
        }
        let copied = Dmi::read(&copies);
        assert_eq!(fields(&raw), fields(&copied), "{name}");
        assert!(raw.get(Field::SysVendor).is_some());
        let strings = ["cloudseed.platform=ec2", "io.systemd.credential:x=y"];
        assert_eq!(raw.oem_strings == strings, name != "qemu-pc-plain");
    }
}

#[test]
fn a_field_the_table_lacks_is_the_kernels() {
    let table = structure(1, &[1, 0, 0, 0], &["Hetzner"]);
    let mut tree = tables(SM_2_8, &table);
    tree.put("/sys/class/dmi/id/sys_vendor", b"other\n");
    tree.put("/sys/class/dmi/id/product_name", b"empty in the table\n");
    tree.put(
        "/sys/class/dmi/id/chassis_asset_tag",
        b" OracleCloud.com \n",
    );
    let dmi = Dmi::read(&tree);
    assert_eq!(dmi.get(Field::SysVendor), Some("Hetzner"));
    assert_eq!(dmi.get(Field::ProductName), None);
    assert_eq!(dmi.get(Field::ChassisAssetTag), Some("OracleCloud.com"));
    assert_eq!(Dmi::read(&Tree::default()), Dmi::default());
}

#[test]
fn a_uuid_is_read_by_the_tables_version() {
    let uuid = |major, minor, bytes: [u8; 16]| {
        let area = [&[0; 4][..], &bytes].concat();
        let dmi = Dmi::from_table(Version { major, minor }, &structure(1, &area, &[]));
        dmi.get(Field::ProductUuid).map(str::to_owned)
    };
    let little = Some("00112233-4455-6677-8899-aabbccddeeff".to_owned());
    let big = Some("33221100-5544-7766-8899-aabbccddeeff".to_owned());
    assert_eq!(uuid(2, 6, UUID), little);
    assert_eq!(uuid(3, 2, UUID), little);
    assert_eq!(uuid(2, 5, UUID), big);
    assert_eq!(uuid(3, 0, [0; 16]), None);
    assert_eq!(uuid(3, 0, [0xff; 16]), None);
}

#[test]
fn broken_tables_give_what_is_readable() {
    let whole = table();
    for entry_point in [SM_2_8, SM3_3_0, b"", b"_SM_"] {
        // Every prefix: what it still says is what the whole says.
        let complete = Dmi::read(&tables(entry_point, &whole));
        for end in 0..whole.len() {
            let dmi = Dmi::read(&tables(entry_point, &whole[..end]));
            for field in Field::ALL {
                let said = dmi.get(field);
                assert!(
                    said.is_none() || said == complete.get(field),
                    "{end} {field:?}"
                );
            }
        }
        // Every byte flipped, in three ways.
        for at in 0..whole.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut table = whole.clone();
                table[at] ^= bits;
                let dmi = Dmi::read(&tables(entry_point, &table));
                assert!(dmi.oem_strings.len() <= OEM_STRINGS_MAX);
            }
        }
    }
    assert_eq!(Dmi::read(&tables(SM_2_8, &[0; 65536])), Dmi::default());
    // A row of structures of the same type, and one of strings, as long as they can be.
    let many = structure(11, &[255], &["x"]).repeat(20_000);
    assert_eq!(
        Dmi::read(&tables(SM_2_8, &many)).oem_strings.len(),
        OEM_STRINGS_MAX
    );
    let deep = [&[1, 5, 0, 0, 255][..], &b"a\0".repeat(100_000)].concat();
    assert_eq!(
        Dmi::read(&tables(SM_2_8, &deep)).get(Field::SysVendor),
        Some("a")
    );
}
