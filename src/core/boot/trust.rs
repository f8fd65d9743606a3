//! Trust: whether user-data are those that the owner of the machine has pinned (`cloudseed.sha256=`) or signed (a public key in
//! the initramfs, `/etc/cloudseed/minisign.pub`).
//!
//! A signature stands before the document, as minisign writes it, so that every cloud can hand it out; a seed may have it as a
//! file beside it. What is not trusted ends the way that brought it, as a source that is broken; vendor-data that are not signed
//! are lost alone, or taken on request (`cloudseed.unsigned_vendor_data=true`): they, too, are executed as root. Meta-data and
//! network configuration are not covered. A trusted comment with `instance-id:ID` holds for that instance only.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::digest;
use crate::instance::{Document, Instance};
use crate::minisign::{PublicKey, Signature};
use crate::settings::Settings;
use crate::text;
use crate::warning::{Blame, Error, Warning};

/// Judges an instance, takes signatures away from its documents, and notes in it what they are trusted by.
///
/// # Errors
/// Its user-data are not trusted.
pub fn judge(
    settings: &Settings,
    mut instance: Instance,
) -> Result<(Instance, Vec<Warning>), Error> {
    let step = format!("fetch {}", instance.platform);
    let broken = |expected: &str, found: String| {
        let place = Document::UserData.name();
        Error::new(Blame::Broken, step.clone(), place, expected, found)
    };
    let mut lost = Vec::new();
    if let Some(keys) = &settings.keys {
        let signed = signed(&mut instance, Document::UserData, keys);
        let (key, comment) =
            signed.map_err(|found| broken("a signature by a key of the initramfs", found))?;
        instance.trusted.insert("key", key);
        instance.trusted.insert("comment", comment);
    }
    if (settings.keys.is_some() || settings.pin.is_some()) && !settings.unsigned_vendor_data {
        for document in [Document::VendorData, Document::VendorData2] {
            let there = instance.documents.get(document);
            if there.is_none_or(|bytes| bytes.is_empty()) {
                continue;
            }
            let keys = settings.keys.as_deref().unwrap_or_default();
            if let Err(found) = self::signed(&mut instance, document, keys) {
                instance.documents.replace(document, None);
                let expected = "a signature by a key of the initramfs";
                lost.push(Warning::new(step.clone(), document.name(), expected, found));
            }
        }
    }
    if let Some(pin) = &settings.pin {
        let document = instance.documents.get(Document::UserData);
        let digest = digest::sha256(document.unwrap_or_default());
        if digest != *pin {
            let expected = format!("the document whose SHA-256 is {pin}");
            return Err(broken(&expected, format!("one with {digest}")));
        }
        instance.trusted.insert("sha256", digest);
    }
    Ok((instance, lost))
}

/// The name of the key that signed a document, and the trusted comment; the document is without its signature then.
fn signed(
    instance: &mut Instance,
    document: Document,
    keys: &[PublicKey],
) -> Result<(String, String), String> {
    let bytes = instance
        .documents
        .replace(document, None)
        .unwrap_or_default();
    let split = Signature::split(&bytes);
    let verified = match &split {
        None => Err(String::from("none that is whole")),
        Some((signature, rest)) => holds(signature, rest, keys, instance.instance_id.as_str()),
    };
    let plain = match (&split, &verified) {
        (Some((_, rest)), Ok(_)) => bytes.piece(rest),
        _ => bytes.clone(),
    };
    instance.documents.replace(document, Some(plain));
    verified
}

fn holds(
    signature: &Signature,
    document: &[u8],
    keys: &[PublicKey],
    instance_id: &str,
) -> Result<(String, String), String> {
    let key = signature.verify(keys, document)?;
    match signature.said("instance-id") {
        Some(id) if id != instance_id => Err(format!("a signature for {}", text::quote(id))),
        _ => Ok((key.name(), String::from(signature.comment))),
    }
}
