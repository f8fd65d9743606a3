//! Who has which address: ARP (RFC 826).

use std::net::Ipv4Addr;

use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress};

/// An ARP message about IPv4 on Ethernet, taken apart.
pub struct Arp {
    /// True if it asks.
    pub request: bool,
    /// The sender's addresses; the IPv4 one is 0.0.0.0 in a probe (RFC 5227).
    pub sender: (EthernetAddress, Ipv4Addr),
    /// The address it is about.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Reads a message.
    pub fn parse(bytes: &[u8]) -> Option<Arp> {
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            target_protocol_addr,
            ..
        } = ArpRepr::parse(&ArpPacket::new_checked(bytes).ok()?).ok()?
        else {
            return None;
        };
        Some(Arp {
            request: operation == ArpOperation::Request,
            sender: (source_hardware_addr, source_protocol_addr),
            target: target_protocol_addr,
        })
    }

    /// The reply that says that the address is at `hardware`.
    pub fn reply(&self, hardware: EthernetAddress) -> Vec<u8> {
        let reply = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: hardware,
            source_protocol_addr: self.target,
            target_hardware_addr: self.sender.0,
            target_protocol_addr: self.sender.1,
        };
        let mut bytes = vec![0; reply.buffer_len()];
        reply.emit(&mut ArpPacket::new_unchecked(&mut bytes));
        bytes
    }
}
