//! RPCI: what a guest asks VMware's hypervisor, command by command, over its backdoor.
//!
//! A call of the backdoor is six registers in and out. A command takes a channel of its own:
//!
//! ```text
//! OPEN ─► SENDSIZE ─► SENDPAYLOAD … ─► RECVSIZE ─► RECVPAYLOAD … ─► RECVSTATUS ─► CLOSE      four bytes a payload
//! reply = "1 " value / "0 " reason
//! ```
//! Source: open-vm-tools, `lib/message` and `lib/include/backdoor_def.h`. The way with string instructions is not taken: it asks
//! for memory that the host may read.

use alloc::string::String;
use alloc::vec::Vec;

/// The registers of one call, before it and after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the processor's")]
pub struct Registers {
    pub eax: u32,
    pub ebx: u32,
    pub ecx: u32,
    pub edx: u32,
    pub esi: u32,
    pub edi: u32,
}

/// Who calls the hypervisor.
pub trait Backdoor {
    /// One call.
    fn call(&mut self, registers: Registers) -> Registers;
}

/// Longest reply taken, in bytes; the hypervisor's own bound for a variable is below it.
pub const REPLY_BYTES_MAX: usize = 2 << 20;
/// Most tries of one command: a machine that is moved meanwhile loses the channel.
const TRIES_MAX: usize = 3;

/// What stands in EAX: `VMXh`.
const MAGIC: u32 = 0x564d_5868;
/// The port, the low half of EDX; the channel is the high half.
const PORT: u32 = 0x5658;
/// The command for messages, the low half of ECX; the step is the high half.
const MESSAGE: u32 = 0x1e;
/// The protocol, `RPCI`, and the flag that asks for cookies.
const PROTOCOL: u32 = 0x4943_5052;
const COOKIES: u32 = 0x8000_0000;

/// Steps.
const OPEN: u32 = 0;
const SEND_SIZE: u32 = 1;
const SEND_PAYLOAD: u32 = 2;
const RECEIVE_SIZE: u32 = 3;
const RECEIVE_PAYLOAD: u32 = 4;
const RECEIVE_STATUS: u32 = 5;
const CLOSE: u32 = 6;

/// What the high half of ECX says afterwards.
const SUCCESS: u32 = 1;
const THERE_IS_A_REPLY: u32 = 2;
const CHECKPOINT: u32 = 0x10;

/// Why a command has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    /// The machine was moved: another try may do.
    Moved,
    /// No hypervisor that speaks this, or damage; in words.
    Broken(&'static str),
}

/// Sends a command: the value of the reply; `None` where the hypervisor says that it has none.
///
/// # Errors
/// What was found instead of a reply.
pub fn ask(door: &mut dyn Backdoor, command: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    for _ in 0..TRIES_MAX {
        let mut channel = Channel::open(door)?;
        let reply = channel.exchange(command);
        channel.step(CLOSE, 0);
        match reply {
            Ok(reply) => return value(reply),
            Err(Lost::Moved) => {}
            Err(Lost::Broken(found)) => return Err(found),
        }
    }
    Err("a machine that is moved again and again")
}

fn value(reply: Vec<u8>) -> Result<Option<Vec<u8>>, &'static str> {
    match reply.as_slice() {
        [b'1', b' ', value @ ..] => Ok(Some(value.to_vec())),
        [b'1'] => Ok(Some(Vec::new())),
        [b'0', ..] => Ok(None),
        _ => Err("a reply that is none"),
    }
}

/// The variable `guestinfo.NAME`; `None` if it is not set, has bytes that are no text, or cannot be asked for.
pub fn variable(door: &mut dyn Backdoor, name: &str) -> Option<String> {
    let command = ["info-get ", name].concat();
    let value = ask(door, command.as_bytes()).ok()??;
    String::from_utf8(value).ok()
}

/// An open channel.
struct Channel<'a> {
    door: &'a mut dyn Backdoor,
    id: u32,
    /// What the hypervisor wants to see again, in ESI and EDI.
    cookies: (u32, u32),
}

impl<'a> Channel<'a> {
    /// Older hypervisors know no cookies.
    fn open(door: &'a mut dyn Backdoor) -> Result<Channel<'a>, &'static str> {
        for flags in [COOKIES, 0] {
            let after = door.call(Registers {
                eax: MAGIC,
                ebx: PROTOCOL | flags,
                ecx: MESSAGE | OPEN << 16,
                edx: PORT,
                ..Registers::default()
            });
            if status(after) & SUCCESS != 0 {
                return Ok(Channel {
                    door,
                    id: after.edx & 0xffff_0000,
                    cookies: (after.esi, after.edi),
                });
            }
        }
        Err("no hypervisor that answers")
    }

    fn step(&mut self, step: u32, ebx: u32) -> Registers {
        self.door.call(Registers {
            eax: MAGIC,
            ebx,
            ecx: MESSAGE | step << 16,
            edx: PORT | self.id,
            esi: self.cookies.0,
            edi: self.cookies.1,
        })
    }

    /// A step that has to succeed.
    fn sure(&mut self, step: u32, ebx: u32) -> Result<Registers, Lost> {
        let after = self.step(step, ebx);
        match status(after) {
            status if status & SUCCESS != 0 => Ok(after),
            status if status & CHECKPOINT != 0 => Err(Lost::Moved),
            _ => Err(Lost::Broken("a step that was refused")),
        }
    }

    fn exchange(&mut self, command: &[u8]) -> Result<Vec<u8>, Lost> {
        let length =
            u32::try_from(command.len()).map_err(|_| Lost::Broken("a command too long"))?;
        self.sure(SEND_SIZE, length)?;
        for chunk in command.chunks(4) {
            let mut word = [0; 4];
            for (place, byte) in word.iter_mut().zip(chunk) {
                *place = *byte;
            }
            self.sure(SEND_PAYLOAD, u32::from_le_bytes(word))?;
        }
        let head = self.sure(RECEIVE_SIZE, 0)?;
        if status(head) & THERE_IS_A_REPLY == 0 {
            return Ok(Vec::new());
        }
        let length = head.ebx as usize;
        if head.edx >> 16 != SEND_SIZE || length > REPLY_BYTES_MAX {
            return Err(Lost::Broken("a reply too long"));
        }
        let mut reply = Vec::new();
        while reply.len() < length {
            let after = self.sure(RECEIVE_PAYLOAD, SUCCESS)?;
            let word = after.ebx.to_le_bytes();
            let whole = word.len().min(length - reply.len());
            reply.extend(word.iter().take(whole));
        }
        self.sure(RECEIVE_STATUS, SUCCESS)?;
        Ok(reply)
    }
}

fn status(after: Registers) -> u32 {
    after.ecx >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;
    use alloc::vec;

    /// A hypervisor by the word of open-vm-tools: it keeps one variable.
    #[derive(Default)]
    struct Host {
        sent: Vec<u8>,
        expected: usize,
        reply: Vec<u8>,
        calls: Vec<u32>,
        /// Calls to be answered in another way, by their number.
        damage: Option<(usize, u32)>,
        no_cookies: bool,
        open: i32,
    }

    const COOKIE: (u32, u32) = (0xc00c_1e00, 0x0dd5_eed5);

    impl Host {
        fn answer(&mut self) {
            let name = b"info-get guestinfo.userdata";
            self.reply = if self.sent == name {
                b"1 #cloud-config\na: 1\n".to_vec()
            } else {
                b"0 No value found".to_vec()
            };
        }
    }

    impl Backdoor for Host {
        fn call(&mut self, before: Registers) -> Registers {
            assert_eq!(
                (before.eax, before.ecx & 0xffff, before.edx & 0xffff),
                (MAGIC, MESSAGE, PORT)
            );
            let step = before.ecx >> 16;
            self.calls.push(step);
            let mut after = Registers {
                ecx: SUCCESS << 16,
                ..before
            };
            if step == OPEN {
                assert_eq!(before.ebx & !COOKIES, PROTOCOL);
                if self.no_cookies && before.ebx & COOKIES != 0 {
                    return Registers { ecx: 0, ..before };
                }
                self.open += 1;
                (after.edx, after.esi, after.edi) = (PORT | 7 << 16, COOKIE.0, COOKIE.1);
            } else {
                assert_eq!(
                    (before.edx >> 16, before.esi, before.edi),
                    (7, COOKIE.0, COOKIE.1)
                );
            }
            match step {
                SEND_SIZE => (self.expected, self.sent) = (before.ebx as usize, vec![]),
                SEND_PAYLOAD => {
                    let left = self.expected - self.sent.len();
                    self.sent.extend(before.ebx.to_le_bytes().iter().take(left));
                }
                RECEIVE_SIZE => {
                    self.answer();
                    after.ecx = (SUCCESS | THERE_IS_A_REPLY) << 16;
                    after.ebx = self.reply.len() as u32;
                    after.edx = SEND_SIZE << 16;
                }
                RECEIVE_PAYLOAD => {
                    let rest = self.reply.split_off(self.reply.len().min(4));
                    let mut word = core::mem::replace(&mut self.reply, rest);
                    word.resize(4, 0xff);
                    after.ebx = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
                }
                CLOSE => self.open -= 1,
                _ => {}
            }
            match self.damage {
                Some((number, ecx)) if number == self.calls.len() => Registers { ecx, ..after },
                _ => after,
            }
        }
    }

    #[test]
    fn a_variable_is_asked_for_in_the_steps_of_the_protocol() {
        let mut host = Host::default();
        let text = variable(&mut host, "guestinfo.userdata");
        assert_eq!(text.as_deref(), Some("#cloud-config\na: 1\n"));
        let sent = vec![SEND_PAYLOAD; 7];
        let received = vec![RECEIVE_PAYLOAD; 6];
        let steps = [
            vec![OPEN, SEND_SIZE],
            sent,
            vec![RECEIVE_SIZE],
            received,
            vec![RECEIVE_STATUS, CLOSE],
        ];
        assert_eq!(host.calls, steps.concat());
        assert_eq!(variable(&mut host, "guestinfo.x"), None);
        assert_eq!(host.open, 0);
    }

    #[test]
    fn an_older_hypervisor_is_asked_without_cookies() {
        let mut host = Host {
            no_cookies: true,
            ..Host::default()
        };
        assert!(variable(&mut host, "guestinfo.userdata").is_some());
    }

    #[test]
    fn each_step_may_fail_and_leaves_no_channel_open() {
        for number in 1..=18 {
            for ecx in [0, !(SUCCESS << 16), CHECKPOINT << 16] {
                let mut host = Host {
                    damage: Some((number, ecx)),
                    ..Host::default()
                };
                let _ = ask(&mut host, b"info-get guestinfo.userdata");
                let close = host.calls.iter().filter(|step| **step == CLOSE).count() as i32;
                assert!(host.open <= 1 && close >= 1, "{number} {ecx:x}");
            }
        }
    }

    #[test]
    fn a_machine_that_was_moved_asks_again() {
        let mut host = Host {
            damage: Some((4, CHECKPOINT << 16)),
            ..Host::default()
        };
        let value = ask(&mut host, b"info-get guestinfo.userdata");
        assert_eq!(value.map(|value| value.is_some()), Ok(true));
        assert_eq!(host.calls.iter().filter(|step| **step == OPEN).count(), 2);
    }

    /// What answers with whatever it is given.
    struct Noise(VecDeque<u32>);

    impl Backdoor for Noise {
        fn call(&mut self, _: Registers) -> Registers {
            let mut word = || {
                let word = self.0.pop_front().unwrap_or(1 << 16);
                self.0.push_back(word.rotate_left(7));
                word
            };
            let [eax, ebx, ecx, edx, esi, edi] = core::array::from_fn(|_| word());
            Registers {
                eax,
                ebx: ebx & 0xffff,
                ecx,
                edx,
                esi,
                edi,
            }
        }
    }

    #[test]
    fn noise_is_no_panic() {
        for seed in 0..200u32 {
            let words = (0..13).map(|index| (seed * 31 + index).wrapping_mul(0x9e37_79b9));
            let _ = ask(&mut Noise(words.collect()), b"info-get guestinfo.metadata");
        }
        // A port that nobody listens at reads as all ones.
        let mut nobody = Noise(VecDeque::from([u32::MAX]));
        assert!(ask(&mut nobody, b"x").is_err());
    }
}
