//! Release: which distribution this is, as os-release(5) says and as cloud-init reads it (`util.get_linux_distro`, `_get_variant`). In
//! an initramfs it is that of the image, which its generator takes over from the real root.
//!
//! ```text
//!   os-release = *( [ KEY "=" VALUE ] LF )
//!   VALUE      = a word of the shell, in quotation marks or without
//! ```

use alloc::string::{String, ToString};

use super::Files;

/// Where it is told; the first counts.
const PLACES: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];
/// Where Raspberry Pi OS says that it is not Debian.
const RASPBERRY: &str = "/etc/rpi-issue";

/// Distributions that are variants of their own.
const VARIANTS: [&str; 22] = [
    "almalinux",
    "alpine",
    "aosc",
    "arch",
    "azurelinux",
    "centos",
    "cloudlinux",
    "debian",
    "eurolinux",
    "fedora",
    "mariner",
    "miraclelinux",
    "opencloudos",
    "openeuler",
    "openmandriva",
    "photon",
    "raspberry-pi-os",
    "rhel",
    "rocky",
    "suse",
    "tencentos",
    "virtuozzo",
];

/// A distribution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// `debian`; `redhat` for RHEL. Empty if nobody says it.
    pub id: String,
    /// `12`; empty if it has none.
    pub version: String,
    /// `bookworm`; empty if it has none.
    pub name: String,
}

impl Release {
    /// What these files say, on a machine of this architecture.
    pub fn read(files: &dyn Files, arch: &str) -> Release {
        let text = text(files);
        let said = |key: &str| value(&text, key).unwrap_or_default().to_string();
        let mut id = said("ID");
        if !text.is_empty() && files.kind(RASPBERRY).is_some() {
            id = String::from("raspberry-pi-os");
        }
        let name = match id.as_str() {
            id if id.contains("suse") || id.contains("sles") => arch.to_string(),
            "alpine" | "photon" | "virtuozzo" => said("PRETTY_NAME"),
            _ => Some(said("VERSION_CODENAME"))
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| in_brackets(&said("VERSION")).to_string()),
        };
        if id == "rhel" {
            id = String::from("redhat");
        }
        Release {
            id,
            version: said("VERSION_ID"),
            name,
        }
    }

    /// The family by which cloud-init chooses its templates; `None` if nobody says which distribution this is.
    pub fn variant(&self) -> Option<&'static str> {
        let id = self.id.to_ascii_lowercase();
        if id.is_empty() {
            return None;
        }
        let known = VARIANTS.iter().find(|known| **known == id);
        Some(known.copied().unwrap_or(match id.as_str() {
            "ubuntu" | "linuxmint" | "mint" => "ubuntu",
            "redhat" => "rhel",
            "opensuse"
            | "opensuse-leap"
            | "opensuse-microos"
            | "opensuse-tumbleweed"
            | "sle_hpc"
            | "sle-micro"
            | "sles" => "suse",
            _ => "linux",
        }))
    }
}

/// What the first of the files says; empty if there is none.
pub fn text(files: &dyn Files) -> String {
    let text = PLACES.iter().find_map(|path| files.text(path));
    text.unwrap_or_default()
}

/// The value of a key, without its quotation marks.
pub fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))?;
    let inside = |mark: char| value.strip_prefix(mark)?.strip_suffix(mark);
    Some(inside('"').or_else(|| inside('\'')).unwrap_or(value))
}

/// `bookworm` of `12 (bookworm)`: behind the first word.
fn in_brackets(version: &str) -> &str {
    match version.split_once(" (") {
        Some((first, name)) if !first.is_empty() && !first.contains(' ') => {
            name.split_once(')').map_or("", |(name, _)| name)
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tree::Tree;

    #[test]
    fn a_distribution_is_called_as_cloud_init_calls_it() {
        for (text, expected, variant) in [
            (
                "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n",
                ["debian", "12", "bookworm"],
                Some("debian"),
            ),
            (
                "ID='ubuntu'\nVERSION_ID=14.04\nVERSION=\"14.04 (trusty) LTS\"\n",
                ["ubuntu", "14.04", "trusty"],
                Some("ubuntu"),
            ),
            (
                "ID=alpine\nVERSION_ID=3.22.0\nPRETTY_NAME=\"Alpine Linux v3.22\"\n",
                ["alpine", "3.22.0", "Alpine Linux v3.22"],
                Some("alpine"),
            ),
            (
                "ID=\"opensuse-leap\"\nVERSION_ID=15.6\n",
                ["opensuse-leap", "15.6", "x86_64"],
                Some("suse"),
            ),
            (
                "ID=\"rhel\"\nVERSION_ID=\"9.4\"\nVERSION=\"9.4 (Plow)\"\n",
                ["redhat", "9.4", "Plow"],
                Some("rhel"),
            ),
            ("ID=nixos\n", ["nixos", "", ""], Some("linux")),
            ("", ["", "", ""], None),
        ] {
            let tree = Tree::of(&[("/etc/os-release", text)]);
            let release = Release::read(&tree, "x86_64");
            let [id, version, name] = expected.map(String::from);
            assert_eq!(release, Release { id, version, name }, "{text}");
            assert_eq!(release.variant(), variant, "{text}");
        }
    }
}
