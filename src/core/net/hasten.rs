//! Hasten: repeats a TCP segment that nobody acknowledged before the stack would.
//!
//! smoltcp waits a full second before it sends anything again, and a boot that lost one SYN would wait with it. Here the same
//! bytes go out again after a fifth of a second, and once more after twice that; TCP takes a duplicate for what it is. What
//! is still unanswered then is the stack's own business.

use alloc::vec::Vec;

use smoltcp::time::{Duration, Instant};

use super::frame::{Segment, segment};

/// The first pause before a repetition.
const PAUSE: Duration = Duration::from_millis(200);
/// Repetitions of one segment.
const REPEATS: u32 = 2;
/// Most segments remembered; requests are small, so this is plenty.
const SEGMENTS_MAX: usize = 16;

/// The segments of one interface that wait for their acknowledgement.
#[derive(Clone, Debug, Default)]
pub struct Hasten(Vec<Waiting>);

#[derive(Clone, Debug)]
struct Waiting {
    segment: Segment,
    packet: Vec<u8>,
    next: Instant,
    repeats: u32,
}

impl Hasten {
    /// Looks at a packet that goes out.
    pub fn sent(&mut self, now: Instant, packet: &[u8]) {
        let Some(segment) = segment(packet) else {
            return;
        };
        if segment.reset {
            self.0
                .retain(|waiting| waiting.segment.flow != segment.flow);
        }
        let same =
            |old: &Waiting| (old.segment.flow, old.segment.end) == (segment.flow, segment.end);
        if segment.length == 0 || segment.reset || self.0.iter().any(same) {
            return;
        }
        if self.0.len() < SEGMENTS_MAX {
            self.0.push(Waiting {
                segment,
                packet: packet.to_vec(),
                next: now + PAUSE,
                repeats: 0,
            });
        }
    }

    /// Looks at a packet that came in: what it acknowledges need not be repeated, and a reset ends everything.
    pub fn received(&mut self, packet: &[u8]) {
        if self.0.is_empty() {
            return;
        }
        let Some(Segment {
            flow, ack, reset, ..
        }) = segment(packet)
        else {
            return;
        };
        let mirrored = (flow.1, flow.0);
        self.0.retain(|waiting| {
            let done = ack.is_some_and(|ack| ack.wrapping_sub(waiting.segment.end) as i32 >= 0);
            waiting.segment.flow != mirrored || !(done || reset)
        });
    }

    /// The packets to repeat now.
    pub fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut due = Vec::new();
        self.0.retain_mut(|waiting| {
            if now >= waiting.next {
                waiting.repeats += 1;
                waiting.next = now + PAUSE * 2;
                due.push(waiting.packet.clone());
            }
            waiting.repeats < REPEATS
        });
        due
    }

    /// When the next repetition is due.
    pub fn next(&self) -> Option<Instant> {
        self.0.iter().map(|waiting| waiting.next).min()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{
        IpProtocol, Ipv4Address, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
    };

    const A: (Ipv4Address, u16) = (Ipv4Address::new(10, 0, 0, 5), 50_000);
    const B: (Ipv4Address, u16) = (Ipv4Address::new(10, 0, 0, 1), 80);

    fn packet(
        from: (Ipv4Address, u16),
        to: (Ipv4Address, u16),
        control: TcpControl,
        seq: i32,
        ack: Option<i32>,
        payload: &[u8],
    ) -> Vec<u8> {
        let tcp = TcpRepr {
            src_port: from.1,
            dst_port: to.1,
            control,
            seq_number: TcpSeqNumber(seq),
            ack_number: ack.map(TcpSeqNumber),
            window_len: 1000,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        let ip = Ipv4Repr {
            src_addr: from.0,
            dst_addr: to.0,
            next_header: IpProtocol::Tcp,
            payload_len: tcp.buffer_len(),
            hop_limit: 64,
        };
        let mut out = alloc::vec![0; ip.buffer_len() + tcp.buffer_len()];
        let sums = ChecksumCapabilities::default();
        let mut whole = Ipv4Packet::new_unchecked(&mut out);
        ip.emit(&mut whole, &sums);
        let mut inner = TcpPacket::new_unchecked(whole.payload_mut());
        tcp.emit(&mut inner, &from.0.into(), &to.0.into(), &sums);
        out
    }

    fn repeated(hasten: &mut Hasten) -> Vec<i64> {
        (0..5000)
            .filter(|ms| !hasten.poll(Instant::from_millis(*ms)).is_empty())
            .collect()
    }

    #[test]
    fn a_lost_syn_goes_out_twice_more() {
        let mut hasten = Hasten::default();
        hasten.sent(
            Instant::from_millis(0),
            &packet(A, B, TcpControl::Syn, 9, None, b""),
        );
        assert_eq!(repeated(&mut hasten), [200, 600]);
        assert_eq!(hasten.next(), None);
    }

    #[test]
    fn an_acknowledged_segment_does_not() {
        let mut hasten = Hasten::default();
        hasten.sent(
            Instant::from_millis(0),
            &packet(A, B, TcpControl::Psh, 9, Some(1), b"hello"),
        );
        hasten.received(&packet(B, A, TcpControl::None, 1, Some(13), b""));
        assert!(hasten.next().is_some());
        hasten.received(&packet(B, A, TcpControl::None, 1, Some(14), b""));
        assert_eq!(hasten.next(), None);
    }

    #[test]
    fn a_reset_and_bare_acknowledgements_are_not_repeated() {
        let mut hasten = Hasten::default();
        hasten.sent(
            Instant::from_millis(0),
            &packet(A, B, TcpControl::None, 9, Some(1), b""),
        );
        assert_eq!(hasten.next(), None);
        hasten.sent(
            Instant::from_millis(0),
            &packet(A, B, TcpControl::Syn, 9, None, b""),
        );
        hasten.received(&packet(B, A, TcpControl::Rst, 0, Some(10), b""));
        assert_eq!(hasten.next(), None);
    }
}
