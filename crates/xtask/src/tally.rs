//! What a run has counted, and what it has left out: the last line says both.

use std::{
    collections::BTreeMap,
    env,
    io::{self, Read, Write},
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use anyhow::{Context, Error, Result, bail};

/// Names, with commas between them, of what this machine cannot have.
pub(crate) const SKIP: &str = "DATAKIT_TOKEN_SKIP";

/// What may be left out, and whether it may be left out unnamed on a developer's machine. Nothing else may be missing.
const KNOWN: &[(&str, bool)] = &[
    ("advisories", false),
    ("bare-metal", true),
    ("browser", true),
    ("corpora", true),
    ("firefox", true),
    ("upstreams", true),
];

/// Counts of tests and other checks that have been run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// What the switch names.
    named: Vec<&'static str>,
    passed: u64,
    failed: u64,
    /// Names and reasons.
    skipped: BTreeMap<&'static str, String>,
}

impl Tally {
    /// Nothing yet. An error if the switch names what cannot be left out.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { named: parse(&env::var(SKIP).unwrap_or_default())?, ..Self::default() })
    }

    /// Counts a check that has passed.
    pub(crate) fn pass(&mut self) {
        self.passed += 1;
    }

    /// Runs a part; the next one comes even if it fails.
    pub(crate) fn attempt(&mut self, name: &str, part: impl FnOnce(&mut Self) -> Result<()>) {
        println!("== {name}");
        let (start, failed) = (Instant::now(), self.failed);
        if let Err(error) = part(self) {
            self.report(&error, failed);
        }
        println!("== {name}: {:.0} s", start.elapsed().as_secs_f64());
    }

    /// Runs tests with their own output, and counts what their closing lines say.
    pub(crate) fn tests(&mut self, command: &mut Command) -> Result<()> {
        let program = command.get_program().to_owned();
        let mut child =
            command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut output = child.stdout.take().context("no standard output")?;
        // As it comes, not by lines: dots are progress.
        let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let part = match output.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => &buffer[..count],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            text.extend_from_slice(part);
            io::stdout().write_all(part)?;
            io::stdout().flush()?;
        }
        let status = child.wait()?;
        let found = closing_lines(&String::from_utf8_lossy(&text));
        self.passed += found.passed;
        self.failed += found.failed;
        if !status.success() {
            bail!("{} ended with {status}", program.display());
        }
        if found.passed == 0 || found.failed > 0 {
            bail!("{} ended well, but {} tests passed and {} failed", program.display(), found.passed, found.failed);
        }
        if found.skipped > 0 {
            bail!("{} tests were left out, and none may be", found.skipped);
        }
        Ok(())
    }

    /// Leaves out what cannot be had here; an error unless that is allowed.
    pub(crate) fn skip(&mut self, name: &'static str, reason: &str) -> Result<()> {
        let on_ci = env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        let optional = KNOWN.iter().any(|(known, optional)| *known == name && *optional);
        if !self.named.contains(&name) && (on_ci || !optional) {
            bail!("{name}: {reason}. `{SKIP}={name}` leaves it out and counts it");
        }
        println!("SKIPPED: {name}: {reason}");
        self.skipped.insert(name, reason.to_owned());
        Ok(())
    }

    /// What has been left out so far, as the switch of programs that are started now.
    pub(crate) fn skipped(&self) -> String {
        self.skipped.keys().copied().collect::<Vec<_>>().join(",")
    }

    /// Ends the run with the line that sums it up, if it has counted anything.
    pub(crate) fn finish(mut self, result: Result<()>) -> ExitCode {
        if let Err(error) = result {
            let failed = self.failed;
            self.report(&error, failed);
        }
        if self.passed > 0 || self.failed > 0 || !self.skipped.is_empty() {
            for (name, reason) in &self.skipped {
                println!("skipped: {name}: {reason}");
            }
            println!("datakit-token: {} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped.len());
        }
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// What has failed without being counted so is one failure.
    fn report(&mut self, error: &Error, failed_before: u64) {
        eprintln!("error: {error:#}");
        if self.failed == failed_before {
            self.failed += 1;
        }
    }
}

fn parse(switch: &str) -> Result<Vec<&'static str>> {
    let names = switch.split(',').map(str::trim).filter(|name| !name.is_empty());
    let find = |name: &str| {
        KNOWN.iter().map(|(known, _)| *known).find(|known| *known == name).with_context(|| {
            let known: Vec<_> = KNOWN.iter().map(|(known, _)| *known).collect();
            format!("{SKIP}: expected some of {}, found {name:?}", known.join(", "))
        })
    };
    names.map(find).collect()
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// Sums up the closing lines of Rust's test harness and of Node's `spec` reporter.
fn closing_lines(text: &str) -> Found {
    let mut found = Found::default();
    for line in text.lines() {
        // test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.54s
        if let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|line| line.split_once(". ")) {
            for count in counts.split("; ") {
                add(&mut found, count.split_once(' ').map(|(number, word)| (word, number)));
            }
        } else if let Some(count) = line.strip_prefix("\u{2139} ") {
            add(&mut found, count.split_once(' '));
        }
    }
    found
}

fn add(found: &mut Found, count: Option<(&str, &str)>) {
    let Some((word, Ok(number))) = count.map(|(word, number)| (word, number.parse::<u64>())) else { return };
    match word {
        "passed" | "pass" => found.passed += number,
        "failed" | "fail" | "cancelled" => found.failed += number,
        "ignored" | "skipped" | "todo" => found.skipped += number,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, closing_lines, parse};

    #[test]
    fn closing_lines_are_summed_up() {
        let rust = "running 3 tests\n...\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.54s\n\n\
            test result: FAILED. 1 passed; 2 failed; 4 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        assert_eq!(closing_lines(rust), Found { passed: 4, failed: 2, skipped: 4 });
        let node = "\u{2714} all is well (3.1ms)\n\u{2139} tests 12\n\u{2139} suites 0\n\u{2139} pass 7\n\u{2139} fail 1\n\u{2139} cancelled 1\n\
            \u{2139} skipped 2\n\u{2139} todo 1\n\u{2139} duration_ms 5.5\n";
        assert_eq!(closing_lines(node), Found { passed: 7, failed: 2, skipped: 3 });
        assert_eq!(closing_lines("3 passed\n"), Found::default());
    }

    #[test]
    fn only_what_is_known_can_be_left_out() {
        assert_eq!(parse("").unwrap(), Vec::<&str>::new());
        assert_eq!(parse(" corpora,advisories,").unwrap(), ["corpora", "advisories"]);
        let error = parse("advisories,corpus").unwrap_err().to_string();
        assert_eq!(
            error,
            "DATAKIT_TOKEN_SKIP: expected some of advisories, bare-metal, browser, corpora, firefox, upstreams, found \"corpus\""
        );
    }
}
