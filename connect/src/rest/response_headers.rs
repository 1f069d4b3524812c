//! Headers that an operator adds to every answer: `response.http.headers.config`.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::request::http_date;

/// The actions that Kafka names in its complaint.
const ACTIONS: &str = "[set, add, setDate, addDate]";

/// The rules, in order.
#[derive(Debug, Clone, Default)]
pub struct HeaderRules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    replaces: bool,
    name: HeaderName,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Text(HeaderValue),
    /// A date, given in milliseconds since 1970.
    Date(u64),
}

impl HeaderRules {
    /// Reads `[action] [name]:[value]` rules, separated by commas; a rule with a comma in it stands in double quotes.
    ///
    /// # Errors
    ///
    /// Says which rule is none, in Kafka's words.
    pub fn parse(text: &str) -> Result<Self, String> {
        split(text)
            .iter()
            .map(|rule| Rule::parse(rule))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn apply(&self, headers: &mut HeaderMap) {
        for Rule {
            replaces,
            name,
            value,
        } in &self.0
        {
            let value = match value {
                Value::Text(text) => text.clone(),
                Value::Date(millis) => {
                    let time = UNIX_EPOCH + std::time::Duration::from_millis(*millis);
                    date(time)
                }
            };
            if *replaces {
                headers.insert(name, value);
            } else {
                headers.append(name, value);
            }
        }
    }
}

fn date(time: SystemTime) -> HeaderValue {
    HeaderValue::from_str(&http_date(time)).unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl Rule {
    fn parse(rule: &str) -> Result<Self, String> {
        let Some((action, header)) = rule.trim().split_once(char::is_whitespace) else {
            return Err(format!(
                "Invalid format of header config '{rule}'. Expected: '[action] [header name]:[header value]'"
            ));
        };
        let (replaces, is_date) = match action.to_ascii_lowercase().as_str() {
            "set" => (true, false),
            "add" => (false, false),
            "setdate" => (true, true),
            "adddate" => (false, true),
            _ => {
                return Err(format!(
                    "Invalid header config action: '{action}'. Expected one of {ACTIONS}"
                ));
            }
        };
        let parts: Vec<&str> = header.trim().split(':').collect();
        let &[name, value] = parts.as_slice() else {
            return Err(format!(
                "Invalid format of header name and header value pair '{}'. Expected: '[header name]:[header value]'",
                header.trim()
            ));
        };
        let (name, value) = (name.trim(), value.trim());
        let header_name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            format!("Invalid header name '{name}'. The '[header name]' cannot contain whitespace")
        })?;
        let unfit = || format!("Invalid header value '{value}'.");
        let value = if is_date {
            Value::Date(value.parse().map_err(|_| unfit())?)
        } else {
            Value::Text(HeaderValue::from_str(value).map_err(|_| unfit())?)
        };
        Ok(Self {
            replaces,
            name: header_name,
            value,
        })
    }
}

/// Splits at commas outside of double quotes, which are taken off.
fn split(text: &str) -> Vec<String> {
    let mut rules = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => rules.push(String::new()),
            c => {
                if let Some(rule) = rules.last_mut() {
                    rule.push(c);
                }
            }
        }
    }
    rules.retain(|rule| !rule.trim().is_empty());
    rules
}

/// Adds the headers to an answer.
pub(super) async fn around(
    State(rules): State<HeaderRules>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    rules.apply(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_set_and_add_and_may_be_quoted() {
        let rules = HeaderRules::parse(
            "add Cache-Control: no-cache, \"Set x-list: a, b\", setDate Expires: 31540000000, add x-list: c",
        );
        let mut headers = HeaderMap::new();
        rules.unwrap().apply(&mut headers);
        assert_eq!(headers["cache-control"], "no-cache");
        assert_eq!(headers["expires"], "Fri, 01 Jan 1971 01:06:40 GMT");
        let list: Vec<&str> = headers
            .get_all("x-list")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        assert_eq!(list, ["a, b", "c"]);
        assert!(HeaderRules::parse(" ").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_rule_is_named() {
        let refused = |text| HeaderRules::parse(text).unwrap_err();
        assert!(refused("set").starts_with("Invalid format of header config 'set'. Expected"));
        assert!(
            refused("put a:b")
                .starts_with("Invalid header config action: 'put'. Expected one of [set, add")
        );
        assert!(
            refused("set a").starts_with("Invalid format of header name and header value pair 'a'")
        );
        assert!(refused("set a b:c").starts_with("Invalid header name 'a b'"));
        assert!(refused("setDate a:b").contains("Invalid header value 'b'"));
    }
}
