//! What the IP header of a datagram says beside the addresses: how far it may travel, and
//! its traffic class. No datagram leaves the machine, so both arrive as they were sent.
//!
//! Source: RFC 3542, 6.3 and 6.5; for IPv4 `ip(7)`. In Linux `ip6_datagram_send_ctl`,
//! `ip6_datagram_recv_specific_ctl` and `ip_cmsg_recv_offset`.

use linux_raw_sys::net;

use super::Socket;
use super::address::Address;
use super::channel::Tag;
use super::transfer::ControlMessage;

const IP: u32 = net::IPPROTO_IP as u32;
const IPV6: u32 = net::IPPROTO_IPV6 as u32;

/// What a datagram's header says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hops {
    /// Hop limit, or time to live.
    pub limit: u8,
    /// Traffic class, or type of service.
    pub class: u8,
}

/// What the sender of one datagram wants it to say; None is what the socket's options
/// say.
#[derive(Clone, Copy, Debug, Default)]
pub struct HopRequest {
    /// `IPV6_HOPLIMIT`, `IP_TTL`.
    pub limit: Option<u8>,
    /// `IPV6_TCLASS`, `IP_TOS`.
    pub class: Option<u8>,
}

impl Socket {
    /// What a datagram from here says.
    pub(super) fn hops(&self, is_v4: bool, request: HopRequest) -> Hops {
        let options = self.options.lock();
        let stored = &options.stored;
        let (level, limit, class) = match is_v4 {
            true => (IP, net::IP_TTL, net::IP_TOS),
            false => (IPV6, net::IPV6_UNICAST_HOPS, net::IPV6_TCLASS),
        };
        Hops {
            limit: request.limit.unwrap_or(stored.octet(level, limit)),
            class: request.class.unwrap_or(stored.octet(level, class)),
        }
    }

    /// The control messages that this socket has asked for about a datagram.
    pub(super) fn asked_messages(&self, tag: &Tag) -> Vec<ControlMessage> {
        if !self.domain.is_internet() {
            return Vec::new();
        }
        let is_v4 = matches!(&tag.source, Address::Inet(ip, _) if ip.is_ipv4());
        let (level, limit, class) = match is_v4 {
            true => (IP, net::IP_RECVTTL, net::IP_RECVTOS),
            false => (IPV6, net::IPV6_RECVHOPLIMIT, net::IPV6_RECVTCLASS),
        };
        let (tells_limit, tells_class) = {
            let options = self.options.lock();
            let stored = &options.stored;
            (stored.is_on(level, limit), stored.is_on(level, class))
        };
        let mut messages = Vec::new();
        if tells_limit {
            messages.push(ControlMessage {
                level,
                kind: if is_v4 {
                    net::IP_TTL
                } else {
                    net::IPV6_HOPLIMIT
                },
                data: i32::from(tag.hops.limit).to_ne_bytes().to_vec(),
            });
        }
        if tells_class {
            messages.push(match is_v4 {
                // One byte, where everything else is an int.
                true => ControlMessage {
                    level,
                    kind: net::IP_TOS,
                    data: vec![tag.hops.class],
                },
                false => ControlMessage {
                    level,
                    kind: net::IPV6_TCLASS,
                    data: i32::from(tag.hops.class).to_ne_bytes().to_vec(),
                },
            });
        }
        messages
    }
}
