//! The machine that figures come from, named beside each of them.

use serde::Serialize;
use std::fs;
use std::thread;

#[derive(Debug, Serialize)]
pub(super) struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
}

impl Machine {
    pub(super) fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let memory_kib: u64 = field(&read("/proc/meminfo"), "MemTotal")
            .and_then(|value| value.trim_end_matches("kB").trim().parse().ok())
            .unwrap_or_default();
        Self {
            processor: processor(&read("/proc/cpuinfo")),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory_kib.div_ceil(1 << 20),
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        }
    }

    pub(super) fn named(&self) -> String {
        let Self { processor, cores, memory_gib, kernel } = self;
        format!("{processor}, {cores} cores, {memory_gib} GiB, {kernel}")
    }
}

/// The model's name; a virtual machine may hide it, so the family and model numbers come along.
fn processor(cpuinfo: &str) -> String {
    let Some(name) = field(cpuinfo, "model name") else { return "unknown processor".to_owned() };
    match (field(cpuinfo, "cpu family"), field(cpuinfo, "model\t")) {
        (Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
        _ => name.to_owned(),
    }
}

/// The value of the first line `NAME : VALUE`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::processor;

    #[test]
    fn a_processor_is_named() {
        let check = |cpuinfo, expect| assert_eq!(processor(cpuinfo), expect, "{cpuinfo}");
        check("processor\t: 0\n", "unknown processor");
        check("model name\t: Fast One\n", "Fast One");
        check("cpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n", "AMD EPYC (family 25, model 1)");
    }
}
