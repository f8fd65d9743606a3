//! Documents: what the cloud handed out, byte for byte.

use super::{Found, Outcome, Products};

/// Adds each document that there is, under the name cloud-init's users know.
pub(super) fn print(products: &mut Products, _: &Outcome, found: &Found) {
    for (document, bytes) in found.instance.documents.shared() {
        let path = alloc::format!("cloudseed/{}", document.name());
        products.put(&path, bytes);
    }
}
