//! Documents: what the cloud handed out, byte for byte.

use super::Products;
use crate::instance::Documents;
use crate::plan::Mode;

/// Adds the documents there are; nobody but root may read them.
pub fn put(products: &mut Products, documents: &Documents) {
    for (document, bytes) in documents.iter() {
        let path = alloc::format!("cloudseed/{}", document.name());
        products.put(&path, Mode::Private, bytes);
    }
}
