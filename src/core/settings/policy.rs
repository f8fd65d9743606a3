//! The policy: what to do with what is found, with what may be, and with nothing.
//!
//! ```text
//! policy = token *( "," token )
//! token  = "search" / "report" / "enabled" / "disabled"
//!        / "found=" ( "all" / "first" ) / "maybe=" ( "all" / "none" ) / "notfound=" ( "enabled" / "disabled" )
//! ```
//! The last token of a kind wins, unknown ones are passed over, a wrong value is the default's with a warning.

use alloc::format;
use alloc::vec::Vec;

use crate::note::Note;

/// What an identification is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Write down the datasources found.
    #[default]
    Search,
    /// Write them down where cloud-init does not act on them.
    Report,
    /// Look for nothing, let cloud-init do as it is configured.
    Enabled,
    /// Look for nothing, let cloud-init rest.
    Disabled,
}

impl Mode {
    /// Its word in a policy.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Search => "search",
            Mode::Report => "report",
            Mode::Enabled => "enabled",
            Mode::Disabled => "disabled",
        }
    }
}

/// A policy; the default is `search,found=all,maybe=none,notfound=disabled` on every architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What the identification is for.
    pub mode: Mode,
    /// Of several platforms found, keep the first only.
    pub found_first: bool,
    /// When none is found, take those that may be.
    pub maybe_all: bool,
    /// When there is nothing at all, let cloud-init run.
    pub notfound_enabled: bool,
}

impl Policy {
    /// Reads a policy; what it leaves out is the default's.
    pub fn parse(text: &str) -> (Policy, Vec<Note>) {
        let mut policy = Policy::default();
        let mut notes = Vec::new();
        for token in text.split(',') {
            match token {
                "search" => policy.mode = Mode::Search,
                "report" => policy.mode = Mode::Report,
                "enabled" => policy.mode = Mode::Enabled,
                "disabled" => policy.mode = Mode::Disabled,
                _ => policy.set(token, &mut notes),
            }
        }
        (policy, notes)
    }

    fn set(&mut self, token: &str, notes: &mut Vec<Note>) {
        let Some((key, value)) = token.split_once('=') else {
            return;
        };
        let (flag, on, off) = match key {
            "found" => (&mut self.found_first, "first", "all"),
            "maybe" => (&mut self.maybe_all, "all", "none"),
            "notfound" => (&mut self.notfound_enabled, "enabled", "disabled"),
            _ => return,
        };
        *flag = value == on;
        if value != on && value != off {
            let what = format!("invalid value '{value}' for key '{key}'. Using {key}={off}.");
            notes.push(Note::Stderr(what));
        }
    }

    /// The word after `found=`.
    pub fn found(&self) -> &'static str {
        if self.found_first { "first" } else { "all" }
    }

    /// The word after `maybe=`.
    pub fn maybe(&self) -> &'static str {
        if self.maybe_all { "all" } else { "none" }
    }

    /// The word after `notfound=`.
    pub fn notfound(&self) -> &'static str {
        if self.notfound_enabled {
            "enabled"
        } else {
            "disabled"
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    #[test]
    fn a_policy_takes_its_last_words_and_the_default_for_the_rest() {
        let (policy, notes) = Policy::parse("report,search,bogus,found=first,x=y,notfound=enabled");
        let expected = Policy {
            mode: Mode::Search,
            found_first: true,
            maybe_all: false,
            notfound_enabled: true,
        };
        assert_eq!((policy, notes), (expected, vec![]));
        assert_eq!(Policy::parse(""), (Policy::default(), vec![]));
    }

    #[test]
    fn a_wrong_value_is_the_defaults_and_told() {
        let (policy, notes) = Policy::parse("found=first,found=bogus");
        assert_eq!(policy, Policy::default());
        let told = "WARN: invalid value 'bogus' for key 'found'. Using found=all.";
        assert_eq!(notes[0].told(), Some(String::from(told)));
        assert_eq!(notes[0].logged(9), None);
    }
}
