//! Scratch: runs an ELF as first process.
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args[1..].iter().map(String::as_str).collect();
    let cores: u32 = std::env::var("SMP").ok().and_then(|s| s.parse().ok()).unwrap_or(2);
    let output = tests::programs::machine(&args[0].clone().into(), &words).unwrap().smp(cores)
        .kernel_words(&std::env::var("WORDS").unwrap_or_default())
        .timeout(std::time::Duration::from_secs(60)).run().unwrap();
    print!("{}{}{}", output.stdout_text(), output.stderr_text(), output.remarks());
    if std::env::var_os("LOG").is_some() { print!("{}", output.log_text()); }
    println!("status {} {:.2} s", output.status(), output.seconds);
}
