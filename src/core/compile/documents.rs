//! Documents: what the cloud handed out, byte for byte.

use super::Products;
use crate::instance::Documents;
use crate::plan::Mode;

/// Adds each document that there is, under the name cloud-init's users know.
pub fn put(products: &mut Products, documents: &Documents) {
    for (name, document) in [
        ("meta-data", &documents.meta_data),
        ("user-data", &documents.user_data),
        ("vendor-data", &documents.vendor_data),
        ("vendor-data2", &documents.vendor_data2),
        ("network-config", &documents.network_config),
    ] {
        if let Some(document) = document {
            let path = alloc::format!("cloudseed/{name}");
            products.put(&path, Mode::Private, document.as_slice());
        }
    }
}
