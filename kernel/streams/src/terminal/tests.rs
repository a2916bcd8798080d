//! What the line discipline promises.

use alloc::vec::Vec;

use linux_raw_sys::general as linux;
use proptest::prelude::*;

use super::*;

fn raw() -> Settings {
    Settings {
        input: 0,
        output: 0,
        local: 0,
        ..Settings::default()
    }
}

fn typed(bytes: &[u8]) -> (Discipline, Effects) {
    typed_with(Settings::default(), bytes)
}

fn typed_with(settings: Settings, bytes: &[u8]) -> (Discipline, Effects) {
    let mut discipline = Discipline::default();
    discipline.set_settings(settings);
    let mut effects = Effects::default();
    discipline.receive(bytes, &mut effects);
    (discipline, effects)
}

fn line(discipline: &mut Discipline) -> Vec<u8> {
    let mut to = [0; 256];
    let (count, _) = discipline.read(&mut to);
    to[..count].to_vec()
}

#[test]
fn a_line_is_readable_only_when_it_is_complete() {
    let (mut discipline, mut effects) = typed(b"abc");
    assert!(!discipline.is_readable(1));
    discipline.receive(b"\r", &mut effects);
    assert_eq!(effects.echo, b"abc\r\n");
    assert_eq!(discipline.available(), 4);
    assert_eq!(line(&mut discipline), b"abc\n");
    assert!(!discipline.is_readable(1));
}

#[test]
fn erase_takes_a_whole_utf8_character_and_one_column() {
    let (mut discipline, effects) = typed("aé€\x7f\x7f\n".as_bytes());
    assert_eq!(effects.echo, "aé€\x08 \x08\x08 \x08\r\n".as_bytes());
    assert_eq!(line(&mut discipline), b"a\n");
}

#[test]
fn erase_never_reaches_into_the_line_before() {
    let (mut discipline, _) = typed(b"one\n\x7f\x7f\x15\x17two\n");
    assert_eq!(line(&mut discipline), b"one\n");
    assert_eq!(line(&mut discipline), b"two\n");
}

#[test]
fn word_and_line_erase() {
    let (mut discipline, effects) = typed(b"ab cd  \x17\n");
    assert_eq!(line(&mut discipline), b"ab \n");
    assert_eq!(
        effects.echo,
        b"ab cd  \x08 \x08\x08 \x08\x08 \x08\x08 \x08\r\n"
    );
    let (mut discipline, _) = typed(b"ab cd\x15x\n");
    assert_eq!(line(&mut discipline), b"x\n");
}

#[test]
fn erasing_a_tab_goes_back_to_where_it_began() {
    let (_, effects) = typed(b"abc\t\x7f");
    assert_eq!(effects.echo, b"abc\t\x08\x08\x08\x08\x08");
}

#[test]
fn erasing_a_control_character_takes_both_of_its_columns() {
    let (_, effects) = typed(b"\x01\x7f");
    assert_eq!(effects.echo, b"^A\x08 \x08\x08 \x08");
}

#[test]
fn end_of_file_ends_a_read_and_is_not_in_it() {
    let (mut discipline, _) = typed(b"ab\x04\x04c\n");
    assert_eq!(discipline.available(), 4);
    assert_eq!(line(&mut discipline), b"ab");
    assert!(discipline.is_readable(1));
    assert_eq!(line(&mut discipline), b"");
    assert_eq!(line(&mut discipline), b"c\n");
}

#[test]
fn a_read_of_exactly_the_line_does_not_leave_an_end_of_file_behind() {
    let (mut discipline, _) = typed(b"ab\x04");
    let mut to = [0; 2];
    assert_eq!(discipline.read(&mut to), (2, true));
    assert!(!discipline.is_readable(1));
}

#[test]
fn interrupt_signals_and_flushes_unless_told_not_to() {
    let (mut discipline, effects) = typed(b"abc\n\x03");
    assert_eq!(effects.signals, [TerminalSignal::Interrupt]);
    assert!(effects.flush_output);
    assert_eq!(effects.echo, b"^C");
    assert!(!discipline.is_readable(1));
    let mut settings = Settings::default();
    settings.local |= linux::NOFLSH;
    discipline.set_settings(settings);
    let mut effects = Effects::default();
    discipline.receive(b"abc\n\x1c\x1a", &mut effects);
    assert_eq!(
        effects.signals,
        [TerminalSignal::Quit, TerminalSignal::Suspend]
    );
    assert_eq!(line(&mut discipline), b"abc\n");
}

#[test]
fn literal_next_takes_the_meaning_from_a_character() {
    let (mut discipline, effects) = typed(b"a\x16\x03b\x16\x7f\n");
    assert!(effects.signals.is_empty());
    assert_eq!(line(&mut discipline), b"a\x03b\x7f\n");
}

#[test]
fn typed_ahead_input_survives_the_change_to_raw_and_back() {
    let (mut discipline, mut effects) = typed(b"one\ntwo");
    discipline.set_settings(raw());
    assert_eq!(line(&mut discipline), b"one\ntwo");
    discipline.receive(b"x\ny", &mut effects);
    discipline.set_settings(Settings::default());
    assert_eq!(line(&mut discipline), b"x\ny");
}

#[test]
fn stop_holds_output_and_start_lets_it_go() {
    let (mut discipline, mut effects) = typed(b"\x13");
    assert!(discipline.is_stopped());
    discipline.receive(b"\x11", &mut effects);
    assert!(!discipline.is_stopped());
}

#[test]
fn echonl_echoes_the_newline_alone() {
    let settings = Settings {
        local: linux::ICANON | linux::ECHONL,
        ..Settings::default()
    };
    let (_, effects) = typed_with(settings, b"secret\n");
    assert_eq!(effects.echo, b"\r\n");
}

#[test]
fn output_expands_tabs_and_newlines() {
    let mut settings = Settings::default();
    settings.output |= linux::XTABS;
    let (mut discipline, _) = typed_with(settings, b"");
    let mut to = Vec::new();
    discipline.process_output("é\tx\n\ty".as_bytes(), &mut to);
    assert_eq!(to, "é       x\r\n        y".as_bytes());
}

#[test]
fn pasted_megabytes_lose_nothing() {
    let paste: Vec<u8> = (0..3_000_000_u32)
        .map(|i| {
            if i % 5000 == 4999 {
                b'\n'
            } else {
                b'a' + (i % 26) as u8
            }
        })
        .collect();
    let (mut discipline, effects) = typed(&paste);
    assert_eq!(effects.dropped, 0);
    let mut got = Vec::new();
    let mut to = [0; 4096];
    while discipline.is_readable(1) {
        let (count, _) = discipline.read(&mut to);
        got.extend_from_slice(&to[..count]);
    }
    got.extend((0..3_000_000 - got.len()).map(|_| 0));
    assert!(got == paste);
}

#[test]
fn a_full_buffer_still_takes_the_end_of_its_line() {
    let (mut discipline, mut effects) = typed(&std::vec![b'x'; CAPACITY + 10]);
    assert_eq!(effects.dropped, 10);
    discipline.receive(b"\n", &mut effects);
    assert!(discipline.is_readable(1));
}

fn settings_strategy() -> impl Strategy<Value = Settings> {
    (
        any::<u32>(),
        any::<u32>(),
        any::<u32>(),
        any::<[u8; 19]>(),
        any::<bool>(),
    )
        .prop_map(
            |(input, output, local, characters, has_default_characters)| {
                let mut settings = Settings {
                    input,
                    output,
                    local,
                    ..Settings::default()
                };
                if !has_default_characters {
                    settings.characters = characters;
                }
                settings
            },
        )
}

proptest! {
    #[test]
    fn nothing_typed_under_any_settings_panics(
        steps in prop::collection::vec(
            (settings_strategy(), prop::collection::vec(any::<u8>(), 0..80), 0_usize..40), 0..8),
    ) {
        let mut discipline = Discipline::default();
        let mut effects = Effects::default();
        for (settings, bytes, count) in steps {
            discipline.set_settings(settings);
            discipline.receive(&bytes, &mut effects);
            discipline.process_output(&bytes, &mut effects.echo);
            let available = discipline.available();
            let readable = discipline.is_readable(1);
            prop_assert!(available == 0 || readable);
            let mut to = std::vec![0; count];
            let (read, _) = discipline.read(&mut to);
            prop_assert!(read <= available);
        }
    }

    #[test]
    fn raw_mode_delivers_every_byte(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6000), 0..6),
        size in 1_usize..5000,
    ) {
        let (mut discipline, mut effects) = typed_with(raw(), b"");
        let mut got = Vec::new();
        let mut to = std::vec![0; size];
        for piece in &pieces {
            discipline.receive(piece, &mut effects);
            let (count, _) = discipline.read(&mut to);
            got.extend_from_slice(&to[..count]);
        }
        loop {
            let (count, _) = discipline.read(&mut to);
            if count == 0 {
                break;
            }
            got.extend_from_slice(&to[..count]);
        }
        prop_assert_eq!(got, pieces.concat());
        prop_assert!(effects.echo.is_empty());
    }

    /// The reference: split at newlines and ends of file, erase one character back.
    #[test]
    fn lines_are_those_of_a_simple_model(
        keys in prop::collection::vec(
            prop::sample::select(&b"abc \n\n\x04\x7f\x15"[..]), 0..200),
    ) {
        let mut expected: Vec<Vec<u8>> = Vec::new();
        let mut current = Vec::new();
        for key in &keys {
            match *key {
                b'\n' => {
                    current.push(b'\n');
                    expected.push(core::mem::take(&mut current));
                }
                0x04 => expected.push(core::mem::take(&mut current)),
                0x7f => { current.pop(); }
                0x15 => current.clear(),
                byte => current.push(byte),
            }
        }
        let (mut discipline, _) = typed(&keys);
        let mut got = Vec::new();
        while discipline.is_readable(1) {
            got.push(line(&mut discipline));
        }
        prop_assert_eq!(got, expected);
    }
}
