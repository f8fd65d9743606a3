//! What the kernel says when a device comes: the messages of NETLINK_KOBJECT_UEVENT.

/// Longest message of the kernel, in bytes.
pub const UEVENT_BYTES_MAX: usize = 8192;

/// The name of the block device that a message says has come or changed; none for any other message.
///
/// ```text
/// message  = action "@" path NUL *( key "=" value NUL )     ; keys: ACTION, SUBSYSTEM, DEVNAME, …
/// ```
///
/// A medium put into a drive and an image put behind a loop device are changes.
pub fn block_device(message: &[u8]) -> Option<&str> {
    let value = |key: &str| {
        let mut fields = message.split(|&byte| byte == 0).skip(1);
        let value =
            fields.find_map(|field| field.strip_prefix(key.as_bytes())?.strip_prefix(b"="))?;
        core::str::from_utf8(value).ok()
    };
    let comes = matches!(value("ACTION")?, "add" | "change");
    let name = value("DEVNAME")?;
    let name = name.strip_prefix("/dev/").unwrap_or(name);
    (comes && value("SUBSYSTEM")? == "block" && !name.is_empty()).then_some(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ADD: &[u8] = b"add@/devices/pci0000:00/0000:00:05.0/virtio2/block/vdb\0ACTION=add\0DEVPATH=/devices/pci0000:00/0000:00:05.0/virtio2/block/vdb\0SUBSYSTEM=block\0MAJOR=254\0MINOR=16\0DEVNAME=vdb\0DEVTYPE=disk\0DISKSEQ=3\0SEQNUM=812\0";

    #[test]
    fn a_block_device_that_comes_is_told_from_the_rest() {
        assert_eq!(block_device(ADD), Some("vdb"));
        for (from, to, expected) in [
            ("ACTION=add", "ACTION=change", Some("vdb")),
            ("ACTION=add", "ACTION=remove", None),
            ("ACTION=add", "ACTION=", None),
            ("SUBSYSTEM=block", "SUBSYSTEM=net", None),
            ("DEVNAME=vdb", "DEVNAME=/dev/vdb1", Some("vdb1")),
            ("DEVNAME=vdb", "DEVNAME=", None),
            ("DEVNAME=vdb", "NAME=vdb", None),
        ] {
            let text = core::str::from_utf8(ADD).unwrap().replace(from, to);
            assert_eq!(block_device(text.as_bytes()), expected, "{to}");
        }
        for end in 0..ADD.len() {
            let found = block_device(&ADD[..end]);
            assert!(found.is_none_or(|name| "vdb".starts_with(name)));
        }
        assert_eq!(block_device(&[0xff; 100]), None);
    }
}
