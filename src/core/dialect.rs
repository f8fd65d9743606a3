//! Dialects: protocols and layouts that several platforms speak. A platform knows dialects, never another platform.

pub mod base64;
pub mod dsmode;
pub mod ec2;
pub mod encoded;
pub mod mdata;
pub mod openstack;
pub mod ovf;
pub mod password;
pub mod seed;
pub mod shell;
pub mod vendor;
pub mod xml;
