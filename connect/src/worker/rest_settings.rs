//! What an operator has set of the REST API beyond where it listens, understood or complained about.

use kconnect_client::config::ConfigError;

use crate::config::WorkerConfig;
use crate::rest::{
    AdminPlace, BasicAuth, Cors, HeaderRules, ListenAddress, RestSettings, is_known_extension,
};

/// The environment variable in which Kafka's scripts take options for the Java machine.
const JAVA_OPTIONS: &str = "KAFKA_OPTS";

/// Understands `config`.
///
/// # Errors
///
/// Every complaint at once.
pub(super) fn rest_settings(config: &WorkerConfig) -> Result<RestSettings, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let origins = &config.access_control_allow_origin;
    let cors = Cors::parse(origins, &config.access_control_allow_methods).unwrap_or_else(|why| {
        errors.push(ConfigError::invalid(
            "access.control.allow.origin",
            origins,
            &why,
        ));
        None
    });
    let rules = &config.response_http_headers_config;
    let headers = HeaderRules::parse(rules).unwrap_or_else(|why| {
        errors.push(ConfigError::new("response.http.headers.config", why));
        HeaderRules::default()
    });
    let mut basic_auth = None;
    for class in &config.rest_extension_classes {
        if is_known_extension(class) {
            match BasicAuth::from_java_options(&std::env::var(JAVA_OPTIONS).unwrap_or_default()) {
                Ok(auth) => basic_auth = Some(auth),
                Err(why) => errors.push(ConfigError::new("rest.extension.classes", why)),
            }
        } else {
            let why = format!("Class {class} could not be found.");
            errors.push(ConfigError::invalid("rest.extension.classes", class, &why));
        }
    }
    let admin = match config.admin_listeners.as_deref() {
        None => AdminPlace::WithTheRest,
        Some([]) => AdminPlace::Nowhere,
        Some(_) => AdminPlace::OnItsOwn,
    };
    if errors.is_empty() {
        Ok(RestSettings {
            admin,
            cors,
            headers,
            basic_auth,
        })
    } else {
        Err(errors)
    }
}

/// Complaints about what the REST API cannot do.
pub(super) fn complaints(config: &WorkerConfig) -> Vec<ConfigError> {
    let keys = [
        ("listeners", config.listeners.as_slice()),
        (
            "admin.listeners",
            config.admin_listeners.as_deref().unwrap_or_default(),
        ),
    ];
    let mut errors = Vec::new();
    for (key, listeners) in keys {
        for text in listeners {
            if ListenAddress::parse(text).is_ok_and(|address| address.https) {
                let why = "https is not supported yet; use http";
                errors.push(ConfigError::invalid(key, text, why));
            }
        }
    }
    errors.extend(rest_settings(config).err().unwrap_or_default());
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_done_is_named_and_the_rest_is_understood() {
        let mut config = WorkerConfig::default();
        assert_eq!(
            rest_settings(&config).unwrap().admin,
            AdminPlace::WithTheRest
        );
        config.admin_listeners = Some(Vec::new());
        assert_eq!(rest_settings(&config).unwrap().admin, AdminPlace::Nowhere);
        config.listeners = vec!["https://:8443".to_owned()];
        config.rest_extension_classes = vec!["a.B".to_owned()];
        config.response_http_headers_config = "x".to_owned();
        let errors = complaints(&config);
        let keys: Vec<&str> = errors.iter().map(ConfigError::key).collect();
        assert_eq!(
            keys,
            [
                "listeners",
                "response.http.headers.config",
                "rest.extension.classes"
            ]
        );
    }
}
