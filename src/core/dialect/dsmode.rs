//! `dsmode`: when cloud-init applies the data of a datasource, if at all. It asks only that nobody has said `disabled`: `local`
//! and `net` are stages of its own, and we are before both.
//!
//! <https://cloudinit.readthedocs.io/en/latest/reference/datasources/configdrive.html>

use alloc::format;

use crate::fetch::Cloud;
use crate::value::Value;
use crate::warning::{Blame, Error};

/// What may stand there.
const MODES: [&str; 3] = ["disabled", "local", "net"];

/// Looks whether somebody has disabled the data. Of those who may say something the first who does is believed; a word that is not
/// understood is a warning, and no refusal.
///
/// # Errors
/// They are disabled: this datasource has nothing then, and the search goes on.
pub fn refuse_disabled(cloud: &mut Cloud, said: &[Option<&Value>]) -> Result<(), Error> {
    let mut said = said.iter().flatten().filter(|value| !value.is_null());
    let Some(first) = said.next() else {
        return Ok(());
    };
    match first.as_text() {
        Some("disabled") => {
            let step = format!("fetch {}", cloud.name);
            let (expected, found) = ("data that are to be used", "disabled by their owner");
            Err(Error::new(Blame::Unable, step, "dsmode", expected, found))
        }
        Some(mode) if MODES.contains(&mode) => Ok(()),
        _ => {
            let found = first.to_text().unwrap_or_default();
            cloud.warn("dsmode", &MODES.join(", "), crate::text::quote(&found));
            Ok(())
        }
    }
}
