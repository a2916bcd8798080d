//! The time of day at boot, from the CMOS clock (MC146818).

use x86_64::instructions::port::Port;

const SECONDS: u8 = 0x00;
const MINUTES: u8 = 0x02;
const HOURS: u8 = 0x04;
const DAY: u8 = 0x07;
const MONTH: u8 = 0x08;
const YEAR: u8 = 0x09;
const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;
const UPDATE_IN_PROGRESS: u8 = 0x80;
const IS_24_HOURS: u8 = 0x02;
const IS_BINARY: u8 = 0x04;
const IS_AFTERNOON: u8 = 0x80;

/// How often an update is waited for.
const PATIENCE: u32 = 100_000;

fn register(index: u8) -> u8 {
    // SAFETY: reading the clock's registers changes nothing.
    unsafe {
        Port::<u8>::new(0x70).write(index | 0x80);
        Port::<u8>::new(0x71).read()
    }
}

fn read_once() -> [u8; 6] {
    for _ in 0..PATIENCE {
        if register(STATUS_A) & UPDATE_IN_PROGRESS == 0 {
            break;
        }
    }
    [SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR].map(register)
}

/// Nanoseconds since 1970, to the second.
pub fn read_nanos() -> u64 {
    let mut values = read_once();
    for _ in 0..8 {
        let again = read_once();
        if again == values {
            break;
        }
        values = again;
    }
    let status = register(STATUS_B);
    let is_afternoon = values[2] & IS_AFTERNOON != 0;
    values[2] &= !IS_AFTERNOON;
    if status & IS_BINARY == 0 {
        values = values.map(|value| (value >> 4) * 10 + (value & 15));
    }
    let [second, minute, mut hour, day, month, year] = values.map(u64::from);
    if status & IS_24_HOURS == 0 {
        hour = hour % 12 + if is_afternoon { 12 } else { 0 };
    }
    // The century's register is not everywhere; this kernel is younger than 2000.
    let days = days_since_1970(2000 + year, month.clamp(1, 12), day.clamp(1, 31));
    (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (Hinnant's algorithm).
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
