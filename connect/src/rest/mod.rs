//! The REST API of a worker, as Kafka Connect has it: paths, status codes, bodies and error texts.
//!
//! Handlers know nothing but [`Herder`]. What only reads is answered from the herder's view; what changes something is
//! an order that is waited for, at most [`REQUEST_TIMEOUT`].

mod basic_auth;
mod body;
pub(crate) mod client;
mod connectors;
mod cors;
mod error;
mod forward;
mod internal;
mod listener;
mod loggers;
mod offsets;
mod plugins;
mod request;
mod response_headers;
mod root;
mod server;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};

use crate::herder::Herder;

pub use basic_auth::BasicAuth;
pub use cors::Cors;
pub use listener::{InvalidListener, ListenAddress};
pub use response_headers::HeaderRules;
pub use server::{Bound, RestServer};
pub use settings::{AdminPlace, RestSettings, is_known_extension};

/// How long a request waits for the herder.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);
/// How long `GET /health` waits for the herder.
pub const HEALTH_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes that a request's body may have.
const BODY_MAX: usize = 32 << 20;

/// What the handlers share.
#[derive(Debug, Clone)]
struct Api {
    herder: Arc<dyn Herder>,
    /// `http://host:port/` under which others reach this worker; where a request names no host.
    advertised: Arc<str>,
}

/// The worker's paths, answered by `herder`; `/admin` among them if `settings` has it here.
pub fn router(herder: Arc<dyn Herder>, advertised: &str, settings: &RestSettings) -> Router {
    let mut routes = Router::new().merge(root_routes()).merge(connector_routes());
    if settings.admin == AdminPlace::WithTheRest {
        routes = routes.merge(admin_routes());
    }
    let auth = settings.basic_auth.as_ref();
    let mut routes = around_all(routes, herder, advertised, auth);
    if !settings.headers.is_empty() {
        let rules = settings.headers.clone();
        routes = routes.layer(from_fn_with_state(rules, response_headers::around));
    }
    if let Some(cors) = &settings.cors {
        routes = routes.layer(from_fn_with_state(cors.clone(), cors::around));
    }
    // The layer stands around the whole router, so that it sees a path before it is routed.
    Router::new()
        .fallback_service(routes)
        .layer(from_fn(request::around))
}

/// What `admin.listeners` of their own answer.
pub fn admin_router(herder: Arc<dyn Herder>, advertised: &str) -> Router {
    let routes = around_all(admin_routes(), herder, advertised, None);
    Router::new()
        .fallback_service(routes)
        .layer(from_fn(request::around))
}

/// What every path has around it.
fn around_all(
    routes: Router<Api>,
    herder: Arc<dyn Herder>,
    advertised: &str,
    auth: Option<&BasicAuth>,
) -> Router {
    let api = Api {
        herder,
        advertised: advertised.into(),
    };
    let mut routes = routes.route_layer(from_fn_with_state(api.clone(), forward::around));
    // Inside of what answers for methods that a path does not have: strangers may learn that.
    if let Some(auth) = auth {
        routes = routes.route_layer(from_fn_with_state(auth.clone(), basic_auth::around));
    }
    let routes = routes
        .route_layer(from_fn(request::must_accept_json))
        .method_not_allowed_fallback(error::method_not_allowed)
        .fallback(error::not_found)
        .with_state(api)
        .layer(DefaultBodyLimit::max(BODY_MAX));
    match auth {
        Some(auth) => routes.layer(from_fn_with_state(
            auth.clone(),
            basic_auth::around_questions,
        )),
        None => routes,
    }
}

fn root_routes() -> Router<Api> {
    Router::new()
        .route("/", get(root::server_info))
        .route("/health", get(root::health))
        .route("/connector-plugins", get(plugins::list))
        .route("/connector-plugins/{plugin}/config", get(plugins::config))
        .route(
            "/connector-plugins/{plugin}/config/validate",
            put(plugins::validate),
        )
}

fn admin_routes() -> Router<Api> {
    Router::new()
        .route("/admin/loggers", get(loggers::list))
        .route(
            "/admin/loggers/{logger}",
            get(loggers::show).put(loggers::set),
        )
}

fn connector_routes() -> Router<Api> {
    Router::new()
        .route(
            "/connectors",
            get(connectors::list).post(connectors::create),
        )
        .route(
            "/connectors/{connector}",
            get(connectors::info).delete(connectors::delete),
        )
        .route(
            "/connectors/{connector}/config",
            get(connectors::config)
                .put(connectors::put_config)
                .patch(connectors::patch_config),
        )
        .route("/connectors/{connector}/status", get(connectors::status))
        .route("/connectors/{connector}/topics", get(connectors::topics))
        .route(
            "/connectors/{connector}/topics/reset",
            put(connectors::reset_topics),
        )
        .route("/connectors/{connector}/restart", post(connectors::restart))
        .route("/connectors/{connector}/pause", put(connectors::pause))
        .route("/connectors/{connector}/resume", put(connectors::resume))
        .route("/connectors/{connector}/stop", put(connectors::stop))
        .route(
            "/connectors/{connector}/offsets",
            get(offsets::show)
                .patch(offsets::alter)
                .delete(offsets::reset),
        )
        .route(
            "/connectors/{connector}/tasks",
            get(connectors::tasks).post(internal::put_tasks),
        )
        .route("/connectors/{connector}/fence", put(internal::fence))
        .route(
            "/connectors/{connector}/tasks/{task}/status",
            get(connectors::task_status),
        )
        .route(
            "/connectors/{connector}/tasks/{task}/restart",
            post(connectors::restart_task),
        )
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
