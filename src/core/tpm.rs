//! TPM: the two commands of a TPM 2.0 that measuring takes, as bytes.
//!
//! ```text
//!   TPM2_PCR_Extend  = %x8002 size %x00000182 pcr 9 %x40000009 %x0000 %x00 %x0000 1 %x000b digest
//!                      (sessions)      (code)       (the empty password)          (one digest, SHA-256)
//!   answer           = %x8002 size code 0 nonce %x00-ff hmac     ; nonce and hmac: a length and as many bytes
//!
//!   TPM2_PCR_Read    = %x8001 size %x0000017e 1 %x000b 3 %x000000-ffffff       (one bank, three bytes of bits, lowest first)
//!   answer           = %x8001 size code counter 1 %x000b 3 %x000000-ffffff 1 32 value
//!
//!   an error         = %x8001 10 code
//! ```
//! Numbers are big-endian; tags, lengths of digests and names of algorithms have two bytes, the length of a selection one, all
//! else four. Source: TCG's "TPM 2.0 Library", part 3 (commands: `TPM2_PCR_Extend`, `TPM2_PCR_Read`) and part 1, "Command and
//! response header". A chip that asks for another try (`TPM_RC_RETRY`) is the kernel's to ask again, which it does.
//!
//! An extension of a bank that is not allocated succeeds and changes nothing. So what the PCR holds is read afterwards.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use nom::bytes::complete::{tag, take};
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};

use crate::outside::Stream;

/// A digest of SHA-256.
pub type Digest = [u8; 32];

/// Longest answer taken, in bytes: what the kernel's driver has room for.
pub const ANSWER_BYTES_MAX: usize = 4096;
/// How long a TPM may take for both commands, in seconds; chips take milliseconds, and the kernel gives one up after two seconds.
pub const TPM_SECONDS_MAX: u64 = 10;

/// TPM_ST_NO_SESSIONS and TPM_ST_SESSIONS.
const PLAIN: u16 = 0x8001;
const SESSIONS: u16 = 0x8002;
/// TPM_CC_PCR_Extend and TPM_CC_PCR_Read.
const EXTEND: u32 = 0x182;
const READ: u32 = 0x17e;
/// TPM_RS_PW: a session that is a password.
const PASSWORD: u32 = 0x4000_0009;
/// TPM_ALG_SHA256.
const SHA256: u16 = 0x000b;
/// Tag, size and code.
const HEADER_BYTES: usize = 10;
/// What a TPM 1.2 begins its answers with.
const OLD: u16 = 0x00c4;
/// Where the code of an answer means what is wrong with it, as far as that may be met here.
const CODES: [(u32, &str); 4] = [
    (0x100, "it was not started (TPM_RC_INITIALIZE)"),
    (0x101, "it has failed (TPM_RC_FAILURE)"),
    (0x907, "this PCR is not for this program (TPM_RC_LOCALITY)"),
    (0x922, "it is busy (TPM_RC_RETRY)"),
];

/// Whether a PCR may be extended by this program: 0 to 7 are the firmware's, 17 to 22 those of a late launch.
pub fn is_free(pcr: u8) -> bool {
    matches!(pcr, 8..=16 | 23)
}

/// Extends a PCR of the bank SHA-256; what it holds then. Takes until [`crate::outside::Clock::now`] is `until`.
///
/// # Errors
/// What was found instead, as the object of "but found".
pub fn extend(
    tpm: &mut dyn Stream,
    pcr: u8,
    digest: &Digest,
    until: Duration,
) -> Result<Digest, String> {
    let answer = ask(tpm, &extension(pcr, digest), until)?;
    extended(&answer)?;
    let answer = ask(tpm, &reading(pcr), until)?;
    value(&answer, pcr)
}

/// One command, one answer: a device gives it whole, a socket may not.
fn ask(tpm: &mut dyn Stream, command: &[u8], until: Duration) -> Result<Vec<u8>, String> {
    tpm.write(command, until).map_err(|failure| failure.found)?;
    let mut buffer = alloc::vec![0; ANSWER_BYTES_MAX];
    let (mut filled, mut size) = (0, HEADER_BYTES);
    while filled < size {
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let count = tpm.read(room, until).map_err(|failure| failure.found)?;
        if count == 0 {
            return Err(format!("the end of an answer after {filled} bytes"));
        }
        filled += count;
        if let Some((_, (_, length, _))) = buffer.get(..filled).and_then(|bytes| head(bytes).ok()) {
            size = usize::try_from(length).unwrap_or(usize::MAX);
            if size > ANSWER_BYTES_MAX {
                return Err(format!("an answer of {size} bytes"));
            }
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
}

fn extension(pcr: u8, digest: &Digest) -> Vec<u8> {
    let mut rest = Vec::new();
    rest.extend(u32::from(pcr).to_be_bytes());
    rest.extend(9_u32.to_be_bytes());
    rest.extend(PASSWORD.to_be_bytes());
    // No nonce, no attributes, and the empty password.
    rest.extend([0; 5]);
    rest.extend(1_u32.to_be_bytes());
    rest.extend(SHA256.to_be_bytes());
    rest.extend(digest);
    command(SESSIONS, EXTEND, &rest)
}

fn reading(pcr: u8) -> Vec<u8> {
    let mut rest = Vec::new();
    rest.extend(1_u32.to_be_bytes());
    rest.extend(SHA256.to_be_bytes());
    rest.push(3);
    rest.extend(selection(pcr));
    command(PLAIN, READ, &rest)
}

/// One bit of 24; a PCR that there is not has none.
fn selection(pcr: u8) -> [u8; 3] {
    let bit = 1_u32.checked_shl(u32::from(pcr)).unwrap_or_default();
    let [first, second, third, _] = bit.to_le_bytes();
    [first, second, third]
}

fn command(tag: u16, code: u32, rest: &[u8]) -> Vec<u8> {
    let size = u32::try_from(HEADER_BYTES + rest.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::from(tag.to_be_bytes());
    bytes.extend(size.to_be_bytes());
    bytes.extend(code.to_be_bytes());
    bytes.extend(rest);
    bytes
}

/// Tag, size and code.
fn head(bytes: &[u8]) -> IResult<&[u8], (u16, u32, u32)> {
    (be_u16, be_u32, be_u32).parse(bytes)
}

/// What stands behind the header of an answer that is whole and says that all went well.
fn body(answer: &[u8], tag: u16) -> Result<&[u8], String> {
    let Ok((rest, (found, size, code))) = head(answer) else {
        return Err(format!("an answer of {} bytes", answer.len()));
    };
    if found == OLD {
        return Err(String::from("a TPM 1.2"));
    }
    if usize::try_from(size).ok() != Some(answer.len()) {
        return Err(format!("{} bytes of {size}", answer.len()));
    }
    if code != 0 {
        let known = CODES.iter().find(|(known, _)| *known == code);
        return Err(match known {
            Some((_, words)) => format!("a TPM that refuses: {words}"),
            None => format!("a TPM that refuses (code {code:#05x})"),
        });
    }
    if found == tag {
        Ok(rest)
    } else {
        Err(format!("an answer of the kind {found:#06x}"))
    }
}

/// The answer to an extension.
fn extended(answer: &[u8]) -> Result<(), String> {
    let sessions = |rest| -> IResult<&[u8], _> {
        let nonce = length_data(be_u16);
        let hmac = length_data(be_u16);
        (tag(&[0; 4][..]), nonce, be_u8, hmac).parse(rest)
    };
    match sessions(body(answer, SESSIONS)?) {
        Ok(([], _)) => Ok(()),
        _ => Err(String::from("an answer that is none to an extension")),
    }
}

/// The answer to a reading: what this PCR holds.
fn value(answer: &[u8], pcr: u8) -> Result<Digest, String> {
    let rest = body(answer, PLAIN)?;
    let selected = |rest| -> IResult<&[u8], (u32, u32, u16, &[u8])> {
        (be_u32, be_u32, be_u16, length_data(be_u8)).parse(rest)
    };
    let values = |rest| -> IResult<&[u8], (u32, u16, &[u8])> {
        (be_u32, be_u16, take(size_of::<Digest>())).parse(rest)
    };
    let none = || String::from("a TPM without a bank of SHA-256 for this PCR");
    let (rest, (_, banks, bank, bits)) = selected(rest).map_err(|_| none())?;
    if banks != 1 || bank != SHA256 || bits != selection(pcr) {
        return Err(none());
    }
    match values(rest) {
        Ok(([], (1, 32, value))) => value.try_into().map_err(|_| none()),
        _ => Err(none()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::collections::VecDeque;

    use super::*;
    use crate::outside::Failure;

    /// A TPM that has its answers ready, and gives them in pieces.
    #[derive(Debug)]
    struct Ready {
        asked: Vec<Vec<u8>>,
        answers: VecDeque<Vec<u8>>,
        piece: usize,
    }

    impl Stream for Ready {
        fn read(&mut self, buffer: &mut [u8], _: Duration) -> Result<usize, Failure> {
            let Some(answer) = self.answers.front_mut() else {
                return Ok(0);
            };
            let count = self.piece.min(answer.len()).min(buffer.len());
            for (slot, byte) in buffer.iter_mut().zip(answer.drain(..count)) {
                *slot = byte;
            }
            if answer.is_empty() {
                self.answers.pop_front();
            }
            Ok(count)
        }

        fn write(&mut self, bytes: &[u8], _: Duration) -> Result<(), Failure> {
            self.asked.push(bytes.to_vec());
            Ok(())
        }
    }

    const EXTENDED: [u8; 19] = [0x80, 2, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];

    /// What swtpm 0.7 answers for PCR 12, with other contents.
    fn read() -> Vec<u8> {
        let mut answer = alloc::vec![0x80, 1, 0, 0, 0, 62, 0, 0, 0, 0, 0, 0, 0, 22];
        answer.extend([0, 0, 0, 1, 0, 0x0b, 3, 0, 0x10, 0, 0, 0, 0, 1, 0, 32]);
        answer.extend([7; 32]);
        answer
    }

    fn tpm(answers: &[&[u8]], piece: usize) -> Ready {
        Ready {
            asked: Vec::new(),
            answers: answers.iter().map(|answer| answer.to_vec()).collect(),
            piece,
        }
    }

    fn extend_12(answers: &[&[u8]], piece: usize) -> Result<Digest, String> {
        extend(&mut tpm(answers, piece), 12, &[5; 32], Duration::MAX)
    }

    #[test]
    fn the_commands_are_those_of_part_3() {
        let mut tpm = tpm(&[&EXTENDED, &read()], 4096);
        extend(&mut tpm, 12, &[5; 32], Duration::MAX).unwrap();
        let mut extension = alloc::vec![0x80, 2, 0, 0, 0, 65, 0, 0, 1, 0x82, 0, 0, 0, 12];
        extension.extend([0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0]);
        extension.extend([0, 0, 0, 1, 0, 0x0b]);
        extension.extend([5; 32]);
        assert_eq!(tpm.asked[0], extension);
        let reading = [
            0x80, 1, 0, 0, 0, 20, 0, 0, 1, 0x7e, 0, 0, 0, 1, 0, 0x0b, 3, 0, 0x10, 0,
        ];
        assert_eq!(tpm.asked[1], reading);
    }

    #[test]
    fn answers_may_come_in_pieces_of_any_size() {
        for piece in [1, 3, 9, 10, 11, 4096] {
            assert_eq!(extend_12(&[&EXTENDED, &read()], piece), Ok([7; 32]));
        }
    }

    #[test]
    fn an_answer_that_is_cut_off_is_none() {
        let (first, second) = (EXTENDED, read());
        for end in 0..first.len() {
            assert!(extend_12(&[&first[..end]], 4096).is_err(), "{end}");
            assert!(extended(&first[..end]).is_err(), "{end}");
        }
        for end in 0..second.len() {
            assert!(extend_12(&[&first, &second[..end]], 4096).is_err(), "{end}");
            assert!(value(&second[..end], 12).is_err(), "{end}");
        }
        let longer = [&second[..], &[0]].concat();
        assert!(value(&longer, 12).is_err());
    }

    #[test]
    fn a_changed_byte_of_an_answer_is_seen() {
        for at in 0..EXTENDED.len() {
            let mut answer = EXTENDED;
            answer[at] ^= 0xff;
            // The attributes of the session mean nothing to us.
            assert_eq!(extended(&answer).is_ok(), at == 16, "{at}");
        }
        for at in 0..read().len() {
            let mut answer = read();
            answer[at] ^= 0xff;
            // The counter, and what the PCR holds.
            let free = (10..14).contains(&at) || at >= 30;
            assert_eq!(value(&answer, 12).is_ok(), free, "{at}");
        }
    }

    #[test]
    fn what_a_tpm_refuses_is_told() {
        let refused = |code: u32| command(PLAIN, code, &[]);
        for (answer, expected) in [
            (
                refused(0x907),
                "a TPM that refuses: this PCR is not for this program (TPM_RC_LOCALITY)",
            ),
            (refused(0x1c4), "a TPM that refuses (code 0x1c4)"),
            (alloc::vec![0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 10], "a TPM 1.2"),
            (
                command(SESSIONS, 0, &[0; 4]),
                "an answer that is none to an extension",
            ),
            (
                alloc::vec![0x80, 2, 0, 1, 0, 0, 0, 0, 0, 0],
                "an answer of 65536 bytes",
            ),
            (Vec::new(), "the end of an answer after 0 bytes"),
        ] {
            assert_eq!(extend_12(&[&answer], 4096), Err(String::from(expected)));
        }
        // No bank is selected where none is allocated.
        let empty = command(PLAIN, 0, &[0, 0, 0, 22, 0, 0, 0, 0, 0, 0, 0, 0]);
        let expected = "a TPM without a bank of SHA-256 for this PCR";
        assert_eq!(
            extend_12(&[&EXTENDED, &empty], 4096),
            Err(String::from(expected))
        );
    }

    #[test]
    fn firmware_keeps_its_own() {
        let free: Vec<u8> = (0..=u8::MAX).filter(|pcr| is_free(*pcr)).collect();
        assert_eq!(free, [8, 9, 10, 11, 12, 13, 14, 15, 16, 23]);
        assert_eq!(selection(23), [0, 0, 0x80]);
        assert_eq!(selection(200), [0, 0, 0]);
    }
}
