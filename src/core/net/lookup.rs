//! The lookup of a name: every interface's name servers, one after the other, until one answers.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use smoltcp::iface::SocketHandle;
use smoltcp::socket::udp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::IpAddress;

use super::names::{self, Answer, Kind};
use super::{Net, Wires, span};
use crate::fetch::{Failure, Network};

/// The pause before the next server is asked, or the same again.
const RESEND: Duration = Duration::from_millis(400);
/// How long a found address waits for those of the other family.
const GRACE: Duration = Duration::from_millis(100);
/// Longest time a lookup may take.
const LOOKUP_MAX: Duration = Duration::from_millis(10_000);
/// Largest answer taken over UDP.
const ANSWER_BYTES_MAX: usize = 1500;
/// Most names whose addresses are remembered.
const NAMES_MAX: usize = 32;

/// One question on one interface.
struct Question {
    lane: usize,
    handle: SocketHandle,
    kind: Kind,
    id: u16,
    bytes: Vec<u8>,
    next: Instant,
    asked: usize,
    answer: Option<Answer>,
}

impl<W: Wires> Net<W> {
    /// The addresses of `host`, a literal or a name.
    pub fn resolve(&mut self, host: &str, until: Instant) -> Result<Vec<IpAddr>, Failure> {
        if let Some(address) = names::literal(host) {
            return Ok(Vec::from([address]));
        }
        if let Some(known) = self.known.get(host) {
            return Ok(known.clone());
        }
        if names::question(0, host, Kind::A).is_none() {
            return Err(Failure {
                again: false,
                found: format!("{host:?}, which is no host name"),
            });
        }
        self.want(Network::Any)?;
        let started = self.now();
        let until = until.min(started + LOOKUP_MAX);
        let mut questions = Vec::new();
        let mut settled = None;
        let outcome = self.drive(until, |net| {
            net.pose(host, &mut questions);
            net.ask(&mut questions);
            net.hear(host, &mut questions);
            verdict(&questions, net.now(), &mut settled).or_else(|| {
                net.alarm = questions
                    .iter()
                    .map(|question| question.next)
                    .chain(settled)
                    .min();
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
            Some(addresses) if !addresses.is_empty() => {
                if self.known.len() < NAMES_MAX {
                    self.known.insert(String::from(host), addresses.clone());
                }
                Ok(addresses)
            }
            Some(_) => Err(Failure {
                again: false,
                found: format!("no address of {host}"),
            }),
            None => Err(unanswered(
                host,
                &questions,
                self.now().min(until) - started,
            )),
        }
    }

    /// Opens a question per interface and family as soon as the interface knows a name server.
    fn pose(&mut self, host: &str, questions: &mut Vec<Question>) {
        for lane in 0..self.lanes.len() {
            let known = questions.iter().any(|question| question.lane == lane);
            if known || self.lanes[lane].have.name_servers().is_empty() {
                continue;
            }
            for kind in self.lanes[lane].have.families() {
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
        Some(Answer::Truncated) => Some(format!("a truncated answer for {host}")),
        _ => None,
    });
    let silence = match asked {
        0 => format!("no name server to ask for {host} in {waited}"),
        _ => format!("no answer to {asked} DNS questions for {host} in {waited}"),
    };
    Failure {
        again: true,
        found: code.unwrap_or(silence),
    }
}

/// The addresses, once there are enough answers: all families answered, or one did and the others had their grace.
fn verdict(
    questions: &[Question],
    now: Instant,
    settled: &mut Option<Instant>,
) -> Option<Vec<IpAddr>> {
    let mut found = Vec::new();
    let mut open = questions.is_empty();
    for question in questions {
        match &question.answer {
            Some(Answer::Addresses(addresses)) => found.extend(addresses),
            Some(Answer::NoName) => {}
            _ => open = true,
        }
    }
    found.dedup();
    if found.is_empty() {
        let denied = questions
            .iter()
            .any(|question| question.answer == Some(Answer::NoName));
        return (!open || denied).then_some(found);
    }
    let grace = *settled.get_or_insert(now + GRACE);
    (!open || now >= grace).then_some(found)
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
