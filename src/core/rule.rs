//! What a platform's rule can say of a machine, and the verdict it gives.
//!
//! Most clouds are known by one string of their firmware, so a rule is data: a [`Rule`] is a term over the facts of a
//! [`Machine`]. Where a cloud's rule is code (IBM's provisioning, Ec2's byte-swapped UUIDs), [`Rule::Code`] names the function.

use alloc::format;
use alloc::string::String;

use crate::machine::Machine;
use crate::machine::smbios::Field;

/// What one platform's rule says of a machine; each carries the reason, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This is the platform.
    Found(String),
    /// It may be, and only the network could tell.
    Maybe(String),
    /// It is not.
    No(String),
}

impl Verdict {
    /// The reason.
    pub fn because(&self) -> &str {
        match self {
            Verdict::Found(because) | Verdict::Maybe(because) | Verdict::No(because) => because,
        }
    }
}

/// How a firmware string is compared; always by exact case.
#[derive(Clone, Copy, Debug)]
pub enum Match {
    /// The whole string.
    Is(&'static str),
    /// Its beginning.
    Starts(&'static str),
    /// Its end.
    Ends(&'static str),
}

impl Match {
    fn holds(self, value: &str) -> bool {
        match self {
            Match::Is(text) => value == text,
            Match::Starts(text) => value.starts_with(text),
            Match::Ends(text) => value.ends_with(text),
        }
    }
}

/// A term over the facts of a machine.
#[derive(Clone, Copy)]
pub enum Rule {
    /// A firmware string; never true in a container, whose firmware is its host's.
    Dmi(Field, Match),
    /// A volume carries one of these labels, by exact spelling.
    Label(&'static [&'static str]),
    /// The command line has this word.
    Word(&'static str),
    /// A seed directory below /var/lib/cloud/seed holds all these files.
    Seed(&'static str, &'static [&'static str]),
    /// A regular file is there.
    File(&'static str),
    /// The first of these that does not say no.
    Any(&'static [Rule]),
    /// All of these hold; the last gives the reason.
    All(&'static [Rule]),
    /// A function decides.
    Code(fn(&Machine) -> Verdict),
}

impl Rule {
    /// Asks the rule of a machine.
    pub fn ask(&self, machine: &Machine) -> Verdict {
        match *self {
            Rule::Dmi(field, expected) => dmi(machine, field, expected),
            Rule::Label(labels) => match machine.volume_labelled(labels) {
                Some(volume) => Verdict::Found(format!(
                    "volume {} is labelled {}",
                    volume.name,
                    labels
                        .iter()
                        .find(|label| volume.is_labelled(label))
                        .unwrap_or(&"")
                )),
                None => Verdict::No(format!("no volume is labelled {}", labels.join(" or "))),
            },
            Rule::Word(word) => match machine.cmdline.has_word(word) {
                true => Verdict::Found(format!("the command line says {word}")),
                false => Verdict::No(format!("the command line does not say {word}")),
            },
            Rule::Seed(name, required) => seed(machine, name, required),
            Rule::File(path) => match machine.files.kind(path) {
                Some(crate::machine::Kind::File) => Verdict::Found(format!("{path} is there")),
                _ => Verdict::No(format!("{path} is not there")),
            },
            Rule::Any(rules) => any(machine, rules),
            Rule::All(rules) => all(machine, rules),
            Rule::Code(decide) => decide(machine),
        }
    }
}

fn dmi(machine: &Machine, field: Field, expected: Match) -> Verdict {
    let name = field.name();
    if machine.container {
        return Verdict::No(format!("{name} is the host's, this is a container"));
    }
    match machine.dmi.get(field) {
        Some(value) if expected.holds(value) => Verdict::Found(format!("{name} is {value:?}")),
        Some(value) => Verdict::No(format!("{name} is {value:?}")),
        None => Verdict::No(format!("{name} is not set")),
    }
}

fn seed(machine: &Machine, name: &str, required: &[&str]) -> Verdict {
    let directory = format!("/var/lib/cloud/seed/{name}");
    let complete = required.iter().all(|file| {
        machine.files.kind(&format!("{directory}/{file}")) == Some(crate::machine::Kind::File)
    });
    match complete {
        true => Verdict::Found(format!("{directory} holds {}", required.join(" and "))),
        false => Verdict::No(format!(
            "{directory} does not hold {}",
            required.join(" and ")
        )),
    }
}

fn any(machine: &Machine, rules: &[Rule]) -> Verdict {
    let mut reasons = String::new();
    for rule in rules {
        match rule.ask(machine) {
            Verdict::No(because) if reasons.is_empty() => reasons = because,
            Verdict::No(because) => reasons = format!("{reasons}; {because}"),
            verdict => return verdict,
        }
    }
    Verdict::No(reasons)
}

fn all(machine: &Machine, rules: &[Rule]) -> Verdict {
    let mut last = Verdict::No(String::from("no rule"));
    for rule in rules {
        last = rule.ask(machine);
        if let Verdict::No(_) = last {
            return last;
        }
    }
    last
}
