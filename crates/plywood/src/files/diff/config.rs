//! What changed in how an image is to be run.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Comparison, Side};
use crate::View;

/// Something in the config that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigChange {
    /// Which key: `Env`, `Cmd`, `Labels`; `Platform` and `Author` stand beside the others in the document.
    pub key: String,
    /// What was: `PATH=/bin`, `["sh"]`; `None` where there was nothing.
    pub before: Option<String>,
    /// What is.
    pub after: Option<String>,
}

/// What `docker build` and `docker commit` left of the container they worked in; it says nothing about the image.
const LEFT_OVER: [&str; 6] =
    ["Hostname", "Domainname", "Image", "AttachStdin", "AttachStdout", "AttachStderr"];

/// For each key its items: those of a list of variables, of a map or of a set each for itself, anything else as a whole.
type Items = BTreeMap<String, BTreeMap<String, String>>;

impl Comparison<'_> {
    /// What differs in the configs of two images, sorted by key. Nothing for layers of one image, nor for `IMAGE~2`:
    /// which config a layer once had nobody wrote down.
    #[must_use]
    pub fn config(&self) -> Vec<ConfigChange> {
        let is_whole = |side: Side<'_>| side.layers == side.files.view.config.value.rootfs.diff_ids.len();
        if !is_whole(self.before) || !is_whole(self.after) {
            return Vec::new();
        }
        differences(&items(&self.before.files.view), &items(&self.after.files.view))
    }
}

fn items(view: &View) -> Items {
    let config = &view.config.value;
    let raw = config.config.as_ref().map_or("null", |raw| raw.get());
    let mut items = of_json(serde_json::from_str(raw).unwrap_or(Value::Null));
    let mut add = |key: &str, value: String| {
        if !value.is_empty() {
            items.insert(key.to_owned(), BTreeMap::from([(String::new(), value)]));
        }
    };
    add("Author", config.author.clone());
    add("Platform", config.platform().to_string());
    items
}

fn of_json(config: Value) -> Items {
    let Value::Object(keys) = config else { return Items::new() };
    let mut items = Items::new();
    for (key, value) in keys {
        let found = match value {
            _ if LEFT_OVER.contains(&&*key) => continue,
            Value::Null | Value::Bool(false) => continue,
            Value::Number(number) if number.as_f64() == Some(0.0) => continue,
            Value::Array(list) if key == "Env" => list.iter().map(variable).collect(),
            Value::Object(map) => map.into_iter().map(|(name, value)| entry(name, &value)).collect(),
            Value::Array(list) if list.is_empty() => continue,
            Value::String(text) if text.is_empty() => continue,
            other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                BTreeMap::from([(String::new(), text(&other))])
            }
        };
        items.insert(key, found);
    }
    items
}

fn variable(value: &Value) -> (String, String) {
    let variable = text(value);
    let name = variable.split_once('=').map_or(&*variable, |(name, _)| name).to_owned();
    (name, variable)
}

/// Sets are maps to empty objects: `{"8080/tcp": {}}`.
fn entry(name: String, value: &Value) -> (String, String) {
    match value {
        Value::Null => (name.clone(), name),
        Value::Object(empty) if empty.is_empty() => (name.clone(), name),
        value @ (Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_)) => {
            let shown = format!("{name}={}", text(value));
            (name, shown)
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    }
}

fn differences(before: &Items, after: &Items) -> Vec<ConfigChange> {
    let none = BTreeMap::new();
    let mut changes = Vec::new();
    for key in union(before, after) {
        let (old, new) = (before.get(key).unwrap_or(&none), after.get(key).unwrap_or(&none));
        for item in union(old, new) {
            let (before, after) = (old.get(item).cloned(), new.get(item).cloned());
            if before != after {
                changes.push(ConfigChange { key: key.clone(), before, after });
            }
        }
    }
    changes
}

fn union<'a, V>(a: &'a BTreeMap<String, V>, b: &'a BTreeMap<String, V>) -> Vec<&'a String> {
    a.keys().chain(b.keys()).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn configs_are_compared_item_by_item() {
        let check = |before: Value, after: Value, expect: &[&str]| {
            let changes = differences(&of_json(before), &of_json(after));
            let shown: Vec<String> = changes
                .iter()
                .map(|c| {
                    let side = |sign, text: &Option<String>| {
                        text.as_ref().map_or_else(String::new, |text| format!(" {sign} {text}"))
                    };
                    format!("{}:{}{}", c.key, side('-', &c.before), side('+', &c.after))
                })
                .collect();
            assert_eq!(shown, expect);
        };
        check(json!({}), json!(null), &[]);
        check(json!({"Env": ["A=1", "B=1"]}), json!({"Env": ["B=1", "A=1"]}), &[]);
        check(
            json!({"Env": ["A=1", "B=1", "C=1"]}),
            json!({"Env": ["A=2", "C=1", "D=1", "E"]}),
            &["Env: - A=1 + A=2", "Env: - B=1", "Env: + D=1", "Env: + E"],
        );
        check(
            json!({"Cmd": ["sh"], "User": "", "WorkingDir": "/a"}),
            json!({"Cmd": ["sh", "-c", "x"], "User": "1000:1000", "WorkingDir": "/"}),
            &["Cmd: - [\"sh\"] + [\"sh\",\"-c\",\"x\"]", "User: + 1000:1000", "WorkingDir: - /a + /"],
        );
        check(
            json!({"Labels": {"a": "1", "b": "1"}, "ExposedPorts": {"80/tcp": {}}}),
            json!({"Labels": {"b": "2"}, "Volumes": {"/data": {}}}),
            &["ExposedPorts: - 80/tcp", "Labels: - a=1", "Labels: - b=1 + b=2", "Volumes: + /data"],
        );
        // What means the same; and what the builder left.
        check(
            json!({"Cmd": null, "Tty": false, "Labels": {}, "Hostname": "a", "Image": "sha256:1", "Memory": 0}),
            json!({"Entrypoint": [], "User": "", "Hostname": "b"}),
            &[],
        );
        // What is no config at all.
        check(json!([1, 2]), json!("x"), &[]);
        check(json!({"Env": {"A": 1}}), json!({"Env": "A"}), &["Env: + A", "Env: - A=1"]);
        check(
            json!({"Healthcheck": {"Test": ["CMD", "x"], "Retries": 3}}),
            json!({"Healthcheck": {"Test": ["CMD", "y"], "Retries": 3}}),
            &["Healthcheck: - Test=[\"CMD\",\"x\"] + Test=[\"CMD\",\"y\"]"],
        );
    }
}
