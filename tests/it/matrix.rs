//! Every root × every platform's rule: exactly the right ones claim it, from the kernel's files and from raw tables alike.

use std::fs;

use cloudseed_core::identify::identify;
use cloudseed_core::machine::smbios::Field;
use cloudseed_core::machine::{Files, Kind, Machine};
use cloudseed_core::platform;
use cloudseed_core::platform::PLATFORMS;
use cloudseed_core::rule::{Inquiry, Verdict};
use cloudseed_core::settings::Settings;

use crate::fixture::{Expected, Fixture, HELP, chosen, names, roots, updating};
use crate::sys::root::Root;
use crate::tree::Overlay;

/// What a machine is taken for.
fn found(files: &dyn Files) -> Expected {
    let machine = Machine::read(files);
    let settings = Settings::read(&machine, platform::searched());
    let mut expected = Expected {
        found: Vec::new(),
        maybe: Vec::new(),
        status: 0,
        cloud_cfg: String::new(),
    };
    for platform in PLATFORMS {
        let verdict = platform.ask(&mut Inquiry::new(&machine, &settings));
        assert!(!verdict.because().is_empty(), "{}", platform.name);
        match verdict {
            Verdict::Found(_) => expected.found.push(String::from(platform.name)),
            Verdict::Maybe(_) => expected.maybe.push(String::from(platform.name)),
            Verdict::No(_) => {}
        }
    }
    let outcome = identify(&machine, &settings);
    expected.status = outcome.status;
    expected.cloud_cfg = outcome.cloud_cfg.unwrap_or_default();
    expected
}

#[test]
fn every_root_is_claimed_by_exactly_the_right_platforms() {
    let mut wrong = Vec::new();
    for name in chosen() {
        let fixture = Fixture::new(&name);
        let found = found(&Root::new(&fixture.machine()));
        if Expected::read(&name).as_ref() == Some(&found) {
            continue;
        }
        if updating() {
            fs::write(roots().join(&name).join("identify"), found.text()).unwrap();
        } else {
            let expected = Expected::read(&name).map(|expected| expected.text());
            let expected = expected.unwrap_or(String::from("(no file `identify`)\n"));
            wrong.push(format!(
                "{name}\nexpected\n{expected}found\n{}",
                found.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}\n{HELP}", wrong.join("\n"));
}

#[test]
fn every_platform_that_a_machine_can_show_has_a_root() {
    let expected: Vec<Expected> = names()
        .iter()
        .filter_map(|name| Expected::read(name))
        .collect();
    for platform in PLATFORMS {
        let named = |list: &[String]| list.iter().any(|name| name == platform.name);
        let shown = expected
            .iter()
            .any(|expected| named(&expected.found) || named(&expected.maybe));
        let never = ["MAAS", "WSL", "None"].contains(&platform.name);
        assert_ne!(shown, never, "{}", platform.name);
    }
}

#[test]
fn raw_tables_say_the_same_as_the_kernels_files() {
    let mut raw_roots = 0;
    for name in names() {
        let fixture = Fixture::new(&name);
        let root = Root::new(&fixture.machine());
        // What only tables have, strings of the maker, no file of the kernel says.
        let own = root.kind(TABLES) == Some(Kind::Directory);
        if !own && root.kind(DMI) == Some(Kind::Directory) {
            let raw = raw(&root);
            assert_eq!(Some(found(&raw)), Expected::read(&name), "{name}");
            raw_roots += 1;
        }
    }
    assert!(raw_roots > 100, "{raw_roots}");
}

/// Where the kernel shows firmware's strings, and its tables.
const DMI: &str = "/sys/class/dmi/id";
const TABLES: &str = "/sys/firmware/dmi/tables";

/// A root whose firmware shows tables instead of files.
fn raw(root: &Root) -> Overlay<'_> {
    const ENTRY_POINT: &[u8] = b"_SM3_\0\x18\x03\0\0\x01\0\x40\x01\0\0\0\0\x0f\0\0\0\0\0";
    let table = table(root);
    Overlay {
        read: Box::new(
            move |root, path, bytes_max| match path.strip_prefix(TABLES) {
                Some("/DMI") => Some(table.clone()),
                Some("/smbios_entry_point") => Some(ENTRY_POINT.to_vec()),
                _ if path.starts_with(DMI) => None,
                _ => root.read(path, bytes_max),
            },
        ),
        ..Overlay::of(root)
    }
}

/// The table that says what the files of the root say.
fn table(root: &Root) -> Vec<u8> {
    let field = |field: Field| {
        root.text(&format!("{DMI}/{}", field.name()))
            .unwrap_or_default()
    };
    let mut system: Vec<u8> = vec![1, 2, 3, 4];
    system.extend(uuid(&field(Field::ProductUuid)));
    system.extend([6, 5, 6]);
    let table = [
        structure(
            0,
            &[1, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[Field::BiosVendor, Field::BiosVersion, Field::BiosDate].map(field),
        ),
        structure(
            1,
            &system,
            &[
                Field::SysVendor,
                Field::ProductName,
                Field::ProductVersion,
                Field::ProductSerial,
                Field::ProductSku,
                Field::ProductFamily,
            ]
            .map(field),
        ),
        structure(
            2,
            &[1, 2, 3, 4, 5],
            &[
                Field::BoardVendor,
                Field::BoardName,
                Field::BoardVersion,
                Field::BoardSerial,
                Field::BoardAssetTag,
            ]
            .map(field),
        ),
        structure(
            3,
            &[1, 1, 2, 3, 4],
            &[
                Field::ChassisVendor,
                Field::ChassisVersion,
                Field::ChassisSerial,
                Field::ChassisAssetTag,
            ]
            .map(field),
        ),
        structure(127, &[], &[]),
    ];
    table.concat()
}

/// A structure of SMBIOS (DSP0134, 6.1): header, formatted area, strings. A string that is not set is written as a blank,
/// because an empty one would end the set; firmware does the same.
fn structure(kind: u8, area: &[u8], strings: &[String]) -> Vec<u8> {
    let mut bytes = vec![kind, u8::try_from(area.len() + 4).unwrap(), kind, 0];
    bytes.extend(area);
    for string in strings {
        bytes.extend(if string.is_empty() { " " } else { string }.as_bytes());
        bytes.push(0);
    }
    if strings.is_empty() {
        bytes.push(0);
    }
    bytes.push(0);
    bytes
}

/// A UUID as SMBIOS 2.6 and later write it: the first three fields with their bytes swapped. All zero if not set.
fn uuid(text: &str) -> [u8; 16] {
    let digits: String = text.split('-').collect();
    let mut bytes = [0; 16];
    if digits.is_empty() {
        return bytes;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).unwrap();
    }
    bytes[0..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    bytes
}
