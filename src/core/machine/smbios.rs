//! SMBIOS: what firmware says of the machine, from its raw tables or from the kernel's copy of them.
//!
//! The kernel shows the tables as they are in /sys/firmware/dmi/tables and single strings of them in /sys/class/dmi/id.
//! The tables say more (OEM strings) and cost two reads; a field they lack is asked of the kernel's files. What comes out
//! is the same either way, byte for byte: the first structure of a type wins, a string of spaces counts as empty, and a
//! UUID of all zeros or all ones is none.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Files;
use table::{Structure, Version};

pub mod table;

/// Longest table read, in bytes; real ones have two to twenty thousand.
pub const TABLE_BYTES_MAX: usize = 1 << 20;
/// Most OEM strings kept.
pub const OEM_STRINGS_MAX: usize = 1024;

/// Where the tables are.
const TABLES: &str = "/sys/firmware/dmi/tables";
/// Where the kernel's copies of single strings are.
const COPIES: &str = "/sys/class/dmi/id";

/// Which string is which: the structure's type, the offset of the string's number, the field (DSP0134 7.1 to 7.4).
const STRINGS: [(u8, usize, Field); 18] = [
    (0, 0x04, Field::BiosVendor),
    (0, 0x05, Field::BiosVersion),
    (0, 0x08, Field::BiosDate),
    (1, 0x04, Field::SysVendor),
    (1, 0x05, Field::ProductName),
    (1, 0x06, Field::ProductVersion),
    (1, 0x07, Field::ProductSerial),
    (1, 0x19, Field::ProductSku),
    (1, 0x1a, Field::ProductFamily),
    (2, 0x04, Field::BoardVendor),
    (2, 0x05, Field::BoardName),
    (2, 0x06, Field::BoardVersion),
    (2, 0x07, Field::BoardSerial),
    (2, 0x08, Field::BoardAssetTag),
    (3, 0x04, Field::ChassisVendor),
    (3, 0x06, Field::ChassisVersion),
    (3, 0x07, Field::ChassisSerial),
    (3, 0x08, Field::ChassisAssetTag),
];

/// A firmware string, by sysfs's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Type 0.
    BiosVendor,
    /// Type 0.
    BiosVersion,
    /// Type 0.
    BiosDate,
    /// Type 1.
    SysVendor,
    /// Type 1.
    ProductName,
    /// Type 1.
    ProductVersion,
    /// Type 1.
    ProductSerial,
    /// Type 1; lower case, as sysfs shows it.
    ProductUuid,
    /// Type 1.
    ProductSku,
    /// Type 1.
    ProductFamily,
    /// Type 2.
    BoardVendor,
    /// Type 2.
    BoardName,
    /// Type 2.
    BoardVersion,
    /// Type 2.
    BoardSerial,
    /// Type 2.
    BoardAssetTag,
    /// Type 3.
    ChassisVendor,
    /// Type 3; the number as text.
    ChassisType,
    /// Type 3.
    ChassisVersion,
    /// Type 3.
    ChassisSerial,
    /// Type 3.
    ChassisAssetTag,
}

impl Field {
    /// Every field, in the order of the variants.
    pub const ALL: [Field; 20] = [
        Field::BiosVendor,
        Field::BiosVersion,
        Field::BiosDate,
        Field::SysVendor,
        Field::ProductName,
        Field::ProductVersion,
        Field::ProductSerial,
        Field::ProductUuid,
        Field::ProductSku,
        Field::ProductFamily,
        Field::BoardVendor,
        Field::BoardName,
        Field::BoardVersion,
        Field::BoardSerial,
        Field::BoardAssetTag,
        Field::ChassisVendor,
        Field::ChassisType,
        Field::ChassisVersion,
        Field::ChassisSerial,
        Field::ChassisAssetTag,
    ];

    /// Its name in /sys/class/dmi/id.
    pub fn name(self) -> &'static str {
        match self {
            Field::BiosVendor => "bios_vendor",
            Field::BiosVersion => "bios_version",
            Field::BiosDate => "bios_date",
            Field::SysVendor => "sys_vendor",
            Field::ProductName => "product_name",
            Field::ProductVersion => "product_version",
            Field::ProductSerial => "product_serial",
            Field::ProductUuid => "product_uuid",
            Field::ProductSku => "product_sku",
            Field::ProductFamily => "product_family",
            Field::BoardVendor => "board_vendor",
            Field::BoardName => "board_name",
            Field::BoardVersion => "board_version",
            Field::BoardSerial => "board_serial",
            Field::BoardAssetTag => "board_asset_tag",
            Field::ChassisVendor => "chassis_vendor",
            Field::ChassisType => "chassis_type",
            Field::ChassisVersion => "chassis_version",
            Field::ChassisSerial => "chassis_serial",
            Field::ChassisAssetTag => "chassis_asset_tag",
        }
    }
}

/// What firmware says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dmi {
    /// By [`Field`]; empty text where firmware has the field and says nothing.
    fields: [Option<String>; 20],
    /// The strings of type 11, in order.
    pub oem_strings: Vec<String>,
    /// Whether firmware says that this is a virtual machine (type 0, extension byte 2); `None` if it does not say.
    pub virtual_machine: Option<bool>,
}

impl Dmi {
    /// Reads the raw tables, and from the kernel's files what they lack; all unset where there are neither.
    pub fn read(files: &dyn Files) -> Dmi {
        let mut dmi = Dmi::default();
        if let Some(table) = files.read(&format!("{TABLES}/DMI"), TABLE_BYTES_MAX) {
            let entry_point = files.read(&format!("{TABLES}/smbios_entry_point"), 64);
            let version = entry_point.and_then(|bytes| Version::read(&bytes));
            dmi.read_table(version.unwrap_or(Version::RECENT), &table);
        }
        for field in Field::ALL {
            let slot = &mut dmi.fields[field as usize];
            if slot.is_none() {
                *slot = files.text(&format!("{COPIES}/{}", field.name()));
            }
        }
        dmi
    }

    /// The facts in a table of this version.
    pub fn from_table(version: Version, table: &[u8]) -> Dmi {
        let mut dmi = Dmi::default();
        dmi.read_table(version, table);
        dmi
    }

    /// One field; `None` if it is absent or empty.
    pub fn get(&self, field: Field) -> Option<&str> {
        let text = self.fields[field as usize].as_deref();
        text.filter(|text| !text.is_empty())
    }

    fn read_table(&mut self, version: Version, table: &[u8]) {
        for structure in table::structures(table) {
            match structure.kind {
                0..=3 => self.read_structure(version, &structure),
                // DSP0134 7.12: the count at offset 4 says no more than the strings themselves.
                11 => {
                    let room = OEM_STRINGS_MAX.saturating_sub(self.oem_strings.len());
                    let strings = structure.strings.iter().take(room);
                    self.oem_strings.extend(strings.map(|string| text(string)));
                }
                _ => {}
            }
        }
    }

    fn read_structure(&mut self, version: Version, structure: &Structure) {
        for (kind, offset, field) in STRINGS {
            if kind == structure.kind {
                let found = structure.string(offset).map(text);
                self.set(field, found);
            }
        }
        match structure.kind {
            // DSP0134 7.1.2.2: bit 4 of the second extension byte.
            0 => {
                let bit = structure.byte(0x13).map(|byte| byte & 0x10 != 0);
                self.virtual_machine = self.virtual_machine.or(bit);
            }
            1 => {
                let uuid = structure.sixteen(0x08);
                self.set(
                    Field::ProductUuid,
                    uuid.and_then(|bytes| uuid_text(version, bytes)),
                );
            }
            // DSP0134 7.4.1: the top bit says whether there is a lock.
            3 => {
                let kind = structure.byte(0x05).map(|byte| format!("{}", byte & 0x7f));
                self.set(Field::ChassisType, kind);
            }
            _ => {}
        }
    }

    /// The first structure of a type is the one that counts.
    fn set(&mut self, field: Field, value: Option<String>) {
        let slot = &mut self.fields[field as usize];
        if slot.is_none() {
            *slot = value;
        }
    }
}

/// A firmware string as it is compared: without the space around it, unprintable bytes replaced.
fn text(bytes: &[u8]) -> String {
    String::from(String::from_utf8_lossy(bytes).trim())
}

/// DSP0134 7.2.1: `00 11 22 33 44 55 66 77 …` in the table is `33221100-5544-7766-…` since version 2.6; before it, many
/// wrote network order, and the kernel takes it so.
fn uuid_text(version: Version, bytes: [u8; 16]) -> Option<String> {
    if bytes == [0; 16] || bytes == [0xff; 16] {
        return None;
    }
    let mut number = u128::from_be_bytes(bytes);
    if version >= Version::UUID_LITTLE_ENDIAN {
        let [b0, b1, b2, b3, b4, b5, b6, b7, ..] = bytes;
        let swapped = u64::from_be_bytes([b3, b2, b1, b0, b5, b4, b7, b6]);
        number = u128::from(swapped) << 64 | number & u128::from(u64::MAX);
    }
    Some(super::uuid_text(number))
}
