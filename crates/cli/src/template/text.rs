//! Values as Go's `fmt` prints them with `%v`.

use std::collections::HashMap;

use gtmpl_ng::Value;

use super::shape::TEXT;

/// A value as an action prints it. `RAW`: it is of a document whose types nobody knows, where an object is a map
/// and nil is null; else an object carries its text, and nil is a nil list.
pub(super) fn text<const RAW: bool>(value: &Value) -> String {
    match value {
        Value::Object(fields) if !RAW => match fields.get(TEXT) {
            Some(Value::String(text)) => text.clone(),
            // A nil pointer.
            _ => "<nil>".to_owned(),
        },
        Value::Object(entries) | Value::Map(entries) => map::<RAW>(entries),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(operand::<RAW>).collect();
            format!("[{}]", texts.join(" "))
        }
        Value::Nil => if RAW { "<no value>" } else { "[]" }.to_owned(),
        Value::NoValue | Value::Bool(_) | Value::String(_) | Value::Number(_) | Value::Function(_) => {
            value.to_string()
        }
    }
}

fn map<const RAW: bool>(entries: &HashMap<String, Value>) -> String {
    let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    let texts: Vec<String> =
        entries.iter().map(|(key, value)| format!("{key}:{}", operand::<RAW>(value))).collect();
    format!("map[{}]", texts.join(" "))
}

/// A value as `fmt` prints it, inside a container and for `print`: what an action calls no value is nil.
pub(super) fn operand<const RAW: bool>(value: &Value) -> String {
    match value {
        Value::NoValue => "<nil>".to_owned(),
        Value::Nil if RAW => "<nil>".to_owned(),
        _ => text::<RAW>(value),
    }
}

/// Whether the engine would print this in another way than Go.
pub(super) fn is_foreign(value: &Value) -> bool {
    match value {
        Value::Object(_) | Value::Nil => true,
        Value::Map(entries) => {
            entries.values().any(|value| is_foreign(value) || matches!(value, Value::NoValue))
        }
        Value::Array(items) => items.iter().any(|value| is_foreign(value) || matches!(value, Value::NoValue)),
        Value::NoValue | Value::Bool(_) | Value::String(_) | Value::Number(_) | Value::Function(_) => false,
    }
}

/// Go's `fmt.Sprint`: a space between two operands where neither is a string.
pub(super) fn sprint<const RAW: bool>(operands: &[Value]) -> String {
    let mut printed = String::new();
    let mut after_string = true;
    for value in operands {
        let is_string = matches!(value, Value::String(_));
        if !after_string && !is_string {
            printed.push(' ');
        }
        printed.push_str(&operand::<RAW>(value));
        after_string = is_string;
    }
    printed
}

/// Go's `fmt.Sprintln`: a space between all operands, and a newline.
pub(super) fn sprintln<const RAW: bool>(operands: &[Value]) -> String {
    let texts: Vec<String> = operands.iter().map(operand::<RAW>).collect();
    texts.join(" ") + "\n"
}

/// Nanoseconds as Go's `time.Duration.String` spells them: `1h0m0s`, `1.5s`, `300ms`, `0s`.
pub(super) fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    if total < 1_000_000_000 {
        return match total {
            0 => "0s".to_owned(),
            1..1_000 => format!("{sign}{total}ns"),
            1_000..1_000_000 => format!("{sign}{}µs", decimal(total, 3)),
            _ => format!("{sign}{}ms", decimal(total, 6)),
        };
    }
    let minutes = total / 60_000_000_000;
    let seconds = decimal(total % 60_000_000_000, 9);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `number` with its point moved `places` to the left, without trailing zeros.
fn decimal(number: u64, places: usize) -> String {
    let digits = format!("{number:0width$}", width = places.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_prints_them() {
        // From Go's time/time_test.go.
        let check = |nanoseconds: i64, expect: &str| assert_eq!(duration(nanoseconds), expect);
        check(0, "0s");
        check(1, "1ns");
        check(1_100, "1.1µs");
        check(2_200_000, "2.2ms");
        check(3_300_000_000, "3.3s");
        check(4 * 60_000_000_000 + 5_000_000_000, "4m5s");
        check(4 * 60_000_000_000 + 5_001_000_000, "4m5.001s");
        check(5 * 3_600_000_000_000 + 6 * 60_000_000_000 + 7_001_000_000, "5h6m7.001s");
        check(8 * 60_000_000_000 + 1, "8m0.000000001s");
        check(i64::MAX, "2562047h47m16.854775807s");
        check(i64::MIN, "-2562047h47m16.854775808s");
    }
}
