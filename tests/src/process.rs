//! What Linux says about processes and cores.

use std::{fs, process::Command};

/// The cores that this process may use.
///
/// # Errors
/// If the kernel does not say it.
pub fn cores() -> Result<Vec<usize>, String> {
    let status = read("/proc/self/status")?;
    let list = field(&status, "Cpus_allowed_list:").ok_or("no list of cores")?;
    let mut cores = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.trim().parse::<usize>().map_err(|error| error.to_string());
        cores.extend(number(first)?..=number(last)?);
    }
    Ok(cores)
}

/// Keeps this process, with the threads it has and will have, on one core.
///
/// # Errors
/// If `taskset` (util-linux) is not there or refuses.
pub fn pin(core: usize) -> Result<(), String> {
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", &core.to_string(), &std::process::id().to_string()]);
    let output = taskset.output().map_err(|error| format!("taskset: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Nanoseconds that the threads of a process have been on a core.
///
/// # Errors
/// If there is no such process.
pub fn on_core(process: u32) -> Result<u64, String> {
    let directory = format!("/proc/{process}/task");
    let mut sum = 0;
    for task in fs::read_dir(&directory).map_err(|error| format!("{directory}: {error}"))?.flatten() {
        // A thread may end meanwhile.
        let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
        sum += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

/// KiB of a process in memory.
///
/// # Errors
/// If there is no such process.
pub fn resident(process: u32) -> Result<u64, String> {
    let status = read(&format!("/proc/{process}/status"))?;
    let size = field(&status, "VmRSS:").and_then(|value| value.strip_suffix("kB"));
    size.and_then(|size| size.trim().parse().ok()).ok_or_else(|| "no VmRSS".into())
}

/// What a core has done since the start of the machine, in hundredths of a second.
#[derive(Clone, Copy, Debug)]
pub struct Core {
    /// All of the time.
    pub total: u64,
    /// Nothing to do.
    pub idle: u64,
    /// Something to do, but the hypervisor did something else.
    pub steal: u64,
}

impl Core {
    /// What this core has done so far.
    ///
    /// # Errors
    /// If there is no such core.
    pub fn now(core: usize) -> Result<Self, String> {
        let stat = read("/proc/stat")?;
        let times = field(&stat, &format!("cpu{core} ")).ok_or("no such core")?;
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user.
        let times: Vec<u64> = times.split_whitespace().take(8).filter_map(|time| time.parse().ok()).collect();
        let [.., idle, wait, _, _, steal] = times[..] else { return Err("no times of the core".into()) };
        Ok(Self { total: times.iter().sum(), idle: idle + wait, steal })
    }

    /// What it has done since `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            total: self.total - earlier.total,
            idle: self.idle.saturating_sub(earlier.idle),
            steal: self.steal.saturating_sub(earlier.steal),
        }
    }
}

fn read(file: &str) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))
}

/// The rest of the line that begins like this.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
