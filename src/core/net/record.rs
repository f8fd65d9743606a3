//! Record: frames as a file that Wireshark and tcpdump read (pcapng, draft-ietf-opsawg-pcapng).

use alloc::vec::Vec;

use smoltcp::time::Instant;

use super::{Direction, Nic};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const ETHERNET: u16 = 1;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// An option: the name of an interface.
const NAME: u16 = 2;
/// An option: the direction of a packet.
const FLAGS: u16 = 2;

/// The beginning of the file: one section, and a block for each interface in this order. All numbers are little-endian.
pub fn head(nics: &[Nic]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(BYTE_ORDER.to_le_bytes());
    body.extend([1, 0, 0, 0]);
    // The length of the section is not known.
    body.extend([0xff; 8]);
    let mut out = block(SECTION, &body);
    for nic in nics {
        let mut body = Vec::new();
        body.extend(ETHERNET.to_le_bytes());
        body.extend([0; 2 + 4]);
        option(&mut body, NAME, nic.name.as_bytes());
        option(&mut body, 0, &[]);
        out.extend(block(INTERFACE, &body));
    }
    out
}

/// One frame, on the interface that was `index`th in [`head`]; the time is the machine's, since it started.
pub fn frame(now: Instant, index: usize, way: Direction, bytes: &[u8]) -> Vec<u8> {
    let micros = now.total_micros().max(0) as u64;
    let length = (bytes.len() as u32).to_le_bytes();
    let mut body = Vec::with_capacity(bytes.len() + 48);
    body.extend((index as u32).to_le_bytes());
    body.extend(((micros >> 32) as u32).to_le_bytes());
    body.extend((micros as u32).to_le_bytes());
    body.extend(length);
    body.extend(length);
    body.extend(bytes);
    pad(&mut body);
    let direction = match way {
        Direction::In => 1u32,
        Direction::Out => 2,
    };
    option(&mut body, FLAGS, &direction.to_le_bytes());
    option(&mut body, 0, &[]);
    block(PACKET, &body)
}

/// Type 4 · total length 4 · body, padded to four bytes · total length 4.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = (12 + body.len() as u32).to_le_bytes();
    let mut out = Vec::with_capacity(12 + body.len());
    out.extend(kind.to_le_bytes());
    out.extend(length);
    out.extend(body);
    out.extend(length);
    out
}

/// Code 2 · length 2 · value, padded to four bytes.
fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    out.extend(code.to_le_bytes());
    out.extend((value.len() as u16).to_le_bytes());
    out.extend(value);
    pad(out);
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn blocks_tell_their_length_twice() {
        let nic = Nic {
            name: String::from("eth0"),
            index: 2,
            mac: [2; 6],
            mtu: 1500,
        };
        let mut file = head(&[nic]);
        file.extend(frame(
            Instant::from_micros(5_000_000_001i64),
            0,
            Direction::Out,
            &[1, 2, 3],
        ));
        let mut kinds = Vec::new();
        let mut rest = file.as_slice();
        while let [a, b, c, d, e, f, g, h, ..] = rest {
            kinds.push(u32::from_le_bytes([*a, *b, *c, *d]));
            let length = u32::from_le_bytes([*e, *f, *g, *h]) as usize;
            assert_eq!(rest[length - 4..length], [*e, *f, *g, *h]);
            rest = &rest[length..];
        }
        assert_eq!(kinds, [SECTION, INTERFACE, PACKET]);
    }
}
