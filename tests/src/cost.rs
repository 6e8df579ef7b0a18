//! What a process took: memory at its peak, and time of the processor.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Runs it to its end, and gives how it ended and the most memory it ever held, in KiB: the kernel's high-water mark.
pub fn peak(command: &mut Command) -> (ExitStatus, u64) {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    loop {
        peak = high_water(&child).unwrap_or(peak);
        if let Some(status) = child.try_wait().unwrap() {
            return (status, peak);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn high_water(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Runs it, and gives the time it had of all processors, its own code and the kernel for it: what `getrusage` says, by way of
/// the shell. It must succeed. Of the two the kernel knows the sum exactly, and guesses which is which by its ticks.
pub fn processor(command: &Command) -> Duration {
    let mut bash = Command::new("bash");
    // What the command itself says is not to be taken for the time.
    bash.args(["-c", r#"TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>/dev/null"#, "bash"]);
    let ran = crate::under(bash, command).env("LC_ALL", "C").output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", ran.status);
    let text = String::from_utf8(ran.stderr).unwrap();
    let seconds = |part: &str| part.parse::<f64>().unwrap_or_else(|e| panic!("{command:?}: {text:?}: {e}"));
    Duration::from_secs_f64(text.split_whitespace().map(seconds).sum())
}
