//! `cloudseed make-mime`: one MIME multipart from files, as `cloud-init devel make-mime` makes it.

use std::io::{self, Write};
use std::process::ExitCode;

use argh::FromArgs;
use cloudseed_core::userdata::DOCUMENT_BYTES_MAX;
use cloudseed_core::userdata::compose::{self, Attachment};
use cloudseed_core::userdata::part_type::PartType;

use super::document;
use super::words::STANDARD_INPUT;

/// make one MIME multipart from files
#[derive(FromArgs)]
#[argh(
    subcommand,
    name = "make-mime",
    example = "make-mime -a config.yaml:cloud-config -a script.sh:x-shellscript > user-data"
)]
pub struct MakeMime {
    /// FILE:TYPE: put this file in, as text/TYPE; - is standard input; may be given several times
    #[argh(option, short = 'a', long = "attach", from_str_fn(file_and_type))]
    files: Vec<(String, String)>,
    /// print the types there are
    #[argh(switch, short = 'l')]
    list_types: bool,
    /// put in files of other types, too
    #[argh(switch, short = 'f')]
    force: bool,
}

impl MakeMime {
    /// Prints to `out`, complaints to standard error.
    pub fn run(self, out: &mut dyn Write) -> io::Result<ExitCode> {
        if self.list_types {
            writeln!(out, "{}", PartType::subtypes().join("\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let complaints = self.complaints();
        complaints
            .iter()
            .for_each(|complaint| eprintln!("{complaint}"));
        if !complaints.is_empty() && !self.force {
            return Ok(ExitCode::FAILURE);
        }
        out.write_all(self.multipart()?.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }

    /// cloud-init's words about types that it does not know.
    pub fn complaints(&self) -> Vec<String> {
        let weight = if self.force { "WARNING" } else { "ERROR" };
        let known = PartType::subtypes();
        let unknown = self
            .files
            .iter()
            .enumerate()
            .filter(|(_, (_, subtype))| !known.contains(&subtype.as_str()));
        let mut complaints: Vec<String> = unknown
            .map(|(index, (_, subtype))| {
                let number = index + 1;
                format!("{weight}: content type 'text/{subtype}' for attachment {number} may be incorrect!")
            })
            .collect();
        if !complaints.is_empty() {
            complaints.push("Invalid content-types, override with --force".to_string());
        }
        complaints
    }

    /// The multipart of all files.
    pub fn multipart(&self) -> io::Result<String> {
        let attachment = |(name, subtype): &(String, String)| {
            let filename = match name.as_str() {
                STANDARD_INPUT => "stdin",
                name => name,
            };
            let content = document::read(name)?;
            if content.len() > DOCUMENT_BYTES_MAX {
                let words = format!("{name}: more than {DOCUMENT_BYTES_MAX} bytes");
                return Err(io::Error::other(words));
            }
            Ok(Attachment {
                filename: filename.to_string(),
                subtype: subtype.clone(),
                content,
            })
        };
        let attachments: io::Result<Vec<Attachment>> = self.files.iter().map(attachment).collect();
        Ok(compose::multipart(&attachments?))
    }
}

/// `FILE:TYPE`, the type in lower case and without blanks around.
fn file_and_type(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((file, subtype)) => Ok((file.to_string(), subtype.trim().to_lowercase())),
        None => Err(format!("Invalid value for '{text}'")),
    }
}
