//! How workers show each other that a request comes from a worker: a signature with the cluster's session key (KIP-507).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384, Sha512};

use super::config_log::SessionKey;
use crate::java_base64;

/// The header with the signature, in base64.
pub const SIGNATURE_HEADER: &str = "X-Connect-Authorization";
/// The header that names the algorithm of the signature.
pub const ALGORITHM_HEADER: &str = "X-Connect-Request-Signature-Algorithm";

/// An algorithm that signs requests, by the name that Java gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// `HmacSHA256`
    HmacSha256,
    /// `HmacSHA384`
    HmacSha384,
    /// `HmacSHA512`
    HmacSha512,
}

impl SignatureAlgorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::HmacSha256, Self::HmacSha384, Self::HmacSha512];

    /// The name in configurations and headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "HmacSHA256",
            Self::HmacSha384 => "HmacSHA384",
            Self::HmacSha512 => "HmacSHA512",
        }
    }

    /// The algorithm with this name, in whatever case, as Java looks them up.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Bits of a key that Java generates for it if `inter.worker.key.size` does not say.
    #[must_use]
    pub const fn default_key_bits(self) -> usize {
        match self {
            Self::HmacSha256 => 256,
            Self::HmacSha384 => 384,
            Self::HmacSha512 => 512,
        }
    }

    /// The signature of `body` under `key`.
    #[must_use]
    pub fn sign(self, key: &[u8], body: &[u8]) -> Vec<u8> {
        match self {
            Self::HmacSha256 => mac::<Hmac<Sha256>>(key, body)
                .finalize()
                .into_bytes()
                .to_vec(),
            Self::HmacSha384 => mac::<Hmac<Sha384>>(key, body)
                .finalize()
                .into_bytes()
                .to_vec(),
            Self::HmacSha512 => mac::<Hmac<Sha512>>(key, body)
                .finalize()
                .into_bytes()
                .to_vec(),
        }
    }

    /// Whether `signature` is that of `body` under `key`; takes as long for a wrong one as for a right one.
    #[must_use]
    pub fn verify(self, key: &[u8], body: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::HmacSha256 => mac::<Hmac<Sha256>>(key, body)
                .verify_slice(signature)
                .is_ok(),
            Self::HmacSha384 => mac::<Hmac<Sha384>>(key, body)
                .verify_slice(signature)
                .is_ok(),
            Self::HmacSha512 => mac::<Hmac<Sha512>>(key, body)
                .verify_slice(signature)
                .is_ok(),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], body: &[u8]) -> M {
    <M as KeyInit>::new_from_slice(key)
        .expect("HMAC takes keys of any length")
        .chain_update(body)
}

/// Why a request between workers is refused; the texts are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// One of the two headers is missing.
    #[error("Internal request missing required signature")]
    Missing,
    /// There is no algorithm of that name.
    #[error("Algorithm {0} not available")]
    NoAlgorithm(String),
    /// The signature is no base64; why.
    #[error("{0}")]
    NotBase64(String),
    /// `inter.worker.verification.algorithms` does not have the algorithm.
    #[error(
        "This worker does not support the '{asked}' key signing algorithm used by other workers. This worker is currently \
         configured to use: [{permitted}]. Check that all workers' configuration files permit the same set of signature \
         algorithms, and correct any misconfigured worker and restart it."
    )]
    Algorithm {
        /// That of the request.
        asked: String,
        /// Those of this worker.
        permitted: String,
    },
    /// This worker has not read a key yet.
    #[error(
        "This worker is still starting up and has not been able to read a session key from the config topic yet"
    )]
    NoKey,
    /// The signature is another one.
    #[error("Internal request contained invalid signature.")]
    Invalid,
}

impl Refused {
    /// The HTTP status of the refusal.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Missing | Self::NoAlgorithm(_) | Self::NotBase64(_) | Self::Algorithm { .. } => {
                400
            }
            Self::NoKey => 503,
            Self::Invalid => 403,
        }
    }
}

/// Checks a request that claims to come from a worker.
///
/// # Errors
/// In the order in which Java checks: headers, whether there is the algorithm, base64, whether it is permitted, key, signature.
pub fn check(
    signature: Option<&str>,
    algorithm: Option<&str>,
    permitted: &[SignatureAlgorithm],
    key: Option<&SessionKey>,
    body: &[u8],
) -> Result<(), Refused> {
    let (Some(signature), Some(asked)) = (signature, algorithm) else {
        return Err(Refused::Missing);
    };
    let algorithm = SignatureAlgorithm::from_name(asked);
    let algorithm = algorithm.ok_or_else(|| Refused::NoAlgorithm(asked.to_owned()))?;
    let signature = java_base64::decode(signature.as_bytes())
        .map_err(|why| Refused::NotBase64(why.to_string()))?;
    if !permitted.contains(&algorithm) {
        let permitted: Vec<&str> = permitted.iter().map(|one| one.name()).collect();
        return Err(Refused::Algorithm {
            asked: asked.to_owned(),
            permitted: permitted.join(", "),
        });
    }
    let key = key.and_then(SessionKey::bytes).ok_or(Refused::NoKey)?;
    if algorithm.verify(&key, body, &signature) {
        Ok(())
    } else {
        Err(Refused::Invalid)
    }
}

impl SessionKey {
    /// A new key of `bits` bits from the system's source of randomness.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate(
        algorithm: SignatureAlgorithm,
        bits: usize,
        now_ms: i64,
    ) -> Result<Self, getrandom::Error> {
        let mut key = vec![0; bits.div_ceil(8)];
        getrandom::fill(&mut key)?;
        Ok(Self {
            key: STANDARD.encode(key),
            algorithm: algorithm.name().to_owned(),
            creation_timestamp: now_ms,
        })
    }

    /// The key itself; `None` if it is no base64.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.key).ok()
    }

    /// Whether a leader has to make a new one: it is too old, or made for other settings. A `ttl_ms` of 0 is for ever.
    #[must_use]
    pub fn is_outdated(
        &self,
        algorithm: SignatureAlgorithm,
        bits: usize,
        ttl_ms: i64,
        now_ms: i64,
    ) -> bool {
        let expired = ttl_ms > 0 && self.creation_timestamp.saturating_add(ttl_ms) <= now_ms;
        let size = self.bytes().map_or(0, |key| key.len());
        expired
            || !self.algorithm.eq_ignore_ascii_case(algorithm.name())
            || size != bits.div_ceil(8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERMITTED: &[SignatureAlgorithm] = &[SignatureAlgorithm::HmacSha256];

    fn key() -> SessionKey {
        SessionKey {
            key: STANDARD.encode("key"),
            algorithm: "HmacSHA256".to_owned(),
            creation_timestamp: 1_000,
        }
    }

    #[test]
    fn a_signature_is_the_one_that_everybody_computes() {
        let body = b"The quick brown fox jumps over the lazy dog";
        let signature = SignatureAlgorithm::HmacSha256.sign(b"key", body);
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
        );
        let signature = STANDARD.encode(signature);
        assert_eq!(
            check(
                Some(&signature),
                Some("HmacSHA256"),
                PERMITTED,
                Some(&key()),
                body
            ),
            Ok(())
        );
    }

    #[test]
    fn what_is_wrong_is_found_in_javas_order() {
        let good = STANDARD.encode(SignatureAlgorithm::HmacSha256.sign(b"key", b"body"));
        let refused = |signature, algorithm, key, body| {
            check(signature, algorithm, PERMITTED, key, body).unwrap_err()
        };
        assert_eq!(
            refused(None, Some("HmacSHA256"), None, b""),
            Refused::Missing
        );
        assert_eq!(refused(Some(&good), None, None, b""), Refused::Missing);
        let text = |signature, algorithm| {
            let refused = refused(Some(signature), Some(algorithm), None, b"");
            (refused.status(), refused.to_string())
        };
        assert_eq!(
            text("?", "nonsense"),
            (400, "Algorithm nonsense not available".to_owned())
        );
        assert_eq!(
            text("??", "HmacSHA512"),
            (400, "Illegal base64 character 3f".to_owned())
        );
        let (status, why) = text(&good, "HmacSHA512");
        assert_eq!(status, 400);
        assert!(why.starts_with(
            "This worker does not support the 'HmacSHA512' key signing algorithm used by other workers. This worker is \
             currently configured to use: [HmacSHA256]. Check that all workers' configuration files"
        ));
        assert_eq!(
            refused(Some(&good), Some("HmacSHA256"), None, b"body"),
            Refused::NoKey
        );
        assert_eq!(
            refused(Some(&good), Some("HmacSHA256"), Some(&key()), b"other"),
            Refused::Invalid
        );
    }

    #[test]
    fn a_new_key_has_its_size_and_no_second_one_is_the_same() {
        let make = || SessionKey::generate(SignatureAlgorithm::HmacSha256, 256, 5).unwrap();
        assert_eq!(make().bytes().unwrap().len(), 32);
        assert_ne!(make(), make());
    }

    #[test]
    fn a_key_is_replaced_when_it_is_old_or_made_for_other_settings() {
        let key = SessionKey::generate(SignatureAlgorithm::HmacSha256, 256, 1_000).unwrap();
        let outdated = |algorithm, bits, ttl, now| key.is_outdated(algorithm, bits, ttl, now);
        assert!(!outdated(SignatureAlgorithm::HmacSha256, 256, 500, 1_499));
        assert!(outdated(SignatureAlgorithm::HmacSha256, 256, 500, 1_500));
        assert!(!outdated(SignatureAlgorithm::HmacSha256, 256, 0, i64::MAX));
        assert!(outdated(SignatureAlgorithm::HmacSha512, 256, 0, 1_000));
        assert!(outdated(SignatureAlgorithm::HmacSha256, 512, 0, 1_000));
    }
}
