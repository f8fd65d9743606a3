//! The argument `ds=nocloud;…`, on the kernel command line and in the SMBIOS serial number.

use alloc::string::String;
use alloc::vec::Vec;

use nom::bytes::complete::{tag, take_till};
use nom::character::complete::char;
use nom::combinator::{map, opt, rest};
use nom::multi::many0;
use nom::sequence::preceded;
use nom::{IResult, Parser};

/// When the seed may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DsMode {
    /// Before the network.
    Local,
    /// With the network.
    Net,
}

impl DsMode {
    /// cloud-init's word for it, a value of `dsmode`.
    pub fn as_str(self) -> &'static str {
        match self {
            DsMode::Local => "local",
            DsMode::Net => "net",
        }
    }
}

/// What `ds=nocloud` or `ds=nocloud-net` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// True for `ds=nocloud-net`.
    pub net: bool,
    /// Keys and values in the order of their first appearance, the short names `h`, `i` and `s` written out; of several
    /// with one key the last value. A key without `=` has none.
    pub items: Vec<(String, Option<String>)>,
}

impl Arguments {
    /// Looks for the argument in a line. As in cloud-init a word must be exactly `ds=nocloud`, or begin with it and `;`,
    /// but the last word that merely begins with it supplies the items.
    pub fn parse(line: &str) -> Option<Arguments> {
        ["nocloud", "nocloud-net"].into_iter().find_map(|name| {
            let words = || line.split_ascii_whitespace();
            let named = |word: &&str| exactly(name, word);
            words().find(named)?;
            let (_, last) = words()
                .filter_map(|word| beginning(name, word).ok())
                .next_back()?;
            Some(Arguments {
                net: name == "nocloud-net",
                items: unique(last),
            })
        })
    }

    /// The value of a key by its long name; `None` if it is absent or has no value.
    pub fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.items.iter().find(|(name, _)| name == key)?;
        value.as_deref()
    }

    /// The mode that the seed's address or the name implies, where no `dsmode` says it; none for an unknown address.
    pub fn implied_mode(&self) -> Option<DsMode> {
        let net = ["http://", "https://", "ftp://", "ftps://"];
        let local = ["file://", "/"];
        let begins = |seed: &str, with: &[&str]| with.iter().any(|prefix| seed.starts_with(prefix));
        match self.get("seedfrom").filter(|seed| !seed.is_empty()) {
            Some(seed) if begins(seed, &net) => Some(DsMode::Net),
            Some(seed) if begins(seed, &local) => Some(DsMode::Local),
            Some(_) => None,
            None if self.net => Some(DsMode::Net),
            None => Some(DsMode::Local),
        }
    }
}

type Item<'a> = (&'a str, Option<&'a str>);

/// ```text
/// argument = "ds=" name *( ";" item )
/// item     = [ key [ "=" value ] ]     ; neither holds a space or ";"; an empty item says nothing
/// ```
fn items(input: &str) -> IResult<&str, Vec<Item<'_>>> {
    let key = take_till(|c| c == ';' || c == '=');
    let value = preceded(char('='), take_till(|c| c == ';'));
    many0(preceded(char(';'), (key, opt(value)))).parse(input)
}

fn exactly(name: &str, word: &str) -> bool {
    let named: IResult<&str, (&str, &str)> = (tag("ds="), tag(name)).parse(word);
    named.is_ok_and(|(rest, _)| rest.is_empty() || rest.starts_with(';'))
}

/// The items of a word that begins with the name, whatever stands before the first `;`.
fn beginning<'a>(name: &str, word: &'a str) -> IResult<&'a str, Vec<Item<'a>>> {
    let named = (tag("ds="), tag(name), take_till(|c| c == ';'));
    map((named, items, rest), |(_, items, _)| items).parse(word)
}

fn unique(items: Vec<Item>) -> Vec<(String, Option<String>)> {
    let mut unique: Vec<(String, Option<String>)> = Vec::new();
    for (key, value) in items {
        let key = match key {
            "h" => "local-hostname",
            "i" => "instance-id",
            "s" => "seedfrom",
            "" if value.is_none() => continue,
            key => key,
        };
        let value = value.map(String::from);
        match unique.iter_mut().find(|(name, _)| name == key) {
            Some((_, slot)) => *slot = value,
            None => unique.push((String::from(key), value)),
        }
    }
    unique
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::format;

    /// Items and implied mode in one line of text.
    fn parse(line: &str) -> Option<String> {
        let arguments = Arguments::parse(line)?;
        let item = |(key, value): &(String, Option<String>)| match value {
            Some(value) => format!("{key}={value}"),
            None => key.clone(),
        };
        let items: Vec<String> = arguments.items.iter().map(item).collect();
        let mode = arguments.implied_mode().map_or("-", DsMode::as_str);
        Some(format!("{} {mode} {}", arguments.net, items.join(",")))
    }

    #[test]
    fn arguments_are_read_as_cloud_init_reads_them() {
        for (line, expected) in [
            ("ds=nocloud", "false local "),
            ("ds=nocloud-net", "true net "),
            (
                "ro ds=nocloud;s=http://x/;h=foo;i=iid quiet",
                "false net seedfrom=http://x/,local-hostname=foo,instance-id=iid",
            ),
            ("ds=nocloud-net;s=/a/b;x", "true local seedfrom=/a/b,x"),
            ("ds=nocloud;;h=;foo", "false local local-hostname=,foo"),
            ("ds=nocloud;s=ftp://x", "false net seedfrom=ftp://x"),
            ("ds=nocloud;s=tftp://x", "false - seedfrom=tftp://x"),
            (
                "a ds=nocloud b ds=nocloud-net;i=2",
                "false local instance-id=2",
            ),
            (
                "ds=nocloud;i=1;i=2;a=b=c",
                "false local instance-id=2,a=b=c",
            ),
            ("ds=nocloud ds=nocloudfoo;i=3", "false local instance-id=3"),
        ] {
            assert_eq!(parse(line).as_deref(), Some(expected), "{line}");
        }
        for line in [
            "",
            "ds=nocloudfoo;i=1",
            "xds=nocloud",
            "ds=NoCloud;i=1",
            "ds=",
            "nocloud",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
