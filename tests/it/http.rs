//! Our stack against the simulated cloud: one request, and whatever its answer is.

use std::sync::{Arc, Mutex};

use cloudseed_core::fetch::web;
use cloudseed_core::journal::Journal;
use cloudseed_core::net::{Direction, Net};
use cloudseed_core::outside::{Again, At, Carrier, Clock, Endpoint, Method, Network, Request};

use crate::cable::{Cable, Plug};
use crate::cloud::SimulatedCloud;
use crate::lab::{BYTES, DATA, Lab, PLAIN, SECOND, SERVICE, nic};
use crate::sys::own_stack::OwnStack;
use crate::sys::root::Root;

#[test]
fn what_is_no_get_of_the_same_service_goes_by() {
    let mut lab = Lab::new("name example.com 10.0.2.80\nlisten 10.0.2.80");
    lab.reach(Network::Dhcp4).unwrap();
    let paths = [
        DATA,
        "/hetzner/v1/metadata/hostname",
        "/hetzner/v1/metadata",
    ];
    let urls = paths.map(|path| format!("{SERVICE}{path}"));
    lab.world.expect(&urls);
    // A body that looks like the head of a request, a method, another place, and a port of its own.
    let head = format!("GET {DATA} HTTP/1.1\r\nhost: 169.254.169.254\r\n\r\n");
    let post = Request {
        body: head.as_bytes(),
        ..Request::new(Method::Post, &urls[0], 1 << 20, 5 * SECOND)
    };
    let put = Request {
        method: Method::Put,
        ..post.clone()
    };
    let elsewhere = format!("http://example.com{DATA}");
    let elsewhere = Request::new(Method::Get, &elsewhere, 1 << 20, 5 * SECOND);
    let own_port = Request {
        local_ports: Some((700, 710)),
        ..Request::new(Method::Get, &urls[0], 1 << 20, 5 * SECOND)
    };
    for request in [&post, &put, &elsewhere, &own_port] {
        let _ = lab.world.exchange(request);
    }
    let asked = |lab: &Lab| {
        let events = lab.events[0].take().into_iter();
        events
            .filter(|event| event.what.contains("http://"))
            .count()
    };
    assert_eq!(asked(&lab), 4);
    for url in &urls {
        assert_eq!(lab.ask(url, 0).map(|answer| answer.status), Ok(200));
    }
    assert_eq!(asked(&lab), 3);
}

#[test]
fn a_request_has_ports_of_its_own() {
    let cloud = SimulatedCloud::from_folder("tests/roots/hetzner/cloud").unwrap();
    let cloud = cloud.with(PLAIN).unwrap();
    let mut net = Net::new(Cable::new(vec![Plug::Cloud(cloud)], 7), vec![nic(0)], 7);
    let dialled = Arc::new(Mutex::new(Vec::new()));
    let ports = Arc::clone(&dialled);
    net.watch(Box::new(move |_, _, way, bytes| {
        // Ethernet, IPv4 without options, TCP with nothing but SYN.
        if let (Direction::Out, Some(6), Some(2)) = (way, bytes.get(23), bytes.get(47)) {
            let port = u16::from_be_bytes([bytes[34], bytes[35]]);
            ports.lock().unwrap().push(port);
        }
    }));
    let mut world = OwnStack::new(net, Journal::new());
    let reached = world.reach(Network::Dhcp4, &[SERVICE.into()], 30 * SECOND);
    assert_eq!(reached, Ok(0));
    let url = format!("{SERVICE}{DATA}");
    let ordinary = Request::new(Method::Get, &url, 1 << 20, 5 * SECOND);
    let own = Request {
        local_ports: Some((1, 3)),
        ..ordinary.clone()
    };
    let dialled = || std::mem::take(&mut *dialled.lock().unwrap());
    assert!(dialled().iter().all(|port| *port >= 49_152));
    // The connection that was kept is not taken, and none is left for others.
    for _ in 0..2 {
        assert_eq!(world.exchange(&ordinary).unwrap().body, BYTES);
        assert!(dialled().is_empty());
    }
    for _ in 0..3 {
        assert_eq!(world.exchange(&own).unwrap().body, BYTES);
        let ports = dialled();
        assert!(matches!(ports[..], [1..=3]), "{ports:?}");
        assert_eq!(world.exchange(&ordinary).unwrap().body, BYTES);
        assert!(dialled().is_empty());
    }
}

#[test]
fn a_service_may_be_elsewhere_and_say_more() {
    let lines = "listen 10.0.2.80:8080\nanswer GET /x 503 retry-after 7 location /y";
    let mut lab = Lab::new(lines);
    let at = At::Address("10.0.2.80:8080".parse().unwrap());
    let url = "http://metadata.test";
    let reached = lab
        .world
        .reach(Network::Dhcp4, &[Endpoint { url, at }], 30 * SECOND);
    assert_eq!(reached, Ok(0), "{}", lab.story());
    let url = "http://metadata.test/x";
    let answer = lab.world.exchange(&Request {
        at,
        ..Request::new(Method::Get, url, 1 << 20, 5 * SECOND)
    });
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.retry_after), (503, Some(7)));
    assert_eq!(answer.location.as_deref(), Some("/y"));
    assert!(
        lab.story().contains("http://metadata.test/x"),
        "{}",
        lab.story()
    );
}

#[test]
fn bad_answers_are_told_in_words() {
    let path = DATA;
    for (line, want) in [
        (format!("mute {path}"), "no answer in 5 s"),
        (format!("pause {path} 9s"), "no answer in 5 s"),
        (
            format!("truncate {path} 10"),
            "a connection closed after 10 of 176 bytes",
        ),
        (
            format!("reset {path} 10"),
            "a connection reset after 10 of 176 bytes",
        ),
        (format!("length {path} 200"), "only 176 of 200 bytes in 5 s"),
        (
            format!("oversize {path} 2GiB"),
            "a body of more than 1048576 bytes",
        ),
        (
            format!("oversize {path} 2GiB\nchunked {path}"),
            "a body of more than 1048576 bytes",
        ),
        (format!("garbage {path}"), "an answer that is not HTTP"),
    ] {
        let mut lab = Lab::new(&line);
        lab.reach(Network::Dhcp4).unwrap();
        let before = lab.world.now();
        let found = lab.get(path).map(|response| response.status);
        let told = found.as_ref().is_err_and(|found| found.contains(want));
        assert!(told, "{line}: {found:?} {}", lab.story());
        assert!(
            lab.world.now() - before <= 5 * SECOND + SECOND / 100,
            "{line}"
        );
        // The next request is not harmed by what is left of this one.
        let next = lab.get("/hetzner/v1/metadata/hostname");
        assert_eq!(
            next.map(|response| response.status),
            Ok(200),
            "{line}: {}",
            lab.story()
        );
    }
}

/// What servers write beside the standard, and a body that they pack without being asked.
#[test]
fn odd_heads_and_packed_bodies_are_read() {
    for line in [
        format!("odd {DATA}"),
        format!("odd {DATA}\nchunked {DATA}"),
        format!("gzip {DATA}\nheader {DATA} Content-Encoding gzip"),
    ] {
        let mut lab = Lab::new(&line);
        lab.reach(Network::Dhcp4).unwrap();
        let found = lab.get(DATA).map(|response| response.body);
        assert_eq!(found.as_deref(), Ok(BYTES), "{line}: {}", lab.story());
    }
    let mut lab = Lab::new(&format!("header {DATA} Content-Encoding gzip"));
    lab.reach(Network::Dhcp4).unwrap();
    let found = lab.get(DATA).map(|response| response.status);
    assert!(
        found
            .as_ref()
            .is_err_and(|found| found.contains("does not unpack")),
        "{found:?}"
    );
}

#[test]
fn what_is_longer_than_it_says_harms_no_other() {
    let mut lab = Lab::new(&format!("length {DATA} 10"));
    lab.reach(Network::Dhcp4).unwrap();
    assert_eq!(lab.get(DATA).unwrap().body, &BYTES[..10]);
    let next = lab.get("/hetzner/v1/metadata/hostname").unwrap();
    assert_eq!(
        (next.status, next.body.len() < 100),
        (200, true),
        "{}",
        lab.story()
    );
}

#[test]
fn a_slow_body_ends_with_the_time() {
    let mut lab = Lab::new(&format!("slow {DATA} 20"));
    lab.reach(Network::Dhcp4).unwrap();
    let found = lab.get(DATA).unwrap_err();
    assert!(found.ends_with("in 5 s"), "{found}");
    assert!(lab.world.now() < 6 * SECOND);
}

#[test]
fn every_status_is_an_answer() {
    for (status, more) in [
        (204, ""),
        (401, ""),
        (403, ""),
        (404, ""),
        (429, " retry-after 2"),
        (503, " retry-after 3"),
    ] {
        let mut lab = Lab::new(&format!("answer GET {DATA} {status}{more}"));
        lab.reach(Network::Dhcp4).unwrap();
        let response = lab.get(DATA).unwrap();
        assert_eq!(response.status, status);
        let after = more.rsplit(' ').next().and_then(|word| word.parse().ok());
        assert_eq!(response.retry_after, after);
    }
}

#[test]
fn redirects_are_followed_only_if_asked_and_in_the_same_scheme() {
    let lines = "answer GET /away 302 location http://169.254.169.254/hetzner/v1/userdata\n\
                 answer GET /tls 301 location https://169.254.169.254/\n\
                 answer GET /query 302 location /hetzner/v1/userdata?next=http://x/y\n\
                 answer GET /letters 302 location /hetzner/v1/userd\u{e4}ta\n\
                 answer GET /loop 302 location /loop";
    let mut lab = Lab::new(lines);
    lab.reach(Network::Dhcp4).unwrap();
    let at = |path: &str| format!("{SERVICE}{path}");
    let stays = lab.ask(&at("/away"), 0).unwrap();
    assert_eq!((stays.status, stays.location.is_some()), (302, true));
    assert_eq!(lab.ask(&at("/away"), 3).unwrap().body, BYTES);
    let refused = lab.ask(&at("/tls"), 3).unwrap_err();
    assert_eq!(
        (refused.again, refused.found.as_str()),
        (Again::Never, "a redirect to https://169.254.169.254/")
    );
    // No scheme stands before the `://` of a query.
    let query = lab.ask(&at("/query"), 3).unwrap();
    assert_eq!((query.status, query.body.as_slice()), (200, BYTES));
    // It is asked for, percent-encoded, and not there.
    assert_eq!(lab.ask(&at("/letters"), 3).unwrap().status, 404);
    let endless = lab.ask(&at("/loop"), 3).unwrap_err();
    assert_eq!(endless.found, "a redirect to http://169.254.169.254/loop");
}

#[test]
fn credentials_and_headers_stay_with_their_origin() {
    let lines = "name here.test 10.0.2.80\nname there.test 10.0.2.81\nname close.test 169.254.169.254\nname both.test 169.254.169.254,10.0.2.81\nlisten 10.0.2.80 10.0.2.81 169.254.169.254\n\
                 require /a authorization * else 401\n\
                 require /a x-token secret else 401\n\
                 answer GET /away 302 location http://there.test/a\n\
                 answer GET /back 302 location http://here.test/a\n\
                 answer GET /on 302 location /a\n\
                 answer GET /named 302 location http://close.test/a\n\
                 answer GET /both 302 location http://both.test/a\n\
                 answer GET /near 302 location http://169.254.169.254/a\n\
                 answer GET /mapped 302 location http://[::ffff:127.0.0.1]/\n\
                 answer GET /zone 302 location http://[fe80::1%25eth0]/";
    for (path, want) in [
        ("/a", Ok(404)),
        ("/on", Ok(404)),
        ("/back", Ok(404)),
        ("/away", Ok(401)),
        (
            "/named",
            Err("a redirect to an address of this machine or its link"),
        ),
        ("/both", Ok(401)),
        ("/near", Err("a redirect to http://169.254.169.254/a")),
        ("/mapped", Err("a redirect to http://[::ffff:127.0.0.1]/")),
        ("/zone", Err("a redirect to http://[fe80::1%25eth0]/")),
    ] {
        let mut lab = Lab::new(lines);
        let url = format!("http://me:p%40ss@here.test{path}");
        let request = Request {
            headers: &[("x-token", "secret")],
            ..Request::new(Method::Get, &url, 1 << 20, 5 * SECOND)
        };
        let answer = web::follow(&mut lab.world, &request, 3);
        let found = answer.map(|answer| answer.status);
        let found = found.map_err(|failure| failure.found);
        assert_eq!(found, want.map_err(String::from), "{path}: {}", lab.story());
    }
}

#[test]
fn messages_of_urls_tell_no_secrets() {
    let files = Root::new(std::path::Path::new("tests/roots/none/machine"));
    let mut lab = Lab::new(
        "answer GET /x* 403\nanswer GET /y* 503 times 1\nanswer GET /z* 302 location /x?k=TOKEN",
    );
    let mut messages = String::new();
    for path in ["x", "y", "z"] {
        let mut web = web::Web {
            files: &files,
            outside: &mut lab.world,
            journal: lab.journal.clone(),
            deadline: 30 * SECOND,
        };
        let url = format!("http://me:PASSWORD@169.254.169.254/{path}?sig=TOKEN");
        let error = web.read(&url).map_err(|error| error.to_string());
        messages.extend(error.err());
    }
    for line in lab.journal.lines() {
        messages += &line.text;
    }
    for told in ["169.254.169.254/x?…", "169.254.169.254/y?…: 503; again in"] {
        assert!(messages.contains(told), "{messages}");
    }
    assert!(
        !messages.contains("TOKEN") && !messages.contains("PASSWORD"),
        "{messages}"
    );
}

#[cfg(not(feature = "tls"))]
#[test]
fn an_https_url_is_refused_in_words() {
    let mut lab = Lab::new("");
    let failure = lab.ask("https://169.254.169.254/", 0).unwrap_err();
    assert_eq!(
        (failure.again, failure.found.as_str()),
        (
            Again::Never,
            "an https URL, for which this build (without the feature `tls`) has no TLS"
        )
    );
}
