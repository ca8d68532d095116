//! What binary mode is in any protocol: each attribute a header of its own, and the data as it is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::attribute;
use crate::data::Payload;
use crate::error::EventError;
use crate::event::Event;
use crate::extensions::ExtensionValue;

/// The attributes that become headers, in their canonical string encoding: all but `datacontenttype`, which every
/// protocol has a header of its own for.
pub(crate) fn attributes(event: &Event) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let context = [
        ("specversion", Some(Cow::Borrowed("1.0"))),
        ("id", Some(event.id().into())),
        ("source", Some(event.source().into())),
        ("type", Some(event.ty().into())),
        ("subject", event.subject().map(Cow::from)),
        ("time", event.time().map(|time| time.to_string().into())),
        ("dataschema", event.dataschema().map(Cow::from)),
    ];
    let context = context.into_iter().filter_map(|(name, value)| Some((name, value?)));
    context.chain(event.extensions().map(|(name, value)| (name, value.canonical())))
}

/// The event of these attributes. All of them are strings here, whatever they were before.
pub(crate) fn event(
    mut attributes: BTreeMap<String, String>,
    content_type: Option<String>,
    data: Result<Payload, EventError>,
) -> Result<Event, EventError> {
    let mut required = |name: &'static str| attributes.remove(name).ok_or(EventError::Missing(name));
    if required("specversion")? != "1.0" {
        return Err(EventError::SpecVersion);
    }
    let mut builder = Event::builder(required("id")?, required("source")?, required("type")?).payload(data);
    if let Some(content_type) = content_type {
        builder = builder.datacontenttype(content_type);
    }
    for (name, value) in attributes {
        builder = match name.as_str() {
            "subject" => builder.subject(value),
            "time" => builder.time(attribute::parse_time(&value)?),
            "dataschema" => builder.dataschema(value),
            _ => builder.extension(name, ExtensionValue::String(value)),
        };
    }
    builder.build_as_read()
}
