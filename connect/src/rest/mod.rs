//! The REST API of a worker, as Kafka Connect has it: paths, status codes, bodies and error texts.
//!
//! Handlers know nothing but [`Herder`]. What only reads is answered from the herder's view; what changes something is
//! an order that is waited for, at most [`REQUEST_TIMEOUT`].

mod body;
mod connectors;
mod error;
mod listener;
mod request;
mod root;
mod server;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post, put};

use crate::herder::Herder;

pub use listener::{InvalidListener, ListenAddress};
pub use server::{Bound, RestServer};

/// How long a request waits for the herder.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);
/// How long `GET /health` waits for the herder.
pub const HEALTH_TIMEOUT: Duration = Duration::from_secs(10);

/// What the handlers share.
#[derive(Debug, Clone)]
struct Api {
    herder: Arc<dyn Herder>,
    /// `http://host:port/` under which others reach this worker; where a request names no host.
    advertised: Arc<str>,
}

/// All of the worker's paths, answered by `herder`.
pub fn router(herder: Arc<dyn Herder>, advertised: &str) -> Router {
    let api = Api {
        herder,
        advertised: advertised.into(),
    };
    let routes = Router::new()
        .route("/", get(root::server_info))
        .route("/health", get(root::health))
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
        .route("/connectors/{connector}/tasks", get(connectors::tasks))
        .route(
            "/connectors/{connector}/tasks/{task}/status",
            get(connectors::task_status),
        )
        .route(
            "/connectors/{connector}/tasks/{task}/restart",
            post(connectors::restart_task),
        )
        .route("/connector-plugins", get(root::plugins))
        .route_layer(from_fn(request::must_accept_json))
        .method_not_allowed_fallback(error::method_not_allowed)
        .fallback(error::not_found)
        .with_state(api.clone());
    // The layer stands around the whole router, so that it sees a path before it is routed.
    Router::new()
        .fallback_service(routes)
        .layer(from_fn_with_state(api, request::around))
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
