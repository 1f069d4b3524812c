//! Which topics a client wants to know about.

use super::{MetadataResponse, VERSIONS};
use crate::api::{ApiKey, VersionRange};
use crate::error::{DecodeError, DecodeReason, EncodeError, EncodeReason};
use crate::messages::{Message, Request};
use crate::types::{StrBytes, Uuid};
use crate::wire::{Reader, Writer};

/// Asks any broker about the cluster and some of its topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataRequest {
    /// The topics; `None` for all of them.
    pub topics: Option<Vec<MetadataRequestTopic>>,
    /// Whether a topic that is asked for by name and does not exist may be created. Always true
    /// before version 4.
    pub allow_auto_topic_creation: bool,
    /// Whether to say what the principal may do with the cluster, versions 8 to 10.
    pub include_cluster_authorized_operations: bool,
    /// Whether to say what the principal may do with each topic, from version 8.
    pub include_topic_authorized_operations: bool,
}

impl Default for MetadataRequest {
    fn default() -> Self {
        Self {
            topics: None,
            allow_auto_topic_creation: true,
            include_cluster_authorized_operations: false,
            include_topic_authorized_operations: false,
        }
    }
}

/// A topic by name or, from version 10, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetadataRequestTopic {
    /// The topic's id; nil to ask by name.
    pub topic_id: Uuid,
    /// The topic's name; `None` to ask by id.
    pub name: Option<StrBytes>,
}

impl Message for MetadataRequest {
    const API: ApiKey = ApiKey::METADATA;
    const NAME: &'static str = "MetadataRequest";
    const VERSIONS: VersionRange = VERSIONS;

    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut request = Self {
            topics: r.nullable_vec("MetadataRequest.topics", 2, |r| {
                MetadataRequestTopic::read(r, version)
            })?,
            ..Self::default()
        };
        if version == 0 {
            request.topics = all_if_empty(request.topics)?;
        }
        if version >= 4 {
            request.allow_auto_topic_creation =
                r.bool("MetadataRequest.allow_auto_topic_creation")?;
        }
        if (8..=10).contains(&version) {
            request.include_cluster_authorized_operations =
                r.bool("MetadataRequest.include_cluster_authorized_operations")?;
        }
        if version >= 8 {
            request.include_topic_authorized_operations =
                r.bool("MetadataRequest.include_topic_authorized_operations")?;
        }
        r.skip_tags("MetadataRequest.tagged_fields")?;
        Ok(request)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        self.write_topics(w, version)?;
        if version >= 4 {
            w.bool(self.allow_auto_topic_creation);
        } else if !self.allow_auto_topic_creation {
            return Err(not_in_version(
                "MetadataRequest.allow_auto_topic_creation",
                version,
            ));
        }
        if (8..=10).contains(&version) {
            w.bool(self.include_cluster_authorized_operations);
        }
        if version >= 8 {
            w.bool(self.include_topic_authorized_operations);
        }
        w.no_tags();
        Ok(())
    }
}

impl Request for MetadataRequest {
    type Response = MetadataResponse;
}

impl MetadataRequest {
    fn write_topics(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        let topics = match &self.topics {
            // Version 0 asks for all topics by an empty list, and cannot ask for none.
            None if version == 0 => Some(&[][..]),
            Some(topics) if version == 0 && topics.is_empty() => {
                return Err(not_in_version("MetadataRequest.topics", version));
            }
            topics => topics.as_deref(),
        };
        w.nullable_array("MetadataRequest.topics", topics, |w, topic| {
            topic.write(w, version)
        })
    }
}

fn all_if_empty(
    topics: Option<Vec<MetadataRequestTopic>>,
) -> Result<Option<Vec<MetadataRequestTopic>>, DecodeError> {
    let topics =
        topics.ok_or_else(|| DecodeError::new("MetadataRequest.topics", DecodeReason::Null))?;
    Ok(Some(topics).filter(|topics| !topics.is_empty()))
}

impl MetadataRequestTopic {
    fn read(r: &mut Reader<'_>, version: i16) -> Result<Self, DecodeError> {
        let mut topic = Self::default();
        if version >= 10 {
            topic.topic_id = r.uuid("MetadataRequest.topics.topic_id")?;
            topic.name = r.nullable_string("MetadataRequest.topics.name")?;
        } else {
            topic.name = Some(r.string("MetadataRequest.topics.name")?);
        }
        r.skip_tags("MetadataRequest.topics.tagged_fields")?;
        Ok(topic)
    }

    fn write(&self, w: &mut Writer<'_>, version: i16) -> Result<(), EncodeError> {
        if version >= 10 {
            w.uuid(self.topic_id);
            w.nullable_string("MetadataRequest.topics.name", self.name.as_deref())?;
        } else {
            let name = self
                .name
                .as_deref()
                .ok_or_else(|| not_in_version("MetadataRequest.topics.topic_id", version))?;
            w.string("MetadataRequest.topics.name", name)?;
        }
        w.no_tags();
        Ok(())
    }
}

fn not_in_version(field: &'static str, version: i16) -> EncodeError {
    EncodeError::new(field, EncodeReason::NotInVersion { version })
}
