//! Measures this kernel against the control, interleaved: `speed [ROUNDS]`, 5 where not
//! said. Prints a table.

use std::process::ExitCode;

use tests::speed;

fn main() -> ExitCode {
    let rounds = std::env::args().nth(1);
    let rounds = match rounds.as_deref().map_or(Ok(5), str::parse) {
        Ok(rounds) => rounds,
        Err(_) => {
            eprintln!("usage: speed [ROUNDS]");
            return ExitCode::from(2);
        }
    };
    match speed::measure(rounds) {
        Ok(figures) => {
            print!("{}", speed::table(&figures));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("speed: {error}");
            ExitCode::from(error.exit_status())
        }
    }
}
