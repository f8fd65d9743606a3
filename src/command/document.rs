//! Documents that commands read: files, standard input, and what they include.

use std::fs::File;
use std::io::{self, Read};

use cloudseed_core::bytes::Bytes;
use cloudseed_core::fetch::RESPONSE_BYTES_MAX;
use cloudseed_core::url::{local_path, shown};
use cloudseed_core::userdata::{self, Includes};
use cloudseed_core::warning::{Blame, Error};

use super::words::STANDARD_INPUT;
use crate::sys::root::Root;

/// Most bytes of a document or of an included file that are read; one more than a document may have.
const FILE_BYTES_MAX: u64 = userdata::DOCUMENT_BYTES_MAX as u64 + 1;

/// A document by the name of its file; `-` is standard input. The error names the file and says plainly what is wrong.
pub fn read(name: &str) -> io::Result<Vec<u8>> {
    let document = match name {
        STANDARD_INPUT => read_bounded(io::stdin(), 0),
        _ => File::open(name).and_then(|file| {
            let bytes = file.metadata().map_or(0, |metadata| metadata.len());
            read_bounded(file, bytes)
        }),
    };
    document.map_err(|error| io::Error::new(error.kind(), format!("{name}: {}", plain(&error))))
}

/// Reads to the end or the bound; there is room for this many bytes from the start.
fn read_bounded(source: impl Read, bytes: u64) -> io::Result<Vec<u8>> {
    // One byte more, so that the end is found without growing.
    let mut document = Vec::with_capacity(bytes.min(FILE_BYTES_MAX) as usize + 1);
    source.take(FILE_BYTES_MAX).read_to_end(&mut document)?;
    Ok(document)
}

/// What went wrong with a file, without the system's number for it.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_string(),
        io::ErrorKind::IsADirectory => "this is a directory, not a file".to_string(),
        io::ErrorKind::InvalidInput => "this is no regular file".to_string(),
        io::ErrorKind::FileTooLarge => "it is longer than a document may be".to_string(),
        io::ErrorKind::PermissionDenied => "it may not be read by this user".to_string(),
        _ => error.to_string(),
    }
}

/// Included files, below a prefix; anything else comes from the web, if that is wanted.
pub struct Files<'a> {
    /// The prefix, out of which no link leads; as the agent reads it, which opens nothing but regular files.
    pub root: Root,
    /// The web.
    pub web: Option<&'a mut dyn Includes>,
}

impl Includes for Files<'_> {
    fn get(&mut self, url: &str, once: bool) -> Result<Bytes, Error> {
        let wanted =
            |found: String| Error::new(Blame::Broken, "decode", shown(url), "a document", found);
        match (local_path(url), &mut self.web) {
            (Some(path), _) => {
                let document = self.root.load(&path, RESPONSE_BYTES_MAX);
                let document = document.map(Bytes::from);
                document.map_err(|error| wanted(plain(&error)))
            }
            (None, Some(web)) => web.get(url, once),
            (None, None) => Err(wanted("none, because --include was not given".to_string())),
        }
    }
}
