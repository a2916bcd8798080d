//! Threads that compute for ever: spin THREADS. Prints a line once all of them run.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;

fn spin() -> ! {
    let mut sum = 0_u64;
    for number in 0_u64.. {
        sum = black_box(sum.wrapping_add(number * 3));
    }
    unreachable!("there are numbers enough")
}

fn main() {
    let threads: usize = std::env::args()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(2);
    let all = Arc::new(Barrier::new(threads));
    for _ in 1..threads {
        let all = all.clone();
        thread::spawn(move || {
            all.wait();
            spin()
        });
    }
    all.wait();
    println!("ready");
    spin()
}
