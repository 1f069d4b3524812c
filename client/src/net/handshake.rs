//! The first exchange on a connection: which versions does the broker speak (KIP-35, KIP-511)?
//!
//! A broker that does not know our version of the question says so in version 0 of the answer, and says which it knows.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use kconnect_protocol::wire::{Reader, Writer};
use kconnect_protocol::{ApiKey, DecodeError, EncodeError, ErrorCode, VersionRange};

use super::BrokerVersions;
use crate::error::{Error, ErrorKind};

/// The version of the question that is tried first.
const FIRST_VERSION: i16 = 4;
/// The first version with compact lengths, tagged fields and the client's name.
const FLEXIBLE: i16 = 3;
const TAG_FINALIZED_FEATURES: u32 = 2;

/// Where the exchange stands: the version of the question that was asked last.
#[derive(Debug)]
pub(super) struct Handshake {
    version: i16,
}

/// What follows from an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Done(BrokerVersions),
    /// The question has to be asked again, in a lower version.
    Again,
}

impl Handshake {
    pub(super) const fn new() -> Self {
        Self {
            version: FIRST_VERSION,
        }
    }

    /// The version of the question to ask now.
    pub(super) const fn version(&self) -> i16 {
        self.version
    }

    /// The question.
    pub(super) fn request(&self) -> Bytes {
        let mut body = BytesMut::new();
        if self.version >= FLEXIBLE {
            name_ourselves(&mut body).expect("name and version are short");
        }
        body.freeze()
    }

    /// Takes the answer's body.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or the broker refuses.
    pub(super) fn answer(&mut self, body: &Bytes) -> Result<Step, Error> {
        let code = Reader::new(body, false).i16("ApiVersionsResponse.error_code");
        let code = ErrorCode(code.map_err(|error| unreadable(&error))?);
        match code {
            ErrorCode::None => read(body, self.version)
                .map(Step::Done)
                .map_err(|error| unreadable(&error)),
            ErrorCode::UnsupportedVersion if self.version > 0 => {
                self.version = lower(self.version, body);
                Ok(Step::Again)
            }
            code => Err(Error::broker(code).during("asking for the versions that it speaks")),
        }
    }
}

fn name_ourselves(body: &mut BytesMut) -> Result<(), EncodeError> {
    let mut writer = Writer::new(body, true);
    writer.string("ApiVersionsRequest.client_software_name", "kconnect")?;
    let version = env!("CARGO_PKG_VERSION");
    writer.string("ApiVersionsRequest.client_software_version", version)?;
    writer.no_tags();
    Ok(())
}

/// The version to ask next after `version` was refused: the highest that the answer names, else 0.
///
/// The answer should be in version 0. Some brokers answer in the layout of the version that they refused.
fn lower(version: i16, body: &Bytes) -> i16 {
    let named = [0, version].into_iter().find_map(|layout| {
        let answer = read(body, layout).ok()?;
        answer.range(ApiKey::API_VERSIONS)
    });
    named.map_or(0, |range| range.max.clamp(0, version - 1))
}

fn read(body: &Bytes, version: i16) -> Result<BrokerVersions, DecodeError> {
    let mut reader = Reader::new(body, version >= FLEXIBLE);
    reader.i16("ApiVersionsResponse.error_code")?;
    let apis = reader.vec("ApiVersionsResponse.api_keys", 6, |reader| {
        let api = ApiKey(reader.i16("ApiVersion.api_key")?);
        let min = reader.i16("ApiVersion.min_version")?;
        let max = reader.i16("ApiVersion.max_version")?;
        reader.skip_tags("ApiVersion.tagged_fields")?;
        Ok((api, VersionRange::new(min, max)))
    })?;
    if version >= 1 {
        reader.i32("ApiVersionsResponse.throttle_time_ms")?;
    }
    let mut features = BTreeMap::new();
    reader.tags("ApiVersionsResponse.tagged_fields", |tag, reader| {
        if tag == TAG_FINALIZED_FEATURES {
            features = read_features(reader)?;
        }
        Ok(())
    })?;
    Ok(BrokerVersions::new(apis, features))
}

fn read_features(reader: &mut Reader<'_>) -> Result<BTreeMap<String, i16>, DecodeError> {
    let features = reader.vec("ApiVersionsResponse.finalized_features", 6, |reader| {
        let name = reader.string("FinalizedFeatureKey.name")?;
        let level = reader.i16("FinalizedFeatureKey.max_version_level")?;
        reader.i16("FinalizedFeatureKey.min_version_level")?;
        reader.skip_tags("FinalizedFeatureKey.tagged_fields")?;
        Ok((name.to_string(), level))
    })?;
    Ok(features.into_iter().collect())
}

fn unreadable(error: &DecodeError) -> Error {
    Error::new(
        ErrorKind::BrokerMisbehaved,
        format!("its first answer cannot be read ({error}): is this a Kafka broker?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A broker's answer in version 0: error code, then key, lowest and highest version of each API.
    fn plain(code: i16, apis: &[[i16; 3]]) -> Bytes {
        let mut body = BytesMut::new();
        let mut writer = Writer::new(&mut body, false);
        writer.i16(code);
        writer.i32(i32::try_from(apis.len()).unwrap());
        for number in apis.iter().flatten() {
            writer.i16(*number);
        }
        body.freeze()
    }

    /// The same in version 3 and 4, with one finalized feature.
    fn flexible(code: i16, apis: &[[i16; 3]]) -> Bytes {
        let mut body = BytesMut::new();
        let mut writer = Writer::new(&mut body, true);
        writer.i16(code);
        writer.count("apis", apis.len()).unwrap();
        for api in apis {
            api.iter().for_each(|number| writer.i16(*number));
            writer.no_tags();
        }
        writer.i32(0);
        writer.tag_count(1);
        let feature = b"\x02\x14transaction.version\0\x02\0\x01\0";
        writer
            .tag("features", TAG_FINALIZED_FEATURES, |writer| {
                feature
                    .iter()
                    .for_each(|byte| writer.i8(i8::try_from(*byte).unwrap()));
                Ok(())
            })
            .unwrap();
        body.freeze()
    }

    #[test]
    fn versions_and_features_are_read() {
        let mut handshake = Handshake::new();
        let Step::Done(versions) = handshake.answer(&flexible(0, &[[3, 0, 13]])).unwrap() else {
            panic!("the answer is complete");
        };
        assert_eq!(
            versions.range(ApiKey::METADATA),
            Some(VersionRange::new(0, 13))
        );
        assert_eq!(versions.finalized_feature("transaction.version"), Some(2));
    }

    #[test]
    fn a_refusal_in_version_0_names_the_version_to_ask_next() {
        let mut handshake = Handshake::new();
        assert_eq!(
            handshake
                .answer(&plain(35, &[[3, 0, 9], [18, 0, 3]]))
                .unwrap(),
            Step::Again
        );
        assert_eq!(handshake.version(), 3);
    }

    #[test]
    fn a_refusal_in_the_layout_that_was_refused_is_understood_too() {
        let mut handshake = Handshake::new();
        assert_eq!(
            handshake.answer(&flexible(35, &[[18, 0, 2]])).unwrap(),
            Step::Again
        );
        assert_eq!(handshake.version(), 2);
    }

    #[test]
    fn a_refusal_without_versions_leads_to_version_0_and_then_ends() {
        let mut handshake = Handshake::new();
        assert_eq!(
            handshake.answer(&Bytes::from_static(b"\0\x23")).unwrap(),
            Step::Again
        );
        assert_eq!(handshake.version(), 0);
        assert!(handshake.request().is_empty());
        let error = handshake.answer(&plain(35, &[])).unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::UnsupportedVersion));
    }

    #[test]
    fn a_broker_that_names_the_refused_version_again_does_not_loop() {
        let mut handshake = Handshake::new();
        let mut asked = 0;
        while let Ok(Step::Again) = handshake.answer(&plain(35, &[[18, 0, 99]])) {
            asked += 1;
        }
        assert_eq!(asked, 4);
    }

    #[test]
    fn an_answer_cut_short_anywhere_is_an_error() {
        let body = flexible(0, &[[3, 0, 13], [18, 0, 4]]);
        for length in 0..body.len() {
            let error = Handshake::new().answer(&body.slice(..length)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokerMisbehaved, "{length}");
        }
    }
}
