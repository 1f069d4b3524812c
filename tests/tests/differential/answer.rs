//! What a worker answers, with everything taken out that may differ between two workers.

use std::path::PathBuf;
use std::time::Duration;

use kconnect_tests::http;
use kconnect_tests::process::wait_for;
use serde_json::Value;

use super::script::{Compare, Request};

/// How long a state may take to come. It comes at once, or a loaded machine needs longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The headers that clients use.
const HEADERS: &[&str] = &[
    "content-type",
    "location",
    "allow",
    "cache-control",
    "x-a",
    "vary",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-max-age",
    "www-authenticate",
];

/// Fields whose values may differ.
const FREE: &[&str] = &[
    "documentation",
    "version",
    "commit",
    "kafka_cluster_id",
    "last_modified",
    "worker_id",
    "trace",
];

/// Where texts of Java's JSON library begin to say what only it would say.
const FREE_ENDINGS: &[&str] = &[
    "Cannot deserialize value",
    "Cannot construct instance",
    "Unrecognized field",
    "Unrecognized token",
    "Unexpected end-of-input",
    "Unexpected character",
    "available connectors are:",
];

/// What a worker says to anything while its group rebalances, which may take it a moment longer than the other.
const BUSY: &str = "Request cannot be completed because a rebalance is expected";

/// One worker, and what stands for its own names.
#[derive(Debug)]
pub(crate) struct World {
    url: String,
    prefix: String,
    directory: PathBuf,
    /// What `Authorization` holds while something is awaited.
    user: Option<String>,
}

/// An answer that can be compared.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<String>,
    body: Value,
}

impl World {
    pub(crate) fn new(url: String, prefix: String, directory: PathBuf) -> Self {
        Self {
            url,
            prefix,
            directory,
            user: None,
        }
    }

    /// The same, where whoever waits has to say who he is.
    pub(crate) fn with_user(mut self, authorization: &str) -> Self {
        self.user = Some(authorization.to_owned());
        self
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The script's placeholders filled in.
    fn own(&self, text: &str) -> String {
        text.replace("%-", &format!("{}-", self.prefix))
            .replace("%D", &self.directory.display().to_string())
    }

    /// The other way round.
    fn neutral(&self, text: &str) -> String {
        let address = self.url.trim_start_matches("http://");
        text.replace(&format!("{}-", self.prefix), "%-")
            .replace(&self.directory.display().to_string(), "%D")
            .replace(address, "%W")
    }

    /// Repeats `GET path` until the answer contains `text`, or does not; the last answer if that never comes.
    pub(crate) fn wait(&self, path: &str, text: &str, there: bool) -> Result<(), String> {
        let (path, text) = (self.own(path), self.own(text));
        let mut last = String::new();
        let user = self.user.as_deref();
        let headers: Vec<(&str, &str)> = user.iter().map(|user| ("Authorization", *user)).collect();
        let came = wait_for(LIMIT, || {
            last = match http::request(&self.url, "GET", &path, &headers, None) {
                Ok(answer) if answer.text().contains(&text) == there => return Some(()),
                Ok(answer) => answer.text(),
                Err(error) => error.to_string(),
            };
            None
        });
        came.ok_or(last)
    }

    pub(crate) fn ask(&self, request: &Request) -> Answer {
        let body = request.body.as_deref().map(|body| self.own(body));
        let mut headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        if body.is_some() && headers.iter().all(|(name, _)| *name != "Content-Type") {
            headers.push(("Content-Type", "application/json"));
        }
        let path = self.own(&request.path);
        let answer = wait_for(LIMIT, || {
            let answer =
                http::request(&self.url, &request.method, &path, &headers, body.as_deref());
            let answer = answer.unwrap_or_else(|error| panic!("{request}: {error}"));
            (!answer.text().contains(BUSY)).then_some(answer)
        });
        let answer = answer.unwrap_or_else(|| panic!("{request}: {} rebalances", self.url));
        let headers = HEADERS.iter().filter_map(|name| {
            let value = answer.header(name)?;
            let mut items: Vec<&str> = value.split(',').map(str::trim).collect();
            if *name == "allow" || name.ends_with("methods") {
                items.sort_unstable();
            }
            Some(format!("{name}: {}", self.neutral(&items.join(", "))))
        });
        let mut body: Value = match answer.body.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(&self.neutral(&answer.text()))
                .unwrap_or_else(|_| Value::String(self.neutral(&answer.text()))),
        };
        if let Value::Array(items) = &mut body
            && items.iter().all(Value::is_string)
        {
            // A list of connectors, from a map.
            items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
        }
        if let (Value::String(methods), "OPTIONS") = (&mut body, request.method.as_str()) {
            let mut sorted: Vec<&str> = methods.split(", ").collect();
            sorted.sort_unstable();
            *methods = sorted.join(", ");
        }
        free(&mut body);
        without_refusals(&mut body);
        without_stages(&mut body);
        Answer {
            status: answer.status,
            headers: headers.collect(),
            body,
        }
    }
}

/// Takes out what may differ.
fn free(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if FREE.contains(&name.as_str()) && !value.is_null() && !value.is_object() {
                    *value = Value::from("free");
                }
                free(value);
            }
            if let Some(Value::Array(configs)) = fields.get_mut("configs") {
                // From a map where a converter's or a client's keys begin.
                let name = |config: &Value| config.pointer("/value/name").map(ToString::to_string);
                configs.sort_by_key(name);
            }
            if let Some(Value::Array(groups)) = fields.get_mut("groups") {
                groups.sort_by_key(ToString::to_string);
            }
            // A version's value, choice and default are versions, too.
            let name = fields
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if name.ends_with("plugin.version") {
                for field in ["value", "default_value", "recommended_values"] {
                    if let Some(value) = fields.get_mut(field) {
                        *value = Value::from("free");
                    }
                }
            } else if (name.ends_with("converter") || is_class_of_stage(name))
                && let Some(choice) = fields.get_mut("recommended_values")
            {
                // Which plugins there are is another matter.
                *choice = Value::from("free");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(free),
        Value::String(text) => *text = free_text(text),
        _ => {}
    }
}

/// Whether a key names the class of a transformation or predicate.
fn is_class_of_stage(key: &str) -> bool {
    key.ends_with(".type") && (key.starts_with("transforms.") || key.starts_with("predicates."))
}

/// Takes out of a list of plugins what only Java's worker has. ARCHITECTURE.md lists it.
fn without_stages(body: &mut Value) {
    if let Value::Array(plugins) = body {
        plugins.retain(|plugin| {
            let kind = plugin.get("type").and_then(Value::as_str);
            !matches!(kind, Some("transformation" | "predicate"))
        });
    }
}

/// Takes out what only our worker complains about: what is not there yet. ARCHITECTURE.md lists it.
fn without_refusals(body: &mut Value) {
    let mut refused = 0;
    let configs = body.get_mut("configs").and_then(Value::as_array_mut);
    for config in configs.into_iter().flatten() {
        if let Some(Value::Array(errors)) = config.pointer_mut("/value/errors") {
            let before = errors.len();
            errors.retain(|error| !error.to_string().contains("not there yet in this worker"));
            refused += before - errors.len();
        }
    }
    if refused > 0
        && let Some(count) = body.get_mut("error_count")
    {
        *count = Value::from(count.as_u64().unwrap_or_default() - refused as u64);
    }
}

fn free_text(text: &str) -> String {
    // Java says it only when it says the same for a second time.
    let text = &text.replace("org.apache.kafka.connect.errors.ConnectException: ", "");
    for ending in FREE_ENDINGS {
        if let Some(at) = text.find(ending) {
            return format!("{}...", &text[..at + ending.len()]);
        }
    }
    // Java prints a map in any order.
    match (text.find('{'), text.rfind('}')) {
        (Some(start), Some(end)) if start < end && text[start..end].contains('=') => {
            let mut items: Vec<&str> = text[start + 1..end].split(", ").collect();
            items.sort_unstable();
            format!(
                "{}{{{}}}{}",
                &text[..start],
                items.join(", "),
                &text[end + 1..]
            )
        }
        _ => text.to_owned(),
    }
}

impl Answer {
    /// What is not the same in `other`, if anything is.
    pub(crate) fn difference(&self, other: &Self, compared: Compare) -> Option<String> {
        if compared == Compare::Nothing {
            return None;
        }
        if self.status != other.status {
            return Some(format!(
                "  Java: {} {}\n  ours: {} {}",
                self.status, self.body, other.status, other.body
            ));
        }
        if compared == Compare::Status || (self.headers == other.headers && self.body == other.body)
        {
            return None;
        }
        let mut lines = Vec::new();
        if self.headers != other.headers {
            lines.push(format!(
                "  Java: {:?}\n  ours: {:?}",
                self.headers, other.headers
            ));
        }
        compare("", &self.body, &other.body, &mut lines);
        Some(lines.join("\n"))
    }
}

/// Where two values differ, path by path.
fn compare(path: &str, java: &Value, ours: &Value, lines: &mut Vec<String>) {
    match (java, ours) {
        (Value::Object(java), Value::Object(ours)) => {
            for (name, value) in java {
                let other = ours.get(name).unwrap_or(&Value::Null);
                compare(&format!("{path}/{name}"), value, other, lines);
            }
            for name in ours.keys().filter(|name| !java.contains_key(*name)) {
                lines.push(format!("  {path}/{name}: only ours: {}", ours[name]));
            }
        }
        (Value::Array(java), Value::Array(ours)) if java.len() == ours.len() => {
            for (at, (java, ours)) in java.iter().zip(ours).enumerate() {
                compare(&format!("{path}/{at}"), java, ours, lines);
            }
        }
        (Value::Array(java), Value::Array(ours)) => {
            let names = |items: &[Value]| -> Vec<String> {
                let name = |item: &Value| {
                    item.pointer("/value/name")
                        .or_else(|| item.get("name"))
                        .unwrap_or(item)
                        .to_string()
                };
                items.iter().map(name).collect()
            };
            lines.push(format!(
                "  {path}: Java {:?}\n  {path}: ours {:?}",
                names(java),
                names(ours)
            ));
        }
        (java, ours) if java != ours => {
            lines.push(format!("  {path}: Java {java}\n  {path}: ours {ours}"))
        }
        _ => {}
    }
}
