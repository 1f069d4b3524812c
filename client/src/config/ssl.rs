//! The keys of TLS: what to trust, who to be, which versions and ciphers to speak.

use super::{Password, check};

crate::config! {
    /// How TLS is spoken, for clients and, in a worker, for its listeners.
    ///
    /// The keys are known and checked. Connections by TLS are not there yet: `security.protocol` refuses them.
    SslConfig {
        "" {
            /// The version of TLS to make a context for; what is spoken is in `ssl.enabled.protocols`.
            Medium "ssl.protocol" => ssl_protocol: String = "TLSv1.3".to_owned();
            /// The versions of TLS that may be spoken. The highest one that the other end knows is.
            Medium "ssl.enabled.protocols" => ssl_enabled_protocols: Vec<String>
                = vec!["TLSv1.2".to_owned(), "TLSv1.3".to_owned()], check::unique();
            /// The cipher suites that may be used; all that are safe if there are none.
            Low "ssl.cipher.suites" => ssl_cipher_suites: Vec<String> = Vec::new(), check::unique();
            /// The name of the provider of TLS in a JVM.
            Medium "ssl.provider" => ssl_provider: Option<String> = None;
            /// The format of the key store: `PEM`, `PKCS12` or `JKS`.
            Medium "ssl.keystore.type" => ssl_keystore_type: String = "JKS".to_owned();
            /// The file with this end's private key and its certificate chain. A client needs one only where the other end
            /// asks for its certificate.
            High "ssl.keystore.location" => ssl_keystore_location: Option<String> = None;
            /// The password of the key store. A `PEM` file has none.
            High "ssl.keystore.password" => ssl_keystore_password: Option<Password> = None;
            /// The password of the private key, in the key store or in `ssl.keystore.key`.
            High "ssl.key.password" => ssl_key_password: Option<Password> = None;
            /// The private key itself, as `PEM` text (PKCS#8), in place of a key store.
            High "ssl.keystore.key" => ssl_keystore_key: Option<Password> = None;
            /// The certificate chain that belongs to `ssl.keystore.key`, as `PEM` text (X.509).
            High "ssl.keystore.certificate.chain" => ssl_keystore_certificate_chain: Option<Password> = None;
            /// The certificates to trust themselves, as `PEM` text (X.509), in place of a trust store.
            High "ssl.truststore.certificates" => ssl_truststore_certificates: Option<Password> = None;
            /// The format of the trust store: `PEM`, `PKCS12` or `JKS`.
            Medium "ssl.truststore.type" => ssl_truststore_type: String = "JKS".to_owned();
            /// The file with the certificates to trust.
            High "ssl.truststore.location" => ssl_truststore_location: Option<String> = None;
            /// The password of the trust store. Without it a store can be read, but not checked for being unchanged.
            High "ssl.truststore.password" => ssl_truststore_password: Option<Password> = None;
            /// The algorithm by which a JVM chooses a key.
            Low "ssl.keymanager.algorithm" => ssl_keymanager_algorithm: String = "SunX509".to_owned();
            /// The algorithm by which a JVM judges a certificate.
            Low "ssl.trustmanager.algorithm" => ssl_trustmanager_algorithm: String = "PKIX".to_owned();
            /// How a server's certificate is held against its host name: `https`, or not at all if empty.
            Low "ssl.endpoint.identification.algorithm" => ssl_endpoint_identification_algorithm: String
                = "https".to_owned();
            /// The source of random numbers in a JVM.
            Low "ssl.secure.random.implementation" => ssl_secure_random_implementation: Option<String> = None;
            /// A Java class that makes TLS engines.
            Low "ssl.engine.factory.class" => ssl_engine_factory_class: Option<String> as Class = None;
        }
    }
}
