//! https:// over our stack: certificates made for the occasion, a cloud that serves them, and clocks that are wrong.
//!
//! Needs openssl (version 3), and says so if there is none.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloudseed_core::fetch::web::{self, Web};
use cloudseed_core::journal::Journal;
use cloudseed_core::net::{Net, Nic};
use cloudseed_core::outside::{Again, Clock, Failure, Method, Request, Response};

use crate::cable::{Cable, Plug};
use crate::cloud::SimulatedCloud;
use crate::sys::own_stack::OwnStack;
use crate::sys::root::Root;
use crate::sys::tls::Tls;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const PATH: &str = "/hetzner/v1/userdata";
/// What the service of the folder answers to [`PATH`].
const BYTES: &[u8] = include_bytes!("../roots/hetzner/cloud/GET/hetzner/v1/userdata");

const EXTENSIONS: &str = "[req]\ndistinguished_name=name\n[name]\n\
    [root]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n\
    [middle]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n\
    [leaf]\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n\
    subjectAltName=DNS:seed.test,IP:10.0.2.80\n";

/// A folder with a root certificate, one between, what that signed for 30 days for `seed.test` and 10.0.2.80, and machines
/// that have the root in their bundle, or another one.
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Made once for all tests of this run, with keys for the algorithm of `openssl req -newkey`.
    pub fn new(name: &str, key: &str) -> Certificates {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("extensions"), EXTENSIONS).unwrap();
        let made = Certificates { folder };
        for (name, kind, signer) in [
            ("root", "root", ""),
            ("other", "root", ""),
            ("middle", "middle", "-CA root.pem -CAkey root.key"),
            ("leaf", "leaf", "-CA middle.pem -CAkey middle.key"),
        ] {
            made.openssl(&format!(
                "req -x509 -config extensions -extensions {kind} -newkey {key} -nodes -days 30 -subj /CN={name} \
                 -keyout {name}.key -out {name}.pem {signer}"
            ));
        }
        let chain = ["leaf.pem", "middle.pem"].map(|name| std::fs::read(made.file(name)).unwrap());
        std::fs::write(made.file("chain.pem"), chain.concat()).unwrap();
        for name in ["root", "other"] {
            let bundle = made.machine(name).join("etc/ssl/certs");
            std::fs::create_dir_all(&bundle).unwrap();
            std::fs::copy(
                made.file(&format!("{name}.pem")),
                bundle.join("ca-certificates.crt"),
            )
            .unwrap();
        }
        made
    }

    fn openssl(&self, words: &str) {
        let output = Command::new("openssl")
            .args(words.split_ascii_whitespace())
            .current_dir(&self.folder)
            .output()
            .expect("openssl must be installed");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {words}: {errors}");
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The root of a machine that trusts the certificate `name`.
    pub fn machine(&self, name: &str) -> PathBuf {
        self.folder.join(format!("machine-{name}"))
    }
}

/// The certificates of this run of the tests, with keys on an elliptic curve.
fn certificates() -> &'static Certificates {
    static MADE: OnceLock<Certificates> = OnceLock::new();
    MADE.get_or_init(|| {
        Certificates::new("certificates", "ec -pkeyopt ec_paramgen_curve:prime256v1")
    })
}

pub fn today() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// A machine in a cloud that serves https at 10.0.2.80.
struct Lab {
    world: OwnStack<Cable>,
    journal: Journal,
}

impl Lab {
    /// The machine trusts the bundle below `root`; `more` is what the service does beside.
    fn new(root: &Path, wall: fn() -> Duration, more: &str) -> Lab {
        let certificates = certificates();
        let (chain, key) = (
            certificates.file("chain.pem"),
            certificates.file("leaf.key"),
        );
        let (secure, lines) = more.split_once('|').unwrap_or((more, ""));
        let cloud = SimulatedCloud::from_folder("tests/roots/hetzner/cloud").unwrap();
        let cloud = cloud
            .with(&format!(
                "name seed.test 10.0.2.80\nname wrong.test 10.0.2.80\nlisten 10.0.2.80\n\
                 secure 10.0.2.80:443 {} {} {secure}\n{lines}",
                chain.display(),
                key.display()
            ))
            .unwrap();
        let cable = Cable::new(vec![Plug::Cloud(cloud)], 7);
        let journal = Journal::new();
        let nic = Nic {
            name: String::from("eth0"),
            index: 2,
            mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
            mtu: 1500,
        };
        let tls = Tls::new(Root::new(root), wall);
        let net = Net::new(cable, vec![nic], 7);
        let world = OwnStack::new(net, journal.clone()).trusting(tls);
        Lab { world, journal }
    }

    /// One that trusts who signed, on time.
    fn good(more: &str) -> Lab {
        Lab::new(&certificates().machine("root"), today, more)
    }

    fn get(&mut self, url: &str) -> Result<Response, Failure> {
        let request = Request::new(Method::Get, url, 1 << 20, 5 * SECOND);
        web::follow(&mut self.world, &request, 5)
    }

    fn log(&self) -> String {
        let lines = self.journal.lines();
        lines
            .iter()
            .map(|line| format!("{}\n", line.text))
            .collect()
    }
}

#[test]
fn documents_come_over_tls() {
    let versions = [
        ("", "seed.test"),
        ("only 12", "seed.test"),
        ("", "10.0.2.80"),
    ];
    for (more, host) in versions {
        let mut lab = Lab::good(more);
        let url = format!("https://{host}{PATH}");
        for _ in 0..3 {
            let answer = lab
                .get(&url)
                .unwrap_or_else(|failure| panic!("{more}: {failure:?} {}", lab.log()));
            assert_eq!(
                (answer.status, answer.body.as_slice()),
                (200, BYTES),
                "{more}"
            );
        }
        assert!(
            lab.log()
                .contains("tls: 1 root certificates of /etc/ssl/certs/ca-certificates.crt"),
            "{}",
            lab.log()
        );
    }
}

#[test]
fn connections_are_kept() {
    let mut lab = Lab::good("|delay 10ms");
    let url = format!("https://seed.test{PATH}");
    let mut took = [Duration::ZERO; 3];
    for took in &mut took {
        let before = lab.world.now();
        assert_eq!(lab.get(&url).map(|answer| answer.status), Ok(200));
        *took = lab.world.now() - before;
    }
    assert_eq!(took[1..], [SECOND / 50; 2], "{}", lab.log());
}

#[test]
fn who_is_not_trusted_is_told_in_words() {
    let made = certificates();
    let (root, other) = (made.machine("root"), made.machine("other"));
    let nobody = made.machine("nobody");
    let late = || today() + 60 * DAY;
    let early = || today() - 3 * DAY;
    let (good, wrong) = ("https://seed.test/", "https://wrong.test/");
    for (root, wall, url, want) in [
        (
            &other,
            today as fn() -> Duration,
            good,
            "a certificate of an unknown issuer",
        ),
        (&nobody, today, good, "a certificate of an unknown issuer"),
        (&root, late, good, "a certificate that expired on "),
        (&root, early, good, "a certificate that begins on "),
        (
            &root,
            today,
            wrong,
            "a certificate of another name (seed.test, ",
        ),
    ] {
        let mut lab = Lab::new(root, wall, "");
        let failure = lab.get(url).unwrap_err();
        assert!(failure.found.starts_with(want), "{failure:?}");
        assert_eq!(failure.again, Again::Never, "{failure:?}");
    }
}

#[test]
fn a_clock_in_1970_is_set_forward_for_certificates_only() {
    let mut lab = Lab::new(&certificates().machine("root"), || Duration::ZERO, "");
    let answer = lab.get(&format!("https://seed.test{PATH}"));
    assert_eq!(
        answer.map(|answer| answer.body).as_deref(),
        Ok(BYTES),
        "{}",
        lab.log()
    );
    let told = "tls: the clock says 1970-01-01, before this program was made: certificates are checked as of 20";
    assert!(lab.log().contains(told), "{}", lab.log());
    // Wrong names and unknown issuers stay wrong and unknown.
    let failure = lab.get("https://wrong.test/").unwrap_err();
    assert!(
        failure.found.starts_with("a certificate of another name"),
        "{failure:?}"
    );
}

#[test]
fn a_clock_that_is_behind_is_set_forward_to_what_a_service_told() {
    let root = certificates().machine("root");
    let url = format!("https://seed.test{PATH}");
    let mut lab = Lab::new(&root, || today() - 3 * DAY, "");
    assert!(lab.get(&url).is_err());
    lab.world.hear(today());
    lab.world.hear(today() - 9 * DAY);
    assert!(lab.get(&url).is_ok(), "{}", lab.log());
    let told = "the metadata service 20";
    assert!(lab.log().contains(told), "{}", lab.log());
    // It is a bound from below: a clock that is ahead stays there, and what has expired by then has.
    for (wall, told) in [(60, 0), (0, 60)] {
        let wall = if wall > 0 {
            || today() + 60 * DAY
        } else {
            today as fn() -> Duration
        };
        let mut lab = Lab::new(&root, wall, "");
        lab.world.hear(today() + told * DAY);
        let found = lab.get(&url).unwrap_err().found;
        assert!(found.starts_with("a certificate that expired"), "{found}");
    }
}

#[test]
fn bad_and_huge_bundles_cost_only_what_is_bad() {
    let made = certificates();
    let root = std::fs::read_to_string(made.file("root.pem")).unwrap();
    let body = root.replacen("MII", "MIJ", 1);
    let huge = format!("{root}{}", "x".repeat(5 << 20));
    for (number, (bundle, want)) in [
        (
            format!("{body}\nrubbish\n{root}"),
            "tls: 1 root certificates of /etc/ssl/certs/ca-certificates.crt, 1 bad",
        ),
        (body, " root certificates of this program"),
        (huge, " root certificates of this program"),
    ]
    .into_iter()
    .enumerate()
    {
        let machine = made.machine(&format!("bundle-{number}"));
        std::fs::create_dir_all(machine.join("etc/ssl/certs")).unwrap();
        std::fs::write(machine.join("etc/ssl/certs/ca-certificates.crt"), bundle).unwrap();
        let mut lab = Lab::new(&machine, today, "");
        assert_eq!(
            lab.get("https://seed.test/").is_ok(),
            number == 0,
            "{}",
            lab.log()
        );
        assert!(lab.log().contains(want), "{number}: {}", lab.log());
    }
}

#[test]
fn redirects_stay_in_their_scheme() {
    let lines = "|answer GET /down 302 location http://10.0.2.80/\n\
                 answer GET /on 302 location https://10.0.2.80/hetzner/v1/userdata";
    let mut lab = Lab::good(lines);
    let failure = lab.get("https://seed.test/down").unwrap_err();
    assert_eq!(
        (failure.again, failure.found.as_str()),
        (Again::Never, "a redirect to http://10.0.2.80/")
    );
    let answer = lab.get("https://seed.test/on");
    assert_eq!(answer.map(|answer| answer.body).as_deref(), Ok(BYTES));
}

#[test]
fn bounds_and_deadlines_hold_inside_tls() {
    for (more, want) in [
        ("rate 0", "no answer in 5 s"),
        ("rate 20", "no answer in 5 s"),
        (&*format!("|mute {PATH}"), "no answer in 5 s"),
        (&*format!("|slow {PATH} 20"), " in 5 s"),
        (
            &*format!("|oversize {PATH} 2MiB"),
            "a body of more than 1048576 bytes",
        ),
        (
            &*format!("|oversize {PATH} 2GiB\nclose {PATH}"),
            "a body of more than 1048576 bytes",
        ),
        (
            &*format!("|truncate {PATH} 10"),
            "a connection closed after 10 of 176 bytes",
        ),
        (&*format!("|reset {PATH} 10"), "a connection reset after "),
        (&*format!("|garbage {PATH}"), "an answer that is not HTTP"),
    ] {
        let mut lab = Lab::good(more);
        let failure = lab.get(&format!("https://seed.test{PATH}")).unwrap_err();
        assert!(failure.found.contains(want), "{more}: {failure:?}");
        assert!(
            lab.world.now() < 6 * SECOND,
            "{more}: {:?}",
            lab.world.now()
        );
    }
    let mut lab = Lab::good(&format!("|close {PATH}"));
    let answer = lab.get(&format!("https://seed.test{PATH}"));
    assert_eq!(
        answer.map(|answer| answer.body).as_deref(),
        Ok(BYTES),
        "{}",
        lab.log()
    );
}

#[test]
fn plain_http_at_the_port_of_https_is_told() {
    let mut lab = Lab::good("|listen 10.0.2.81:443");
    let failure = lab.get("https://10.0.2.81/").unwrap_err();
    assert_eq!(failure.found, "an answer that is not TLS");
}

#[test]
fn an_include_that_cannot_be_trusted_is_one_clear_message() {
    let mut lab = Lab::new(&certificates().machine("other"), today, "");
    let files = Root::new(&certificates().machine("other"));
    let mut web = Web {
        files: &files,
        outside: &mut lab.world,
        journal: lab.journal.clone(),
        deadline: 30 * SECOND,
    };
    let error = web.read("https://seed.test/x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "fetch: GET https://seed.test/x: expected status 200 or 404, but found a certificate of an unknown issuer (1 try, 0 s)"
    );
}
