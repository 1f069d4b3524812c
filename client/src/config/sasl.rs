//! The keys of SASL: by which mechanism to log in, as whom, and where tokens come from.

use std::time::Duration;

use super::{Password, check};

crate::config! {
    /// How a client says who it is.
    ///
    /// The keys are known and checked. Logging in is not there yet: `security.protocol` refuses it.
    SaslConfig {
        "" {
            /// The mechanism to log in by: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER` or `GSSAPI`.
            Medium "sasl.mechanism" => sasl_mechanism: String = "GSSAPI".to_owned();
            /// Who to log in as, in the format of JAAS files: `CLASS required KEY="VALUE" ...;`.
            Medium "sasl.jaas.config" => sasl_jaas_config: Option<Password> = None;
            /// A Java class that answers what a mechanism asks for.
            Medium "sasl.client.callback.handler.class" => sasl_client_callback_handler_class: Option<String> as Class
                = None;
            /// A Java class that answers what a login asks for.
            Medium "sasl.login.callback.handler.class" => sasl_login_callback_handler_class: Option<String> as Class = None;
            /// A Java class that logs in.
            Medium "sasl.login.class" => sasl_login_class: Option<String> as Class = None;
            /// How long to wait, in milliseconds, for a connection to the server that gives out tokens.
            Low "sasl.login.connect.timeout.ms" => sasl_login_connect_timeout: Option<i32> = None;
            /// How long to wait, in milliseconds, for that server's answer.
            Low "sasl.login.read.timeout.ms" => sasl_login_read_timeout: Option<i32> = None;
            /// The pause before that server is asked again after an error; it doubles with each failure.
            Low "sasl.login.retry.backoff.ms" => sasl_login_retry_backoff: Duration = Duration::from_millis(100);
            /// The longest of these pauses.
            Low "sasl.login.retry.backoff.max.ms" => sasl_login_retry_backoff_max: Duration = Duration::from_secs(10);
            /// The share of a token's life after which another one is asked for.
            Low "sasl.login.refresh.window.factor" => sasl_login_refresh_window_factor: f64 = 0.8,
                check::within_real(0.5..=1.0);
            /// The largest random part of a token's life that is added to that, so that clients do not all ask at once.
            Low "sasl.login.refresh.window.jitter" => sasl_login_refresh_window_jitter: f64 = 0.05,
                check::within_real(0.0..=0.25);
            /// The least number of seconds between two requests for a token.
            Low "sasl.login.refresh.min.period.seconds" => sasl_login_refresh_min_period: i16 = 60, check::within(0..=900);
            /// How many seconds before its end a token is replaced at the latest.
            Low "sasl.login.refresh.buffer.seconds" => sasl_login_refresh_buffer: i16 = 300, check::within(0..=3600);
            /// The name of the brokers' service in Kerberos.
            Medium "sasl.kerberos.service.name" => sasl_kerberos_service_name: Option<String> = None;
            /// The program that gets a ticket from Kerberos.
            Low "sasl.kerberos.kinit.cmd" => sasl_kerberos_kinit_cmd: String = "/usr/bin/kinit".to_owned();
            /// The share of a ticket's life after which it is renewed.
            Low "sasl.kerberos.ticket.renew.window.factor" => sasl_kerberos_ticket_renew_window_factor: f64 = 0.8;
            /// The share of random time that is added to that.
            Low "sasl.kerberos.ticket.renew.jitter" => sasl_kerberos_ticket_renew_jitter: f64 = 0.05;
            /// The least time between two logins with Kerberos.
            Low "sasl.kerberos.min.time.before.relogin" => sasl_kerberos_min_time_before_relogin: Duration
                = Duration::from_mins(1);
        }
    }
}

crate::config! {
    /// Where an `OAUTHBEARER` client gets its tokens, and what is in them.
    ///
    /// As [`SaslConfig`]: known and checked, and without use until a client can log in.
    OauthBearerConfig {
        "" {
            /// The address that gives out tokens, `https://...`, or a file that holds one, `file:///...`.
            Medium "sasl.oauthbearer.token.endpoint.url" => sasl_oauthbearer_token_endpoint_url: Option<String> = None;
            /// What the token shall be good for, if that is asked for.
            Medium "sasl.oauthbearer.scope" => sasl_oauthbearer_scope: Option<String> = None;
            /// Who asks for a token by client credentials.
            Medium "sasl.oauthbearer.client.credentials.client.id" => sasl_oauthbearer_client_credentials_client_id:
                Option<String> = None;
            /// The secret of that client.
            Medium "sasl.oauthbearer.client.credentials.client.secret" => sasl_oauthbearer_client_credentials_client_secret:
                Option<Password> = None;
            /// Whether client id and secret are URL-encoded in the `Authorization` header, as RFC 6749 wants it.
            Low "sasl.oauthbearer.header.urlencode" => sasl_oauthbearer_header_urlencode: bool = false;
            /// A Java class that gets tokens.
            Medium "sasl.oauthbearer.jwt.retriever.class" => sasl_oauthbearer_jwt_retriever_class: String as Class
                = "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever".to_owned();
            /// A Java class that checks tokens.
            Medium "sasl.oauthbearer.jwt.validator.class" => sasl_oauthbearer_jwt_validator_class: String as Class
                = "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator".to_owned();
            /// A file with an assertion that is made already.
            Medium "sasl.oauthbearer.assertion.file" => sasl_oauthbearer_assertion_file: Option<String> = None;
            /// A file with what assertions have in common: header and claims as JSON.
            Medium "sasl.oauthbearer.assertion.template.file" => sasl_oauthbearer_assertion_template_file: Option<String>
                = None;
            /// The algorithm that signs assertions.
            Medium "sasl.oauthbearer.assertion.algorithm" => sasl_oauthbearer_assertion_algorithm: String
                = "RS256".to_owned(), check::one_of_ignoring_case(&["ES256", "RS256"]);
            /// The file with the private key that signs assertions, as `PEM`.
            Medium "sasl.oauthbearer.assertion.private.key.file" => sasl_oauthbearer_assertion_private_key_file:
                Option<String> = None;
            /// The passphrase of that key.
            Medium "sasl.oauthbearer.assertion.private.key.passphrase" => sasl_oauthbearer_assertion_private_key_passphrase:
                Option<Password> = None;
            /// The claim `aud` of an assertion: for whom it is.
            Medium "sasl.oauthbearer.assertion.claim.aud" => sasl_oauthbearer_assertion_claim_aud: Option<String> = None;
            /// How many seconds an assertion is good for: from this comes its claim `exp`.
            Low "sasl.oauthbearer.assertion.claim.exp.seconds" => sasl_oauthbearer_assertion_claim_exp: i32 = 300,
                check::within(0..=86_400);
            /// The claim `iss` of an assertion: who makes it.
            Medium "sasl.oauthbearer.assertion.claim.iss" => sasl_oauthbearer_assertion_claim_iss: Option<String> = None;
            /// Whether an assertion has a claim `jti`, an id that no other has.
            Medium "sasl.oauthbearer.assertion.claim.jti.include" => sasl_oauthbearer_assertion_claim_jti_include: bool
                = false;
            /// How many seconds before it was made an assertion begins to be good: from this comes its claim `nbf`.
            Low "sasl.oauthbearer.assertion.claim.nbf.seconds" => sasl_oauthbearer_assertion_claim_nbf: i32 = 60,
                check::within(0..=3600);
            /// The claim `sub` of an assertion: about whom it is.
            Medium "sasl.oauthbearer.assertion.claim.sub" => sasl_oauthbearer_assertion_claim_sub: Option<String> = None;
            /// The address of the keys that tokens are signed with.
            Medium "sasl.oauthbearer.jwks.endpoint.url" => sasl_oauthbearer_jwks_endpoint_url: Option<String> = None;
            /// How often these keys are read again.
            Low "sasl.oauthbearer.jwks.endpoint.refresh.ms" => sasl_oauthbearer_jwks_endpoint_refresh: Duration
                = Duration::from_hours(1);
            /// The pause before they are asked for again after an error; it doubles with each failure.
            Low "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms" => sasl_oauthbearer_jwks_endpoint_retry_backoff: Duration
                = Duration::from_millis(100);
            /// The longest of these pauses.
            Low "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms" => sasl_oauthbearer_jwks_endpoint_retry_backoff_max:
                Duration = Duration::from_secs(10);
            /// How many seconds two clocks may differ where a token's times are checked.
            Low "sasl.oauthbearer.clock.skew.seconds" => sasl_oauthbearer_clock_skew: i32 = 30;
            /// For whom a token has to be; one of these is enough.
            Low "sasl.oauthbearer.expected.audience" => sasl_oauthbearer_expected_audience: Vec<String> = Vec::new(),
                check::unique();
            /// By whom a token has to be made.
            Low "sasl.oauthbearer.expected.issuer" => sasl_oauthbearer_expected_issuer: Option<String> = None;
            /// The claim that says what a token is good for, if it is not `scope`.
            Low "sasl.oauthbearer.scope.claim.name" => sasl_oauthbearer_scope_claim_name: String = "scope".to_owned();
            /// The claim that says about whom a token is, if it is not `sub`.
            Low "sasl.oauthbearer.sub.claim.name" => sasl_oauthbearer_sub_claim_name: String = "sub".to_owned();
        }
    }
}
