//! Users and passwords for the REST API, in place of Kafka's `BasicAuthSecurityRestExtension`.
//!
//! Who may ask stands in a property file `user=password`, which Java's login configuration names: a file with an entry
//! `KafkaConnect { org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required file="..."; };`, given
//! by `-Djava.security.auth.login.config=FILE` in `KAFKA_OPTS`. Files are read once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::warn;

use super::error::ApiError;
use crate::config::read_properties;
use crate::herder::HerderError;
use crate::java_base64;

/// The login module that is understood, by its simple name.
const MODULE: &str = "PropertyFileLoginModule";
/// The option of the Java machine that names the login configuration.
const LOGIN_CONFIG: &str = "-Djava.security.auth.login.config=";

/// Who may use the REST API; everybody if there are no users.
#[derive(Clone)]
pub struct BasicAuth {
    users: Arc<BTreeMap<String, String>>,
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BasicAuth").field(&self.users.len()).finish()
    }
}

impl BasicAuth {
    /// Reads the users that the login configuration in the Java options `options` (`KAFKA_OPTS`) names.
    ///
    /// # Errors
    ///
    /// Says which part is missing or cannot be read.
    pub fn from_java_options(options: &str) -> Result<Self, String> {
        let words = options.split_whitespace();
        let file = words
            .filter_map(|word| word.trim_matches(['"', '\'']).strip_prefix(LOGIN_CONFIG))
            .next_back();
        let file = file.ok_or_else(|| {
            format!(
                "the basic auth extension needs a login configuration: set KAFKA_OPTS to {LOGIN_CONFIG}FILE, where FILE has \
                 an entry 'KafkaConnect'"
            )
        })?;
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read the login configuration {file}: {error}"))?;
        let users =
            users_file(&text).map_err(|why| format!("the login configuration {file} {why}"))?;
        let users = read_properties(Path::new(&users))
            .map_err(|error| format!("Error loading Property Credentials file: {error}"))?;
        if users.is_empty() {
            warn!("Credential properties file is empty; all requests will be permitted");
        }
        Ok(Self {
            users: Arc::new(users.into()),
        })
    }

    /// Whether the credentials in `Authorization` are a user's.
    ///
    /// # Errors
    ///
    /// When they are no base64.
    fn permits(&self, headers: &HeaderMap) -> Result<bool, String> {
        let Some(value) = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
        else {
            return Ok(self.users.is_empty());
        };
        let Some((_, encoded)) = value
            .split_once(' ')
            .filter(|(method, _)| method.eq_ignore_ascii_case("basic"))
        else {
            return Ok(self.users.is_empty());
        };
        let decoded = java_base64::decode(encoded.as_bytes()).map_err(|why| why.to_string())?;
        let decoded = String::from_utf8_lossy(&decoded);
        let known = decoded.split_once(':').filter(|(user, _)| !user.is_empty());
        Ok(self.users.is_empty()
            || known.is_some_and(|(user, password)| {
                self.users
                    .get(user)
                    .is_some_and(|expected| same(expected, password))
            }))
    }
}

/// Compares secrets in a time that does not tell where they differ.
fn same(one: &str, other: &str) -> bool {
    let difference = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && difference == 0
}

/// The option `file` of the login module in the entry `KafkaConnect`.
fn users_file(text: &str) -> Result<String, String> {
    let text = without_comments(text);
    let entry = text
        .split_once("KafkaConnect")
        .and_then(|(_, rest)| rest.trim_start().strip_prefix('{'))
        .and_then(|rest| rest.split_once('}'))
        .map(|(entry, _)| entry)
        .ok_or("has no entry 'KafkaConnect'")?;
    let (entry, _) = entry
        .split_once(';')
        .ok_or("has an entry not terminated by semi-colon")?;
    let module = entry.split_whitespace().next().unwrap_or_default();
    if module.rsplit('.').next() != Some(MODULE) {
        return Err(format!(
            "names the login module {module}; only {MODULE} is there"
        ));
    }
    let (_, file) = entry
        .split_once("file")
        .and_then(|(before, rest)| Some((before, rest.trim_start().strip_prefix('=')?.trim())))
        .ok_or("names no file: Property Credentials file must be specified")?;
    let file = match file.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => file.split_whitespace().next().unwrap_or_default(),
    };
    if file.is_empty() {
        return Err("names no file: Property Credentials file must be specified".to_owned());
    }
    Ok(file.to_owned())
}

fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    let lines = kept.lines().map(|line| match line.trim_start() {
        comment if comment.starts_with("//") || comment.starts_with('#') => "",
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Refuses whoever is no user. What workers ask of each other is signed, and passes.
pub(super) async fn around(
    State(auth): State<BasicAuth>,
    request: Request,
    next: Next,
) -> Response {
    if is_internal(&request) {
        return next.run(request).await;
    }
    match auth.permits(request.headers()) {
        Ok(true) => next.run(request).await,
        Ok(false) => refused("application/json"),
        Err(why) => ApiError::from(HerderError::Internal(why)).into_response(),
    }
}

/// Refuses who asks, without being a user, which methods a path has.
pub(super) async fn around_questions(
    State(auth): State<BasicAuth>,
    request: Request,
    next: Next,
) -> Response {
    let is_question = request.method() == Method::OPTIONS;
    let is_strangers = is_question && auth.permits(request.headers()) != Ok(true);
    let response = next.run(request).await;
    if is_strangers && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        return refused("text/plain");
    }
    response
}

/// The text is of the type that the resource would have answered with, as Java's is.
fn refused(content_type: &'static str) -> Response {
    let text = Body::from("User cannot access the resource.");
    let content_type = [(header::CONTENT_TYPE, content_type)];
    (StatusCode::UNAUTHORIZED, content_type, text).into_response()
}

fn is_internal(request: &Request) -> bool {
    let parts: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["connectors", _, "tasks"] => request.method() == Method::POST,
        ["connectors", _, "fence"] => request.method() == Method::PUT,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn the_users_are_found_from_the_java_options() {
        let directory = tempfile::tempdir().unwrap();
        let (login, users) = (
            directory.path().join("jaas.conf"),
            directory.path().join("users"),
        );
        fs::write(&users, "alice=a:b\nbob = c\n").unwrap();
        let entry = format!(
            "// who\nKafkaConnect {{\n  org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required\n  file=\"{}\";\n}};",
            users.display()
        );
        fs::write(&login, entry).unwrap();
        let options = format!(
            "-Xmx1g -Djava.security.auth.login.config={}",
            login.display()
        );
        let auth = BasicAuth::from_java_options(&options).unwrap();
        let permits = |credentials: Option<String>| {
            let mut headers = HeaderMap::new();
            if let Some(credentials) = credentials {
                headers.insert(header::AUTHORIZATION, credentials.parse().unwrap());
            }
            auth.permits(&headers)
        };
        let basic = |text: &str| permits(Some(format!("Basic {}", STANDARD.encode(text))));
        assert_eq!(basic("alice:a:b"), Ok(true));
        assert_eq!(basic("bob:c"), Ok(true));
        assert_eq!(
            (
                basic("bob:d"),
                basic("eve:c"),
                basic("alice"),
                permits(None)
            ),
            (Ok(false), Ok(false), Ok(false), Ok(false))
        );
        assert_eq!(permits(Some("Bearer x".to_owned())), Ok(false));
        assert_eq!(
            permits(Some("Basic ***".to_owned())),
            Err("Illegal base64 character 2a".to_owned())
        );
        assert!(!format!("{auth:?}").contains("alice"));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(
            BasicAuth::from_java_options("")
                .unwrap_err()
                .contains("KAFKA_OPTS")
        );
        assert!(
            users_file("Other { a.B required; };")
                .unwrap_err()
                .contains("no entry 'KafkaConnect'")
        );
        assert!(
            users_file("KafkaConnect { a.B required; };")
                .unwrap_err()
                .contains("a.B")
        );
        assert!(
            users_file("KafkaConnect { PropertyFileLoginModule required; };")
                .unwrap_err()
                .contains("names no file")
        );
        assert_eq!(
            users_file("KafkaConnect { PropertyFileLoginModule required file=/x ; };").unwrap(),
            "/x"
        );
    }
}
