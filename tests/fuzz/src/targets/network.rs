//! Netlink's messages (`formats::netlink`, `formats::rtnetlink`).

use std::net::IpAddr;

use formats::netlink::Requests;
use formats::rtnetlink::{Interface, answer};

/// Every message is answered, or needs no answer; there are no more of them than bytes for them.
pub fn run(bytes: &[u8]) {
    let addresses = [(IpAddr::from([127, 0, 0, 1]), 8)];
    let interfaces = [Interface {
        index: 1,
        name: "lo",
        hardware: 772,
        flags: 0x49,
        mtu: 65536,
        queue_length: 1000,
        hardware_address: [0; 6],
        addresses: &addresses,
    }];
    let mut count = 0;
    for request in Requests::new(bytes) {
        count += 1;
        for may_change in [false, true] {
            for datagram in answer(&request, 7, may_change, &interfaces) {
                assert!(datagram.len() >= 16);
            }
        }
    }
    assert!(count <= bytes.len() / 16);
}

/// Lists of links and of addresses.
pub fn seeds() -> Vec<Vec<u8>> {
    let request = |kind: u16| {
        let mut bytes = 17_u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(0x301_u16.to_ne_bytes());
        bytes.extend([1, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.resize(20, 0);
        bytes
    };
    vec![[request(18), request(22)].concat()]
}
