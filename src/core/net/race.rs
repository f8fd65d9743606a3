//! The race: every interface × every address at once; the first connection that stands wins.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};

use super::lane::Lane;
use super::{CLOSING, Conn, Net, Wires, span};
use crate::outside::Failure;

/// The first pause before an address that refused is tried again; it doubles up to [`AGAIN_MAX`].
const AGAIN_MIN: Duration = Duration::from_millis(250);
/// The longest pause before an address that refused is tried again.
const AGAIN_MAX: Duration = Duration::from_millis(2000);

/// One way to one address.
struct Runner {
    lane: usize,
    from: IpAddr,
    to: SocketAddr,
    state: State,
    refusals: u32,
}

#[derive(Clone, Copy)]
enum State {
    Asking(SocketHandle),
    Refused(Instant),
}

impl<W: Wires> Net<W> {
    /// Connects to one of `addresses`. If `patient`, addresses that refuse are tried again and interfaces that come up later
    /// join in; if not, the race is over when everybody has refused.
    pub(super) fn race(
        &mut self,
        addresses: &[SocketAddr],
        until: Instant,
        patient: bool,
    ) -> Result<Conn, Failure> {
        let started = self.now();
        let mut runners: Vec<Runner> = Vec::new();
        let outcome = self.drive(until, |net| {
            net.join(addresses, &mut runners);
            let winner = net.look(&mut runners, patient);
            if winner.is_some() {
                return winner.map(Some);
            }
            let refused = |runner: &Runner| matches!(runner.state, State::Refused(_));
            let settled = !runners.is_empty() || net.is_settled();
            let over = !patient && settled && runners.iter().all(refused);
            over.then_some(None)
        });
        self.alarm = None;
        let found = outcome.flatten();
        if found.is_none() {
            let waited = self.now().min(until) - started;
            let failure = self.explain(addresses, &runners, waited);
            self.leave(&runners, None);
            return Err(failure);
        }
        self.leave(&runners, found);
        self.winner = found.map(|conn| conn.lane);
        found.ok_or_else(|| self.explain(addresses, &runners, Duration::ZERO))
    }

    /// True if no interface has anything left to wait for.
    fn is_settled(&self) -> bool {
        let mut lanes = self.lanes.iter().zip(&self.plugged);
        lanes.all(|(lane, plugged)| *plugged && lane.have.settled())
    }

    /// Sends a runner along every way that has become possible.
    fn join(&mut self, addresses: &[SocketAddr], runners: &mut Vec<Runner>) {
        for to in addresses {
            for lane in 0..self.lanes.len() {
                for from in self.lanes[lane].sources(to.ip()) {
                    let same = |old: &Runner| (old.lane, old.from, old.to) == (lane, from, *to);
                    if runners.iter().any(same) {
                        continue;
                    }
                    if let Some(handle) = self.dial(lane, from, *to) {
                        runners.push(Runner {
                            lane,
                            from,
                            to: *to,
                            state: State::Asking(handle),
                            refusals: 0,
                        });
                    }
                }
            }
        }
    }

    pub(super) fn dial(
        &mut self,
        lane: usize,
        from: IpAddr,
        to: SocketAddr,
    ) -> Option<SocketHandle> {
        let (low, high) = self.local_ports;
        let count = u32::from(high.saturating_sub(low)) + 1;
        let random = self.random.next() % count;
        let lane = self.lanes.get_mut(lane)?;
        // From a random port on, the first that no other connection has.
        let mut ports = (0..count).map(|step| low + ((random + step) % count) as u16);
        let port = ports.find(|port| !lane.has_port(*port))?;
        lane.dial((from, port), (to.ip(), to.port()))
    }

    /// Looks who has arrived, and sends those again who were refused long enough ago.
    fn look(&mut self, runners: &mut [Runner], patient: bool) -> Option<Conn> {
        let now = self.now();
        self.alarm = None;
        for runner in runners {
            match runner.state {
                State::Asking(handle) => {
                    let socket = self.lanes[runner.lane]
                        .sockets
                        .get_mut::<tcp::Socket>(handle);
                    match socket.state() {
                        tcp::State::Established | tcp::State::CloseWait => {
                            return Some(Conn {
                                lane: runner.lane,
                                handle,
                                peer: runner.to,
                            });
                        }
                        tcp::State::Closed => {
                            self.lanes[runner.lane].sockets.remove(handle);
                            let pause = AGAIN_MIN * (1 << runner.refusals.min(3));
                            runner.refusals += 1;
                            runner.state = State::Refused(now + pause.min(AGAIN_MAX));
                        }
                        _ => {}
                    }
                }
                State::Refused(again) if patient && now >= again => {
                    if let Some(handle) = self.dial(runner.lane, runner.from, runner.to) {
                        runner.state = State::Asking(handle);
                    }
                }
                State::Refused(_) => {}
            }
            if let (true, State::Refused(again)) = (patient, runner.state) {
                self.alarm = Some(self.alarm.map_or(again, |alarm| alarm.min(again)));
            }
        }
        None
    }

    /// Ends every runner but the winner.
    fn leave(&mut self, runners: &[Runner], winner: Option<Conn>) {
        let until = self.now() + CLOSING;
        for runner in runners {
            let State::Asking(handle) = runner.state else {
                continue;
            };
            let conn = Conn {
                lane: runner.lane,
                handle,
                peer: runner.to,
            };
            if winner == Some(conn) {
                continue;
            }
            if let Some(socket) = self.socket(conn) {
                socket.abort();
                self.closing.push((conn, until));
            }
        }
    }

    /// Why nobody arrived: one clause per interface, the furthest it got.
    fn explain(&self, addresses: &[SocketAddr], runners: &[Runner], waited: Duration) -> Failure {
        let clauses: Vec<String> = (0..self.lanes.len())
            .map(|lane| self.clause(lane, addresses, runners, waited))
            .collect();
        Failure::passing(clauses.join("; "))
    }

    fn clause(
        &self,
        index: usize,
        addresses: &[SocketAddr],
        runners: &[Runner],
        waited: Duration,
    ) -> String {
        let Some(lane) = self.lanes.get(index) else {
            return String::new();
        };
        let name = &lane.have.nic.name;
        let waited = span(waited);
        if !self.plugged.get(index).copied().unwrap_or(false) {
            return format!("no carrier on {name} in {waited}");
        }
        let ours = || runners.iter().filter(|runner| runner.lane == index);
        if let Some(runner) = ours().find(|runner| runner.refusals > 0) {
            return format!("a connection refused by {} on {name}", runner.to);
        }
        // Who has an address and finds no next hop need not be told of addresses that it does not have.
        let mut silent = lane.hosts.silent();
        let silent = silent.find(|(hop, _)| lane.hosts.get(*hop).is_none());
        if let Some((hop, questions)) = silent.filter(|_| ours().next().is_some()) {
            let kind = if hop.is_ipv4() {
                "ARP requests"
            } else {
                "neighbour solicitations"
            };
            return format!("no answer to {questions} {kind} for {hop} on {name} in {waited}");
        }
        // Nor need he who had one of the network's own, and whom the service did not answer.
        let routed = |runner: &&Runner| !is_link_local(runner.from);
        let asked = unanswered(lane, addresses);
        if let Some(asked) = asked.filter(|_| !ours().any(|runner| routed(&runner))) {
            return format!("no answer to {asked} on {name} in {waited}");
        }
        if let Some(Runner { from, to, .. }) = ours().find(routed).or_else(|| ours().next()) {
            return format!("no answer from {to} to {from} on {name} in {waited}");
        }
        let to = addresses.first().map(SocketAddr::ip);
        let to = to.map_or(String::from("anywhere"), |to| format!("{to}"));
        format!("no route to {to} on {name}")
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// What was asked for in order to get the addresses that a way to `to` needs, if there was no answer.
fn unanswered(lane: &Lane, to: &[SocketAddr]) -> Option<String> {
    let have = &lane.have;
    let four = to.iter().any(SocketAddr::is_ipv4) && have.lease.is_none();
    let six = to.iter().any(SocketAddr::is_ipv6);
    let dhcp = have.dhcp.as_ref().filter(|_| four);
    let auto = have.auto.as_ref().filter(|auto| six && !auto.advertised());
    let dhcp = dhcp.map(|client| format!("{} DHCP requests", client.sent));
    let auto = auto.map(|auto| format!("{} router solicitations", auto.solicits));
    let asked: Vec<String> = dhcp.into_iter().chain(auto).collect();
    (!asked.is_empty()).then(|| asked.join(" and "))
}
