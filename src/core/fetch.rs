//! Fetch: what a recipe sees of the machine, of its owner's words and of the outside.
//!
//! ```text
//!   a recipe (platform/*.rs)
//!     ├── Cloud      the machine, the settings, the evidence, the outside; warnings and the deadline
//!     │     └── reach ─► Service   one metadata server: paths in, documents out; retries, tokens, signatures
//!     │     └── web   ─► Web       documents by URL, wherever they are
//!     └── outside.open ─► Stream   a serial line, a socket
//! ```
//! No recipe knows what the outside is made of.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::instance::{Instance, InstanceId, Told};
use crate::journal::Journal;
use crate::machine::smbios::Field;
use crate::machine::{self, Link, Machine};
use crate::network::Config;
use crate::outside::{At, Endpoint, Network, Outside};
use crate::rule::Evidence;
use crate::settings::Settings;
use crate::url::{Url, shown};
use crate::value::{Map, Value};
use crate::warning::{Blame, Error, Warning};

mod cards;
pub mod schedule;
pub mod service;
pub mod tries;
pub mod web;

use service::Service;
use web::Web;

/// Longest body of a metadata document, in bytes; no cloud allows user-data above 64 KiB, media go up to this.
pub const RESPONSE_BYTES_MAX: usize = 16 << 20;
/// Longest time that the fetch step may take in all, in seconds. Where `cloudseed.deadline` is set, the deadline of the whole boot
/// counts in its place.
pub const FETCH_SECONDS_MAX: u64 = 60;

/// What is done outside, as a service or a hypervisor wants it, because an instance was read.
pub type Act = Box<dyn FnOnce(&mut Cloud)>;

/// What a recipe works with.
pub struct Cloud<'a> {
    /// The platform's name, for messages.
    pub name: &'static str,
    /// The facts of the machine.
    pub machine: &'a Machine<'a>,
    /// What its owner has configured.
    pub settings: &'a Settings,
    /// The network that the way needs.
    pub network: Network,
    /// What showed the way.
    pub evidence: Evidence,
    /// The outside.
    pub outside: &'a mut dyn Outside,
    /// The log.
    pub journal: Journal,
    /// When this way must be done, on the clock of [`crate::outside::Clock::now`].
    pub deadline: Duration,
    /// What was lost, each for a reason that does not cost the rest.
    pub warnings: Vec<Warning>,
    /// What is to be done once the instance is accepted, by [`Cloud::act`].
    acts: Vec<Act>,
}

impl<'a> Cloud<'a> {
    /// The cloud of `name`, with nothing known of how it shows.
    pub fn new(
        name: &'static str,
        machine: &'a Machine<'a>,
        settings: &'a Settings,
        outside: &'a mut dyn Outside,
        journal: &Journal,
        deadline: Duration,
    ) -> Cloud<'a> {
        Cloud {
            name,
            machine,
            settings,
            network: Network::None,
            evidence: Evidence::default(),
            outside,
            journal: journal.clone(),
            deadline,
            warnings: Vec::new(),
            acts: Vec::new(),
        }
    }

    /// Leaves something to be done outside that nobody can take back: not before the instance is accepted, and by no boot that
    /// only shows what there is.
    pub fn once_accepted(&mut self, act: impl FnOnce(&mut Cloud) + 'static) {
        self.acts.push(Box::new(act));
    }

    /// Does what was left to be done, in its order.
    pub fn act(&mut self) {
        for act in core::mem::take(&mut self.acts) {
            act(self);
        }
    }

    /// The time since the epoch: the machine's, but never before what a metadata service has told.
    pub fn wall(&self) -> Duration {
        self.outside.heard().max(self.outside.wall())
    }

    /// The interfaces that there are now: the drivers of some may have come after the facts of the machine were read.
    pub fn links(&self) -> Vec<Link> {
        machine::links(self.machine.files)
    }

    /// What the cloud told, as an instance. Where it told some of it, but no identifier that is one, the firmware's stands for
    /// that: the board's asset tag, where it is one of Ec2's, else the number of the machine. For cloud-init all such
    /// machines are one, and its copies run nothing anew.
    ///
    /// # Errors
    /// As in [`Instance::new`].
    pub fn instance(&mut self, mut told: Told) -> Result<Instance, Error> {
        let id = told.instance_id.as_deref().unwrap_or_default();
        if InstanceId::new(id).is_none() && told.says_something() {
            let dmi = &self.machine.dmi;
            let tag = dmi.get(Field::BoardAssetTag);
            let tag = tag.filter(|tag| tag.starts_with("i-")).map(String::from);
            let number = || dmi.get(Field::ProductUuid).map(str::to_ascii_lowercase);
            let id = tag.or_else(number);
            if let Some(id) = id.filter(|id| InstanceId::new(id).is_some()) {
                let found = "none (the firmware's stands for it)";
                self.warn("instance-id", "text of one line", found.to_string());
                told.instance_id = Some(id);
            }
        }
        Instance::new(self.name, told, &mut self.warnings)
    }

    /// A line for the log.
    pub fn note(&self, line: fmt::Arguments) {
        self.journal.note(self.outside.now(), line);
    }

    /// Brings up the network that the way needs, and races to the first of these addresses that answers.
    ///
    /// # Errors
    /// None does, before this way's time is up.
    pub fn reach<'e>(&mut self, urls: &[&'e str]) -> Result<Service<'e>, Error> {
        let endpoints: Vec<Endpoint> = urls.iter().map(|url| Endpoint::from(*url)).collect();
        self.reach_at(&endpoints)
    }

    /// Like [`Cloud::reach`]; but if cloud-init's configuration of the datasource has a URL, or a list of them, under `key`, those
    /// are asked, over any network.
    ///
    /// # Errors
    /// The same.
    pub fn reach_configured(
        &mut self,
        key: &str,
        usual: &[&'static str],
    ) -> Result<Service<'a>, Error> {
        let configured = self.configured_urls(key);
        if configured.is_empty() {
            return self.reach(usual);
        }
        self.network = Network::Any;
        self.reach(&configured)
    }

    /// The service that has one document, and the document's path: those of the URL that is configured under `key`, else the
    /// `usual` ones with `path`.
    ///
    /// # Errors
    /// The same.
    pub fn reach_document(
        &mut self,
        key: &str,
        usual: &[&'static str],
        path: &str,
    ) -> Result<(Service<'a>, String), Error> {
        Ok(match self.configured_url(key) {
            Some(url) => (self.reach_url(&url)?, url.target()),
            None => (self.reach(usual)?, String::from(path)),
        })
    }

    /// Like [`Cloud::reach`], for the server of a URL that is configured, over any network.
    ///
    /// # Errors
    /// The same.
    pub fn reach_url(&mut self, url: &Url) -> Result<Service<'a>, Error> {
        self.network = Network::Any;
        let origin = url.origin();
        self.reach(&[&origin])?;
        Ok(Service::new(&origin, At::Host))
    }

    /// The first that is a URL of what is configured under `key`.
    pub fn configured_url(&self, key: &str) -> Option<Url<'a>> {
        self.configured_urls(key).into_iter().find_map(Url::parse)
    }

    /// What is configured under `key`, without slashes at the end.
    pub fn configured_urls(&self, key: &str) -> Vec<&'a str> {
        let urls: &[Value] = match self.configured(key) {
            Some(Value::List(urls)) => urls,
            Some(url) => core::slice::from_ref(url),
            None => &[],
        };
        let urls = urls.iter().filter_map(Value::as_text);
        let urls = urls.map(|url| url.trim_end_matches('/'));
        urls.filter(|url| !url.is_empty()).collect()
    }

    /// Like [`Cloud::reach`], for endpoints whose address is not that of the URL's host.
    ///
    /// # Errors
    /// The same.
    pub fn reach_at<'e>(&mut self, endpoints: &[Endpoint<'e>]) -> Result<Service<'e>, Error> {
        let timeout = self.remaining();
        let reached = self.outside.reach(self.network, endpoints, timeout);
        let found = match reached.map(|index| endpoints.get(index)) {
            Ok(Some(endpoint)) => return Ok(Service::new(endpoint.url, endpoint.at)),
            Ok(None) => String::from("none"),
            Err(failure) => failure.found,
        };
        let urls = endpoints.iter();
        let urls: Vec<String> = urls
            .map(|endpoint| shown(endpoint.url).to_string())
            .collect();
        let step = format!("fetch {}", self.name);
        let place = urls.join(" or ");
        Err(Error::new(
            Blame::Silent,
            step,
            place,
            "a connection",
            found,
        ))
    }

    /// Documents by URL, within the same deadline.
    pub fn web(&mut self) -> Web<'_> {
        Web {
            files: self.machine.files,
            outside: self.outside,
            journal: self.journal.clone(),
            deadline: self.deadline,
        }
    }

    /// How long is left.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_sub(self.outside.now())
    }

    /// Runs with a deadline that is at most so far away.
    pub fn within<T>(&mut self, most: Duration, run: impl FnOnce(&mut Cloud<'a>) -> T) -> T {
        let whole = self.deadline;
        self.deadline = whole.min(self.outside.now().saturating_add(most));
        let done = run(self);
        self.deadline = whole;
        done
    }

    /// What cloud-init's configuration of this datasource has under a key.
    pub fn configured(&self, key: &str) -> Option<&'a Value> {
        let settings: &'a Settings = self.settings;
        settings.datasource(self.name)?.get(key)
    }

    /// Whether cloud-init's configuration of this datasource switches off what is on where it says nothing.
    pub fn is_off(&self, key: &str) -> bool {
        self.configured(key).and_then(Value::as_flag) == Some(false)
    }

    /// Warns of something that costs only itself.
    pub fn warn(&mut self, place: &str, expected: &str, found: impl ToString) {
        let step = format!("fetch {}", self.name);
        self.warnings
            .push(Warning::new(step, place, expected, found));
    }

    /// An answer of this cloud that is not what it documents.
    pub fn broken(&self, place: &str, expected: impl ToString, found: impl ToString) -> Error {
        let step = format!("fetch {}", self.name);
        Error::new(Blame::Broken, step, place, expected, found)
    }

    /// Warnings of whoever read what this cloud said.
    pub fn add_warnings(&mut self, warnings: Vec<Warning>) {
        let step = format!("fetch {}", self.name);
        for mut warning in warnings {
            warning.step.clone_from(&step);
            self.warnings.push(warning);
        }
    }

    /// A network configuration that was made of what the cloud says, as the document that it becomes.
    pub fn network_config(
        &mut self,
        (config, warnings): (Option<Config>, Vec<Warning>),
    ) -> Option<Vec<u8>> {
        self.network_document((config.map(Config::write), warnings))
    }

    /// The same of one that is a document already.
    pub fn network_document(
        &mut self,
        (document, warnings): (Option<Value>, Vec<Warning>),
    ) -> Option<Vec<u8>> {
        self.add_warnings(warnings);
        match document? {
            document @ Value::Map(_) => Some(crate::yaml::write(&document).into_bytes()),
            other => {
                self.warn("network configuration", "a map", other.noun());
                None
            }
        }
    }

    /// A document that has to be a map in JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn json_map(&self, place: &str, document: &[u8]) -> Result<Map, Error> {
        match crate::json::read(document) {
            Ok(Value::Map(map)) => Ok(map),
            Ok(other) => Err(self.broken(place, "an object", other.noun())),
            Err(error) => Err(self.broken(place, "a JSON document", error)),
        }
    }
}
