//! Documents: what the cloud handed out, byte for byte.

use super::{Found, Outcome, Products};

/// Adds each document that there is, under the name cloud-init's users know.
pub(super) fn print(products: &mut Products, _: &Outcome, found: &Found) {
    let documents = &found.instance.documents;
    for (path, document) in [
        ("cloudseed/meta-data", &documents.meta_data),
        ("cloudseed/user-data", &documents.user_data),
        ("cloudseed/vendor-data", &documents.vendor_data),
        ("cloudseed/vendor-data2", &documents.vendor_data2),
        ("cloudseed/network-config", &documents.network_config),
    ] {
        if let Some(document) = document {
            products.put(path, document.as_slice());
        }
    }
}
