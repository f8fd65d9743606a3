//! TLS, in a build without it: nothing is wrapped, and https is refused before a connection is made.

use ureq::unversioned::transport::{ConnectionDetails, Connector, Transport};

/// The TLS that is not there.
#[derive(Clone, Debug, Default)]
pub struct Tls(());

impl Tls {
    /// Nothing ever happens.
    pub fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// There is nothing to check.
    pub fn hear(&self, _: std::time::Duration) {}
}

impl<In: Transport> Connector<In> for Tls {
    type Out = In;

    fn connect(
        &self,
        _: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<In>, ureq::Error> {
        Ok(chained)
    }
}
