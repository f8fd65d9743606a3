//! The backdoor of VMware's hypervisor: an I/O port that means something to it alone.
//!
//! It is used only where the processor says by CPUID that this hypervisor is there, which lets a program without privileges use it;
//! anywhere else the instruction would be a fault.

use std::fmt;
use std::time::Duration;

use cloudseed_core::machine::rpci::{self, Backdoor, Registers};
use cloudseed_core::outside::{self, Failure};

use super::cpu;

/// The hypervisor's name in CPUID.
const VENDOR: &[u8; 12] = b"VMwareVMware";

/// The hypervisor of the machine that runs us.
#[derive(Debug)]
pub struct Door(());

impl Door {
    /// The hypervisor, if it is VMware's and the processor one whose calls are known here.
    pub fn open() -> Option<Door> {
        let here =
            cfg!(target_arch = "x86_64") && cpu::hypervisor_vendor().as_ref() == Some(VENDOR);
        here.then_some(Door(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Backdoor for Door {
    fn call(&mut self, before: Registers) -> Registers {
        let mut after = before;
        // RBX is the compiler's own and has to be as it was afterwards.
        let mut rbx = u64::from(before.ebx);
        let (mut rsi, mut rdi) = (u64::from(before.esi), u64::from(before.edi));
        // SAFETY: a Door is there only under this hypervisor, which takes the instruction away from the processor at any
        // level of privilege; with the command for messages it changes these six registers, and neither memory nor the stack.
        unsafe {
            core::arch::asm!(
                "xchg {rbx}, rbx",
                "in eax, dx",
                "xchg {rbx}, rbx",
                rbx = inout(reg) rbx,
                inout("eax") after.eax,
                inout("ecx") after.ecx,
                inout("edx") after.edx,
                inout("rsi") rsi,
                inout("rdi") rdi,
                options(nostack),
            );
        }
        (after.ebx, after.esi, after.edi) = (rbx as u32, rsi as u32, rdi as u32);
        after
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Backdoor for Door {
    fn call(&mut self, before: Registers) -> Registers {
        Registers { ecx: 0, ..before }
    }
}

/// The variable `guestinfo.NAME` that VMware keeps for this guest.
pub fn variable(name: &str) -> Option<String> {
    rpci::variable(&mut Door::open()?, name)
}

/// The backdoor as a port: what is written is one command, what is read its reply.
pub struct Commands {
    door: Door,
    reply: Vec<u8>,
}

impl Commands {
    /// The port of this hypervisor.
    pub fn open() -> Option<Commands> {
        let reply = Vec::new();
        Door::open().map(|door| Commands { door, reply })
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commands")
    }
}

impl outside::Stream for Commands {
    fn read(&mut self, buffer: &mut [u8], _: Duration) -> Result<usize, Failure> {
        let count = buffer.len().min(self.reply.len());
        for (place, byte) in buffer.iter_mut().zip(self.reply.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8], _: Duration) -> Result<(), Failure> {
        let reply = rpci::ask(&mut self.door, bytes).map_err(Failure::lasting)?;
        self.reply = match reply {
            Some(value) => [b"1 ", &value[..]].concat(),
            None => b"0 ".to_vec(),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elsewhere_nobody_is_called() {
        if cpu::hypervisor_vendor().as_ref() != Some(VENDOR) {
            assert!(Commands::open().is_none());
            assert_eq!(variable("guestinfo.userdata"), None);
        }
    }
}
