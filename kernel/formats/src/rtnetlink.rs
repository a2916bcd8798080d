//! What `NETLINK_ROUTE` says about the interfaces (`rtnetlink(7)`): lists of links and of
//! addresses. Nothing else is answered, and nothing can be changed.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::netlink::{Answer, Request};

const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
/// Largest type there is (`RTM_MAX`); of each four the third only reads.
const LARGEST_TYPE: u16 = 123;
const READS: u16 = 2;

/// Bytes of `struct rtgenmsg`: a family.
const GENERIC: usize = 1;

const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

// Attributes of a link (`IFLA_…`) and of an address (`IFA_…`).
const LINK_ADDRESS: u16 = 1;
const LINK_BROADCAST: u16 = 2;
const LINK_NAME: u16 = 3;
const LINK_MTU: u16 = 4;
const LINK_QUEUEING: u16 = 6;
const LINK_QUEUE_LENGTH: u16 = 13;
const LINK_STATE: u16 = 16;
const LINK_MODE: u16 = 17;
const ADDRESS: u16 = 1;
const ADDRESS_LOCAL: u16 = 2;
const ADDRESS_LABEL: u16 = 3;
const ADDRESS_LIFETIME: u16 = 6;
const ADDRESS_FLAGS: u16 = 8;

/// `IFA_F_PERMANENT`.
const PERMANENT: u8 = 0x80;
/// `RT_SCOPE_HOST`: an address that means nothing to others.
const SCOPE_HOST: u8 = 254;

/// A network interface.
#[derive(Clone, Copy, Debug)]
pub struct Interface<'a> {
    /// Its number, from 1.
    pub index: u32,
    /// Its name, without a NUL.
    pub name: &'a str,
    /// `ARPHRD_…`.
    pub hardware: u16,
    /// `IFF_…`.
    pub flags: u32,
    /// Bytes of the largest packet.
    pub mtu: u32,
    /// Packets that may wait.
    pub queue_length: u32,
    /// The hardware's address.
    pub hardware_address: [u8; 6],
    /// Addresses of this host, and the bits of their prefixes.
    pub addresses: &'a [(IpAddr, u8)],
}

/// Why a request is refused; the numbers are Linux's.
enum Refusal {
    NotPermitted = 1,
    NotSupported = 95,
}

/// Answers one message of the socket at `port`: the datagrams to send back, in order.
/// `may_change` is whether the sender may configure the network, for the error it gets.
#[must_use]
pub fn answer(
    request: &Request<'_>,
    port: u32,
    may_change: bool,
    interfaces: &[Interface<'_>],
) -> Vec<Vec<u8>> {
    let result = match request.is_for_kernel() {
        true => list(request, port, may_change, interfaces),
        false => Ok(None),
    };
    match result {
        Ok(Some(messages)) => [messages, request.done(port)]
            .into_iter()
            .filter(|datagram| !datagram.is_empty())
            .collect(),
        Ok(None) if request.wants_acknowledgement() => [request.error(port, 0)].into(),
        Ok(None) => Vec::new(),
        Err(refusal) => [request.error(port, refusal as u16)].into(),
    }
}

/// The messages of a list; None where the request needs nothing done.
fn list(
    request: &Request<'_>,
    port: u32,
    may_change: bool,
    interfaces: &[Interface<'_>],
) -> Result<Option<Vec<u8>>, Refusal> {
    if request.kind > LARGEST_TYPE {
        return Err(Refusal::NotSupported);
    }
    let Some([family]) = request.payload.first_chunk::<GENERIC>() else {
        return Ok(None);
    };
    if request.kind % 4 != READS && !may_change {
        return Err(Refusal::NotPermitted);
    }
    let mut messages = Vec::new();
    match request.kind {
        GET_LINK if request.is_dump() => {
            for interface in interfaces {
                messages.extend(link(request, port, interface));
            }
        }
        GET_ADDRESS if request.is_dump() => {
            for wanted in [AF_INET, AF_INET6] {
                if *family != wanted && matches!(*family, AF_INET | AF_INET6) {
                    continue;
                }
                for interface in interfaces {
                    for (ip, prefix) in interface.addresses {
                        if family_of(*ip) == wanted {
                            messages.extend(address(request, port, interface, *ip, *prefix));
                        }
                    }
                }
            }
        }
        _ => return Err(Refusal::NotSupported),
    }
    Ok(Some(messages))
}

fn family_of(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => AF_INET,
        IpAddr::V6(_) => AF_INET6,
    }
}

/// `struct ifinfomsg` and its attributes.
fn link(request: &Request<'_>, port: u32, interface: &Interface<'_>) -> Vec<u8> {
    let mut answer = Answer::listed(request, port, NEW_LINK);
    answer.put(&[AF_UNSPEC, 0]);
    answer.put(&interface.hardware.to_ne_bytes());
    answer.put(&interface.index.to_ne_bytes());
    answer.put(&interface.flags.to_ne_bytes());
    // Nothing has changed.
    answer.put(&[0; 4]);
    answer.attribute(LINK_NAME, &with_nul(interface.name));
    answer.attribute(LINK_QUEUE_LENGTH, &interface.queue_length.to_ne_bytes());
    // "Unknown", as loopback devices have it, and no mode of its own.
    answer.attribute(LINK_STATE, &[0]);
    answer.attribute(LINK_MODE, &[0]);
    answer.attribute(LINK_MTU, &interface.mtu.to_ne_bytes());
    answer.attribute(LINK_QUEUEING, b"noqueue\0");
    answer.attribute(LINK_ADDRESS, &interface.hardware_address);
    answer.attribute(LINK_BROADCAST, &[0; 6]);
    answer.finish()
}

/// `struct ifaddrmsg` and its attributes.
fn address(
    request: &Request<'_>,
    port: u32,
    interface: &Interface<'_>,
    ip: IpAddr,
    prefix: u8,
) -> Vec<u8> {
    let mut answer = Answer::listed(request, port, NEW_ADDRESS);
    answer.put(&[family_of(ip), prefix, PERMANENT, SCOPE_HOST]);
    answer.put(&interface.index.to_ne_bytes());
    match ip {
        IpAddr::V4(ip) => {
            answer.attribute(ADDRESS, &ip.octets());
            answer.attribute(ADDRESS_LOCAL, &ip.octets());
            answer.attribute(ADDRESS_LABEL, &with_nul(interface.name));
        }
        IpAddr::V6(ip) => answer.attribute(ADDRESS, &ip.octets()),
    }
    answer.attribute(ADDRESS_FLAGS, &u32::from(PERMANENT).to_ne_bytes());
    // `struct ifa_cacheinfo`: valid and preferred for ever, made and changed at time 0.
    let lifetime = [u32::MAX, u32::MAX, 0, 0].map(u32::to_ne_bytes);
    answer.attribute(ADDRESS_LIFETIME, lifetime.as_flattened());
    answer.finish()
}

fn with_nul(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::Requests;
    use crate::netlink::tests::request;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use proptest::prelude::*;

    const LOOPBACK: Interface<'_> = Interface {
        index: 1,
        name: "lo",
        hardware: 772,
        flags: 0x10049,
        mtu: 65536,
        queue_length: 1000,
        hardware_address: [0; 6],
        addresses: &[
            (IpAddr::V4(Ipv4Addr::LOCALHOST), 8),
            (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
        ],
    };
    const DUMP: u16 = 0x301;

    fn ask(kind: u16, flags: u16, payload: &[u8], may_change: bool) -> Vec<Vec<u8>> {
        let bytes = request(kind, flags, payload);
        let request = Requests::new(&bytes).next().unwrap();
        answer(&request, 66, may_change, &[LOOPBACK])
    }

    /// The messages of a datagram are framed as requests are.
    fn kinds(datagram: &[u8]) -> Vec<u16> {
        Requests::new(datagram).map(|one| one.kind).collect()
    }

    fn error(datagrams: &[Vec<u8>]) -> i32 {
        assert_eq!(datagrams.len(), 1);
        assert_eq!(kinds(&datagrams[0]), [2]);
        i32::from_ne_bytes(*datagrams[0][16..].first_chunk().unwrap())
    }

    #[test]
    fn a_list_of_links_ends_with_done() {
        let datagrams = ask(GET_LINK, DUMP, &[0; 4], false);
        assert_eq!(datagrams.len(), 2);
        assert_eq!(kinds(&datagrams[0]), [NEW_LINK]);
        // As Linux 6.18 begins it: the header behind the length, ifinfomsg, the name.
        let expected = [
            16, 0, 2, 0, 7, 0, 0, 0, 66, 0, 0, 0, //
            0, 0, 4, 3, 1, 0, 0, 0, 0x49, 0, 1, 0, 0, 0, 0, 0, //
            7, 0, 3, 0, b'l', b'o', 0, 0,
        ];
        assert_eq!(datagrams[0][4..40], expected);
        let done = [20, 0, 0, 0, 3, 0, 2, 0, 7, 0, 0, 0, 66, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(datagrams[1], done);
    }

    #[test]
    fn a_family_filters_addresses() {
        let count = |family| kinds(&ask(GET_ADDRESS, DUMP, &[family, 0, 0, 0], false)[0]).len();
        assert_eq!(count(AF_UNSPEC), 2);
        assert_eq!(count(AF_INET), 1);
        assert_eq!(count(AF_INET6), 1);
        let bytes = &ask(GET_ADDRESS, DUMP, &[AF_INET], false)[0];
        assert_eq!(bytes[16..24], [AF_INET, 8, 0x80, 254, 1, 0, 0, 0]);
        assert_eq!(bytes[24..32], [8, 0, 1, 0, 127, 0, 0, 1]);
    }

    #[test]
    fn everything_else_is_refused() {
        assert_eq!(error(&ask(26, DUMP, &[0; 4], true)), -95);
        assert_eq!(error(&ask(GET_LINK, 1, &[0; 16], true)), -95);
        assert_eq!(error(&ask(200, DUMP, &[0; 4], false)), -95);
        assert_eq!(error(&ask(NEW_LINK, 1, &[0; 16], true)), -95);
        assert_eq!(error(&ask(NEW_LINK, 1, &[0; 16], false)), -1);
    }

    #[test]
    fn what_asks_for_nothing_is_acknowledged_on_demand() {
        assert!(ask(GET_LINK, DUMP, &[], false).is_empty());
        assert_eq!(error(&ask(GET_LINK, DUMP | 4, &[], false)), 0);
        assert!(ask(1, 1, &[0; 4], false).is_empty());
        assert_eq!(error(&ask(1, 5, &[0; 4], false)), 0);
        // No request at all.
        assert!(ask(GET_LINK, 0x300, &[0; 4], false).is_empty());
    }

    proptest! {
        #[test]
        fn any_request_has_whole_messages_for_an_answer(
            kind in 0_u16..140,
            flags in any::<u16>(),
            payload in prop::collection::vec(any::<u8>(), 0..40),
            may_change in any::<bool>(),
        ) {
            for datagram in ask(kind, flags, &payload, may_change) {
                let inside: usize = Requests::new(&datagram)
                    .map(|one| (16 + one.payload.len()).next_multiple_of(4))
                    .sum();
                prop_assert_eq!(inside, datagram.len());
            }
        }
    }
}
