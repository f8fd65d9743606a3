//! Neighbours: who on the link has which address, asked with ARP (RFC 826) or neighbour solicitations (RFC 4861).
//!
//! Packets wait here until their next hop has answered. The first repetition of a question comes after a tenth of a second:
//! a boot waits for it, and the question costs one small frame.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;

use smoltcp::time::{Duration, Instant};

use super::Mac;

/// Most neighbours remembered, and most asked for at a time.
pub const NEIGHBOURS_MAX: usize = 32;
/// Most packets that wait for one neighbour; the oldest goes first.
const WAITING_MAX: usize = 8;
/// The first pause between two questions; it doubles up to [`ASK_MAX`].
const ASK_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two questions.
const ASK_MAX: Duration = Duration::from_millis(1000);
/// Unanswered questions after which waiting packets are dropped.
const QUESTIONS_MAX: u32 = 12;

/// The neighbours of one interface.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    known: BTreeMap<IpAddr, Mac>,
    asked: BTreeMap<IpAddr, Question>,
}

#[derive(Clone, Debug)]
struct Question {
    next: Instant,
    pause: Duration,
    questions: u32,
    waiting: VecDeque<Vec<u8>>,
}

impl Neighbours {
    /// The hardware address of `address`, if it is known.
    pub fn get(&self, address: IpAddr) -> Option<Mac> {
        self.known.get(&address).copied()
    }

    /// Keeps `packet` until `address` has answered; the question is due at once.
    pub fn wait(&mut self, now: Instant, address: IpAddr, packet: Vec<u8>) {
        self.expect(now, address);
        let Some(question) = self.asked.get_mut(&address) else {
            return;
        };
        if question.waiting.len() == WAITING_MAX {
            question.waiting.pop_front();
        }
        question.waiting.push_back(packet);
    }

    /// Asks for `address` before there is a packet for it; the question is due at once.
    pub fn expect(&mut self, now: Instant, address: IpAddr) {
        if !self.known.contains_key(&address) {
            self.doubt(now, address);
        }
    }

    /// Asks for `address` although it may be known: what was sent there is not answered. What is known holds until then.
    pub fn doubt(&mut self, now: Instant, address: IpAddr) {
        if self.asked.len() < NEIGHBOURS_MAX {
            self.asked.entry(address).or_insert(Question {
                next: now,
                pause: ASK_MIN,
                questions: 0,
                waiting: VecDeque::new(),
            });
        }
    }

    /// Takes note of a router that told its hardware address unasked, as routers do.
    pub fn advertised(&mut self, address: IpAddr, mac: Mac) -> Vec<Vec<u8>> {
        if self.known.len() < NEIGHBOURS_MAX && is_unicast(mac) {
            self.known.entry(address).or_insert(mac);
        }
        self.learn(address, mac)
    }

    /// Takes note of an answer; the packets that waited for it. Nobody who was not asked is listened to, so that a
    /// neighbour cannot push itself in.
    pub fn learn(&mut self, address: IpAddr, mac: Mac) -> Vec<Vec<u8>> {
        if !is_unicast(mac) {
            return Vec::new();
        }
        match self.asked.remove(&address) {
            Some(question) => {
                if self.known.len() >= NEIGHBOURS_MAX {
                    // So many that it does not matter which one has to be asked for again.
                    self.known.pop_first();
                }
                self.known.insert(address, mac);
                question.waiting.into()
            }
            None => {
                if let Some(known) = self.known.get_mut(&address) {
                    *known = mac;
                }
                Vec::new()
            }
        }
    }

    /// The addresses to ask for now.
    pub fn poll(&mut self, now: Instant) -> Vec<IpAddr> {
        self.asked
            .retain(|_, question| question.questions < QUESTIONS_MAX || now < question.next);
        let mut due = Vec::new();
        for (address, question) in &mut self.asked {
            if now >= question.next {
                question.questions += 1;
                question.next = now + question.pause;
                question.pause = (question.pause * 2).min(ASK_MAX);
                due.push(*address);
            }
        }
        due
    }

    /// When the next question is due.
    pub fn next(&self) -> Option<Instant> {
        self.asked.values().map(|question| question.next).min()
    }

    /// Those that were asked and have not answered, with the number of questions, for messages.
    pub fn silent(&self) -> impl Iterator<Item = (IpAddr, u32)> {
        self.asked
            .iter()
            .map(|(address, question)| (*address, question.questions))
    }
}

fn is_unicast(mac: Mac) -> bool {
    mac[0] & 1 == 0 && mac != [0; 6]
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const GATEWAY: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1));
    const MAC: Mac = [2, 0, 0, 0, 0, 9];

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn packets_wait_for_the_answer() {
        let mut hosts = Neighbours::default();
        for number in 0..10 {
            hosts.wait(at(0), GATEWAY, vec![number]);
        }
        assert_eq!(hosts.poll(at(0)), [GATEWAY]);
        let waiting = hosts.learn(GATEWAY, MAC);
        assert_eq!(waiting.first(), Some(&vec![2]));
        assert_eq!(waiting.len(), WAITING_MAX);
        assert_eq!(hosts.get(GATEWAY), Some(MAC));
        assert_eq!(hosts.next(), None);
    }

    #[test]
    fn questions_come_fast_and_end() {
        let mut hosts = Neighbours::default();
        hosts.wait(at(0), GATEWAY, vec![1]);
        let asked: Vec<i64> = (0..20_000)
            .filter(|ms| !hosts.poll(at(*ms)).is_empty())
            .collect();
        assert_eq!(&asked[..5], &[0, 100, 300, 700, 1500]);
        assert_eq!(asked.len(), QUESTIONS_MAX as usize);
        assert_eq!(hosts.next(), None);
    }

    #[test]
    fn a_doubted_neighbour_is_asked_again() {
        let mut hosts = Neighbours::default();
        hosts.wait(at(0), GATEWAY, vec![1]);
        hosts.learn(GATEWAY, [2, 0, 0, 0, 0, 8]);
        hosts.doubt(at(5), GATEWAY);
        assert_eq!(hosts.poll(at(5)), [GATEWAY]);
        assert_eq!(hosts.get(GATEWAY), Some([2, 0, 0, 0, 0, 8]));
        hosts.learn(GATEWAY, MAC);
        assert_eq!(hosts.get(GATEWAY), Some(MAC));
        assert_eq!(hosts.next(), None);
    }

    #[test]
    fn nobody_pushes_in() {
        let mut hosts = Neighbours::default();
        hosts.learn(GATEWAY, MAC);
        assert_eq!(hosts.get(GATEWAY), None);
        hosts.wait(at(0), GATEWAY, vec![1]);
        hosts.learn(GATEWAY, [0xff; 6]);
        assert_eq!(hosts.get(GATEWAY), None);
    }
}
