//! Which pages of other origins may use the REST API: `access.control.allow.origin` and `.methods`.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use regex::Regex;

/// How long a browser may remember an answer to its question, in seconds.
const MAX_AGE: &str = "60";
/// The headers that a page may send.
const HEADERS: &str = "Content-Type";

/// Which pages may use the REST API.
#[derive(Debug, Clone)]
pub struct Cors {
    /// Any origin.
    any: bool,
    origins: Vec<Regex>,
    methods: Vec<String>,
}

impl Cors {
    /// Reads both keys; `None` if no origin is allowed.
    ///
    /// # Errors
    ///
    /// When an origin is neither `*` nor a regular expression.
    pub fn parse(origins: &str, methods: &str) -> Result<Option<Self>, String> {
        let items = |text: &str| -> Vec<String> {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            items.map(str::to_owned).collect()
        };
        let origins = items(origins);
        if origins.is_empty() {
            return Ok(None);
        }
        let patterns: Result<Vec<Regex>, regex::Error> = origins
            .iter()
            .filter(|origin| *origin != "*")
            .map(|origin| Regex::new(&format!("^(?:{origin})$")))
            .collect();
        let mut methods = items(methods);
        if methods.is_empty() {
            methods = ["GET", "POST", "HEAD"].map(str::to_owned).to_vec();
        }
        Ok(Some(Self {
            any: origins.iter().any(|origin| origin == "*"),
            origins: patterns.map_err(|error| error.to_string())?,
            methods,
        }))
    }

    fn allows(&self, origin: &str) -> bool {
        // A header may hold several origins; all of them have to be allowed.
        self.any
            || origin
                .split(' ')
                .filter(|origin| !origin.is_empty())
                .all(|origin| self.origins.iter().any(|allowed| allowed.is_match(origin)))
    }

    fn answer(&self, origin: &HeaderValue, asked: Option<&str>, headers: &mut HeaderMap) {
        if !origin.to_str().is_ok_and(|origin| self.allows(origin)) {
            return;
        }
        if asked.is_some() {
            // Whether the method is among them is for the browser to see.
            if let Ok(methods) = HeaderValue::from_str(&self.methods.join(",")) {
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            }
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static(HEADERS),
            );
            headers.insert(
                header::ACCESS_CONTROL_MAX_AGE,
                HeaderValue::from_static(MAX_AGE),
            );
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}

/// Tells a browser whether the page may have the answer.
pub(super) async fn around(State(cors): State<Cors>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let asked = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_METHOD)
        .cloned();
    let is_question = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    // Caches have to keep the answers to different origins apart, also those without one.
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        let asked = asked
            .as_ref()
            .filter(|_| is_question)
            .and_then(|asked| asked.to_str().ok());
        cors.answer(&origin, asked, response.headers_mut());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cors: &Cors, origin: &'static str, asked: Option<&str>) -> Vec<String> {
        let mut headers = HeaderMap::new();
        cors.answer(&HeaderValue::from_static(origin), asked, &mut headers);
        let shown = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        shown.collect()
    }

    #[test]
    fn origins_are_patterns_and_other_origins_get_no_permission() {
        assert!(Cors::parse(" ", "").unwrap().is_none());
        let cors = Cors::parse("http://a.example, http://[b-c].example", "GET,PUT")
            .unwrap()
            .unwrap();
        let allowed = ["access-control-allow-origin: http://c.example"];
        assert_eq!(answer(&cors, "http://c.example", None), allowed);
        assert!(answer(&cors, "http://d.example", None).is_empty());
        let asked = answer(&cors, "http://a.example", Some("PUT"));
        assert!(
            asked.contains(&"access-control-allow-methods: GET,PUT".to_owned()),
            "{asked:?}"
        );
        assert_eq!(answer(&cors, "http://a.example", Some("DELETE")), asked);
        let any = Cors::parse("*", "").unwrap().unwrap();
        assert_eq!(answer(&any, "null", None).len(), 1);
        assert!(Cors::parse("(", "").is_err());
    }
}
