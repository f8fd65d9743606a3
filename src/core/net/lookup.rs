//! The lookup of a name: every interface's name servers, one after the other, until one answers.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::udp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::IpAddress;

use super::lane::Lane;
use super::names::{self, AddressKind, Answer};
use super::{ADDRESSES_MAX, NAMES_MAX, Net, Wires, span};
use crate::outside::{Failure, Network};

/// The pause before the next server is asked, or the same again.
const RESEND: Duration = Duration::from_millis(400);
/// How long a found address waits for those of the other family.
const GRACE: Duration = Duration::from_millis(100);
/// How long a "no such name" waits for the others.
const DENIED_GRACE: Duration = Duration::from_millis(500);
/// [`names::LOOKUP_SECONDS_MAX`].
const LOOKUP_MAX: Duration = Duration::from_secs(names::LOOKUP_SECONDS_MAX);
/// How long an interface with an address may take to be told of a name server by somebody else, a router say.
const TOLD_MAX: Duration = Duration::from_millis(1000);
/// Largest answer taken over UDP.
const ANSWER_BYTES_MAX: usize = 1500;

/// One question on one interface.
struct Question {
    lane: usize,
    handle: SocketHandle,
    kind: AddressKind,
    id: u16,
    bytes: Vec<u8>,
    next: Instant,
    asked: usize,
    answer: Option<Answer>,
    server: Option<IpAddr>,
}

/// How a lookup ends before its time is up.
enum Verdict {
    /// These are the addresses; none if there is no such name.
    Addresses(Vec<IpAddr>),
    /// This server's answer does not fit into a datagram.
    TooLong(IpAddr),
}

impl<W: Wires> Net<W> {
    /// The addresses of `host`, a literal or a name. A name without a dot is looked for in the domains that were told; one
    /// with a dot there only if it is none by itself.
    ///
    /// # Errors
    /// It is no host name, nobody knows an address of it, no name server was told, or none has answered in time.
    pub fn resolve(&mut self, host: &str, until: Instant) -> Result<Vec<IpAddr>, Failure> {
        if let Some(address) = names::literal(host) {
            return Ok(Vec::from([address]));
        }
        if let Some(known) = self.known.get(&host.to_ascii_lowercase()) {
            return Ok(known.clone());
        }
        if names::question(0, host, AddressKind::A).is_none() {
            return Err(Failure::lasting(format!("{host:?}, which is no host name")));
        }
        self.want(Network::Any)?;
        let until = until.min(self.now() + LOOKUP_MAX);
        self.wait_for_name_servers(host, until)?;
        let search = self.lanes.iter().flat_map(|lane| lane.have.search());
        let search: Vec<String> = search.collect();
        let found = names::first(host, &search, &mut |name, is_last| {
            let half = half_way(self.now(), until);
            self.look_up(name, if is_last { until } else { half })
        })?;
        if self.known.len() < NAMES_MAX {
            self.known.insert(host.to_ascii_lowercase(), found.clone());
        }
        Ok(found)
    }

    /// Waits until somebody has told a name server, and with it its domains; no longer than [`TOLD_MAX`] once there is an
    /// address.
    fn wait_for_name_servers(&mut self, host: &str, until: Instant) -> Result<(), Failure> {
        let patience = self.now() + TOLD_MAX;
        let told = self.drive(until, |net| {
            let told = |lane: &Lane| !lane.have.name_servers().is_empty();
            let told = net.lanes.iter().any(told);
            let leased = net
                .lanes
                .iter()
                .any(|lane| !lane.have.families().is_empty());
            net.alarm = Some(patience).filter(|_| leased && net.now() < patience);
            let late = leased && net.alarm.is_none();
            (told || late).then_some(told)
        });
        self.alarm = None;
        match told {
            Some(false) => Err(Failure::lasting(format!(
                "no name server to ask for {host}: no interface was told of one"
            ))),
            _ => Ok(()),
        }
    }

    /// The addresses of a full name; none if there is no such name.
    fn look_up(&mut self, host: &str, until: Instant) -> Result<Vec<IpAddr>, Failure> {
        let started = self.now();
        let mut questions = Vec::new();
        let mut settled = None;
        let outcome = self.drive(until, |net| {
            net.pose(host, &mut questions);
            net.ask(&mut questions);
            net.hear(host, &mut questions);
            verdict(&questions, net.now(), &mut settled).or_else(|| {
                let next = questions.iter().map(|question| question.next);
                net.alarm = next.chain(settled).min();
                None
            })
        });
        self.alarm = None;
        for question in &questions {
            if let Some(lane) = self.lanes.get_mut(question.lane) {
                lane.sockets.remove(question.handle);
            }
        }
        match outcome {
            Some(Verdict::Addresses(addresses)) => Ok(addresses),
            Some(Verdict::TooLong(server)) => {
                let mut found = Vec::new();
                for question in &questions {
                    found.extend(self.over_tcp(host, question, server, until)?);
                }
                Ok(found)
            }
            None => {
                let waited = self.now().min(until) - started;
                Err(unanswered(host, &questions, waited))
            }
        }
    }

    /// Asks once more over TCP (RFC 1035, 4.2.2: messages with their length before them), for answers that are too long.
    fn over_tcp(
        &mut self,
        host: &str,
        question: &Question,
        server: IpAddr,
        until: Instant,
    ) -> Result<Vec<IpAddr>, Failure> {
        let conn = self.race(&[SocketAddr::new(server, names::PORT)], until, false)?;
        let mut message = Vec::from((question.bytes.len() as u16).to_be_bytes());
        message.extend(&question.bytes);
        let mut answer = Vec::new();
        let mut chunk = alloc::vec![0; ANSWER_BYTES_MAX];
        let mut whole = self.send(conn, &message, until).is_ok();
        let length = |answer: &[u8]| {
            Some(2 + usize::from(u16::from_be_bytes([*answer.first()?, *answer.get(1)?])))
        };
        while whole && length(&answer).is_none_or(|length| answer.len() < length) {
            match self.receive(conn, &mut chunk, until) {
                Ok(count @ 1..) => answer.extend_from_slice(chunk.get(..count).unwrap_or(&[])),
                Ok(0) | Err(_) => whole = false,
            }
        }
        self.close(conn);
        let bytes = answer.get(2..).unwrap_or(&[]);
        match names::answer(bytes, question.id, host, question.kind) {
            Some(Answer::Addresses(addresses)) => Ok(addresses),
            Some(Answer::NoName) => Ok(Vec::new()),
            _ => Err(Failure::passing(format!(
                "no answer for {host} over TCP from {server}"
            ))),
        }
    }

    /// Opens a question per interface and family as soon as the interface knows a name server.
    fn pose(&mut self, host: &str, questions: &mut Vec<Question>) {
        for lane in 0..self.lanes.len() {
            if self.lanes[lane].have.name_servers().is_empty() {
                continue;
            }
            for kind in self.lanes[lane].have.families() {
                let same = |old: &Question| (old.lane, old.kind) == (lane, kind);
                if questions.iter().any(same) {
                    continue;
                }
                let id = self.random.next() as u16;
                let port = 49_152 + (self.random.next() % 16_384) as u16;
                let mut socket = socket();
                let Some(bytes) = names::question(id, host, kind) else {
                    continue;
                };
                if socket.bind(port).is_ok() {
                    questions.push(Question {
                        lane,
                        handle: self.lanes[lane].sockets.add(socket),
                        kind,
                        id,
                        bytes,
                        next: self.now(),
                        asked: 0,
                        answer: None,
                        server: None,
                    });
                }
            }
        }
    }

    /// Sends the questions that are due, each time to the next server.
    fn ask(&mut self, questions: &mut [Question]) {
        let now = self.now();
        for question in questions {
            let settled = matches!(question.answer, Some(Answer::Addresses(_) | Answer::NoName));
            if settled || now < question.next {
                continue;
            }
            let Some(lane) = self.lanes.get_mut(question.lane) else {
                continue;
            };
            question.next = now + RESEND;
            let servers = lane.have.name_servers();
            let Some(server) = servers.get(question.asked % servers.len().max(1)) else {
                continue;
            };
            question.asked += 1;
            let Some(from) = lane.sources(*server).first().copied() else {
                continue;
            };
            let socket = lane.sockets.get_mut::<udp::Socket>(question.handle);
            let mut meta = udp::UdpMetadata::from((IpAddress::from(*server), names::PORT));
            meta.local_address = Some(IpAddress::from(from));
            // A full buffer holds an earlier copy of the same question.
            let _ = socket.send_slice(&question.bytes, meta);
        }
    }

    /// Reads the answers that have come, from servers that were asked.
    fn hear(&mut self, host: &str, questions: &mut [Question]) {
        for question in questions {
            let Some(lane) = self.lanes.get_mut(question.lane) else {
                continue;
            };
            let servers = lane.have.name_servers();
            let socket = lane.sockets.get_mut::<udp::Socket>(question.handle);
            while let Ok((bytes, meta)) = socket.recv() {
                let server = IpAddr::from(meta.endpoint.addr);
                if meta.endpoint.port != names::PORT || !servers.contains(&server) {
                    continue;
                }
                if let Some(answer) = names::answer(bytes, question.id, host, question.kind) {
                    let unable = matches!(answer, Answer::Unable(_));
                    question.answer = Some(answer);
                    question.server = Some(server);
                    if unable && question.asked < servers.len() {
                        question.next = Instant::ZERO;
                    }
                }
            }
        }
    }
}

/// Why there is no address, when time is up.
fn unanswered(host: &str, questions: &[Question], waited: Duration) -> Failure {
    let waited = span(waited);
    let asked: usize = questions.iter().map(|question| question.asked).sum();
    let code = questions.iter().find_map(|question| match question.answer {
        Some(Answer::Unable(code)) => Some(format!("name server error {code} for {host}")),
        _ => None,
    });
    let silence = match asked {
        0 => format!("no name server to ask for {host} in {waited}"),
        _ => format!("no answer to {asked} DNS questions for {host} in {waited}"),
    };
    Failure::passing(code.unwrap_or(silence))
}

/// The addresses, once there are enough answers: every question has one, or some have one and the others had their grace.
/// Somebody who says that there is no such name may be on another interface than the one who knows it, so that he waits.
fn verdict(questions: &[Question], now: Instant, settled: &mut Option<Instant>) -> Option<Verdict> {
    let mut found = Vec::new();
    let (mut open, mut denied) = (questions.is_empty(), false);
    for question in questions {
        match &question.answer {
            Some(Answer::Addresses(addresses)) => found.extend(addresses),
            Some(Answer::NoName) => denied = true,
            Some(Answer::Truncated) => return question.server.map(Verdict::TooLong),
            _ => open = true,
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|address| seen.insert(*address));
    found.truncate(ADDRESSES_MAX);
    if !open {
        return Some(Verdict::Addresses(found));
    }
    if found.is_empty() && !denied {
        return None;
    }
    let grace = now
        + if found.is_empty() {
            DENIED_GRACE
        } else {
            GRACE
        };
    let grace = grace.min(settled.unwrap_or(grace));
    *settled = Some(grace);
    (now >= grace).then_some(Verdict::Addresses(found))
}

fn socket() -> udp::Socket<'static> {
    let buffer = || {
        udp::PacketBuffer::new(
            alloc::vec![udp::PacketMetadata::EMPTY; 4],
            alloc::vec![0; 4 * ANSWER_BYTES_MAX],
        )
    };
    udp::Socket::new(buffer(), buffer())
}

/// When half of the time until then is over. A difference of instants has no sign: after the end it would be more time.
fn half_way(now: Instant, until: Instant) -> Instant {
    let now = now.min(until);
    now + (until - now) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_interfaces_say_is_one_list() {
        let question = |lane: u8| Question {
            lane: lane.into(),
            handle: SocketHandle::default(),
            kind: AddressKind::A,
            id: 0,
            bytes: Vec::new(),
            next: Instant::ZERO,
            asked: 1,
            answer: Some(Answer::Addresses(
                (0..8)
                    .map(|host| IpAddr::from([10, 0, lane / 2, host]))
                    .collect(),
            )),
            server: None,
        };
        let questions: Vec<Question> = (0..6).map(question).collect();
        let Some(Verdict::Addresses(found)) = verdict(&questions, Instant::ZERO, &mut None) else {
            panic!("every question has an answer");
        };
        assert_eq!(found.len(), ADDRESSES_MAX);
        assert_eq!(found[8], IpAddr::from([10, 0, 1, 0]));
    }

    #[test]
    fn half_of_no_time_is_none() {
        for (now, expected) in [(0, 50), (60, 80), (100, 100), (180, 100)] {
            let found = half_way(Instant::from_secs(now), Instant::from_secs(100));
            assert_eq!(found, Instant::from_secs(expected), "{now}");
        }
    }
}
