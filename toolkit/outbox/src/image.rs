//! One version of one aggregate, as its item has it and as the table's stream shows it.
//!
//! | attribute | type | meaning |
//! |---|---|---|
//! | `id` | S | the aggregate; partition key |
//! | `version` | N | how often it was written |
//! | `state` | S | JSON; absent where only a proof was written |
//! | `proofs` | S | JSON: which commands were handled here, each with its reply if it has one |
//! | `outbox` | S | JSON: the messages of this version; the next version has its own in this place |
//!
//! Lists are JSON texts and not DynamoDB's lists: an item's size is then the sum of a few lengths, JSON inside it stays
//! as it was written, and a stream record is read with the same few lines as an item.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidegate_cloudevents::JsonText;

use crate::ids::{AggregateId, CommandId, TaskToken, Version};
use crate::message::{Message, Reply};

/// How long a proof is kept at least. A command can come again for as long as its queue or its workflow keeps it, 14 days
/// each (SQS retention; redrive of an execution); this is both, one after the other, and a few days.
pub const PROOFS_KEPT: Duration = Duration::from_secs(35 * 24 * 3600);

/// DynamoDB's limit for an item, attribute names included.
pub(crate) const MAX_ITEM_BYTES: usize = 400 * 1024;
/// The attributes of every item. All others are a caller's own, for secondary indexes.
pub(crate) const ATTRIBUTES: [&str; 5] = ["id", "version", "state", "proofs", "outbox"];
/// A number takes up to 21 bytes (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
const NUMBER_BYTES: usize = 21;

/// That a command was handled, and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub(crate) command: CommandId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply: Option<Reply>,
    /// The digest of the token that was last answered.
    pub(crate) token: Option<String>,
    /// Seconds since the epoch.
    pub(crate) at: u64,
}

impl Proof {
    pub(crate) fn new(command: CommandId, token: Option<&TaskToken>, reply: Option<Reply>, now: SystemTime) -> Self {
        Self { command, reply, token: token.map(TaskToken::digest), at: secs(now) }
    }

    /// How the command was answered, if it was.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        self.reply.as_ref()
    }

    /// Whether there is nothing to send to the workflow that waits by this token: it was answered, or will be by the relay,
    /// or the command has no reply. Without a token nothing waits.
    #[must_use]
    pub fn answers(&self, token: Option<&TaskToken>) -> bool {
        self.reply.is_none() || token.is_none_or(|token| self.token == Some(token.digest()))
    }
}

/// One version of one aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub(crate) aggregate: AggregateId,
    pub(crate) version: Version,
    pub(crate) state: Option<JsonText>,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) outbox: Vec<Message>,
    pub(crate) index: BTreeMap<String, String>,
}

/// An item is not what this crate writes. What it holds is not repeated here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the item {id:?} has no readable `{attribute}`")]
pub struct Unreadable {
    pub(crate) id: String,
    pub(crate) attribute: &'static str,
}

impl Image {
    /// Of an aggregate that was never written.
    #[must_use]
    pub fn absent(aggregate: AggregateId) -> Self {
        Self {
            aggregate,
            version: Version::ABSENT,
            state: None,
            proofs: Vec::new(),
            outbox: Vec::new(),
            index: BTreeMap::new(),
        }
    }

    /// Which aggregate it is.
    #[must_use]
    pub fn aggregate(&self) -> &AggregateId {
        &self.aggregate
    }

    /// Its version; 0 where it was never written.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its state; `None` where it has none yet.
    #[must_use]
    pub fn state(&self) -> Option<&JsonText> {
        self.state.as_ref()
    }

    /// Its state, read into a type.
    ///
    /// # Errors
    /// Where the state is of another shape. It is not quoted.
    pub fn state_as<T: DeserializeOwned>(&self) -> Result<Option<T>, Unreadable> {
        let state = self.state.as_ref().map(|state| serde_json::from_str(state.get())).transpose();
        state.map_err(|_| unreadable(self.aggregate.as_str(), "state"))
    }

    /// The proof that a command was handled here.
    #[must_use]
    pub fn proof(&self, command: &CommandId) -> Option<&Proof> {
        self.proofs.iter().find(|proof| proof.command == *command)
    }

    /// The messages of this version, in order.
    #[must_use]
    pub fn outbox(&self) -> &[Message] {
        &self.outbox
    }

    /// The item's attributes for secondary indexes.
    #[must_use]
    pub fn index(&self) -> &BTreeMap<String, String> {
        &self.index
    }

    /// The next version, with the same state and no messages yet.
    pub(crate) fn next(&self) -> Self {
        Self { version: self.version.next(), outbox: Vec::new(), ..self.clone() }
    }

    /// Puts a proof in the place of an older one, and drops those whose commands cannot come again.
    pub(crate) fn prove(&mut self, proof: Proof) {
        let oldest = proof.at.saturating_sub(PROOFS_KEPT.as_secs());
        self.proofs.retain(|it| it.command != proof.command && it.at >= oldest);
        self.proofs.push(proof);
    }

    /// The attributes of type S; `version` is the only other one.
    pub(crate) fn texts(&self) -> Vec<(&str, String)> {
        let mut texts =
            vec![("id", self.aggregate.to_string()), ("proofs", json(&self.proofs)), ("outbox", json(&self.outbox))];
        texts.extend(self.state.as_ref().map(|state| ("state", state.get().to_owned())));
        texts.extend(self.index.iter().map(|(name, text)| (name.as_str(), text.clone())));
        texts
    }

    /// What DynamoDB counts for the item.
    pub(crate) fn bytes(&self) -> usize {
        let texts: usize = self.texts().iter().map(|(name, value)| name.len() + value.len()).sum();
        texts + "version".len() + NUMBER_BYTES
    }

    /// Reads an item by the texts of its attributes of type S and N. Those for indexes are added by who keeps items.
    #[cfg(any(feature = "dynamodb", feature = "stream", test))]
    pub(crate) fn read<'a>(attribute: impl Fn(&'static str) -> Option<&'a str>) -> Result<Self, Unreadable> {
        let id = attribute("id").unwrap_or_default();
        let required = |name| attribute(name).ok_or_else(|| unreadable(id, name));
        let state = attribute("state").map(|text| JsonText::parse(text.as_bytes()));
        Ok(Self {
            aggregate: AggregateId::new(id).map_err(|_| unreadable(id, "id"))?,
            version: Version(required("version")?.parse().map_err(|_| unreadable(id, "version"))?),
            state: state.transpose().map_err(|_| unreadable(id, "state"))?,
            proofs: serde_json::from_str(required("proofs")?).map_err(|_| unreadable(id, "proofs"))?,
            outbox: serde_json::from_str(required("outbox")?).map_err(|_| unreadable(id, "outbox"))?,
            index: BTreeMap::new(),
        })
    }
}

fn unreadable(id: &str, attribute: &'static str) -> Unreadable {
    Unreadable { id: id.to_owned(), attribute }
}

fn json(list: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "see the invariant")]
    // Invariant: proofs and messages are lists of structs of texts, numbers and JSON that was checked; these have JSON.
    serde_json::to_string(list).expect("a list of proofs or messages has JSON")
}

fn secs(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_cloudevents::Event;

    use super::*;

    fn image(json: &str, text: &str, events: usize) -> Image {
        let mut image = Image::absent(AggregateId::new("order-17").unwrap()).next();
        let command = CommandId::new("saga/Step").unwrap();
        let token = TaskToken::new("made-up-token").unwrap();
        let reply = if json.len().is_multiple_of(2) {
            Reply::Success { output: JsonText::parse(json.as_bytes()).unwrap() }
        } else {
            Reply::failure("OutOfStock", text)
        };
        image.state = (events > 0).then(|| JsonText::parse(json.as_bytes()).unwrap());
        image.prove(Proof::new(command.clone(), Some(&token), Some(reply.clone()), SystemTime::UNIX_EPOCH));
        let event = Event::builder("order-17/1/0", "/orders", "placed").data_json(json.as_bytes()).build().unwrap();
        image.outbox = vec![Message::Event(event); events];
        image.outbox.push(Message::Reply { command, token, reply });
        image
    }

    fn read(texts: &BTreeMap<&str, String>) -> Result<Image, Unreadable> {
        Image::read(|name| texts.get(name).map(String::as_str))
    }

    fn texts(image: &Image) -> BTreeMap<&str, String> {
        image.texts().into_iter().chain([("version", image.version.to_string())]).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in any::<String>(), number in any::<f64>(), events in 0_usize..4) {
            let json = serde_json::json!({ "text": text, "number": number, "nested": [{ text.as_str(): null }] });
            let image = image(&json.to_string(), &text, events);
            prop_assert_eq!(read(&texts(&image)).unwrap(), image);
        }

        #[test]
        fn no_text_makes_reading_panic(text in any::<String>()) {
            for name in ["id", "version", "state", "proofs", "outbox"] {
                let image = image("{}", "x", 1);
                let mut texts = texts(&image);
                texts.insert(name, text.clone());
                let _ = read(&texts);
            }
        }
    }

    #[test]
    fn json_is_kept_as_it_was_written() {
        let json = r#"{"amount": 1.0, "deep": [[[[1e999]]]], "a": 1, "a": 2}"#;
        let image = image(json, "x", 1);
        let read = read(&texts(&image)).unwrap();
        assert_eq!(read.state().unwrap().get(), json);
    }

    #[test]
    fn a_proof_is_written_as_it_always_was_and_has_no_reply_where_there_is_none() {
        let command = || CommandId::new("saga/Step").unwrap();
        let proof = Proof::new(command(), None, Some(Reply::success(&"done").unwrap()), SystemTime::UNIX_EPOCH);
        let json = r#"{"command":"saga/Step","reply":{"success":{"output":"done"}},"token":null,"at":0}"#;
        assert_eq!(serde_json::to_string(&proof).unwrap(), json);
        let silent = Proof::new(command(), None, None, SystemTime::UNIX_EPOCH);
        let json = r#"{"command":"saga/Step","token":null,"at":0}"#;
        assert_eq!(serde_json::to_string(&silent).unwrap(), json);
        assert_eq!(serde_json::from_str::<Proof>(json).unwrap(), silent);
    }

    #[test]
    fn an_attribute_that_cannot_be_read_is_named_and_its_text_is_not() {
        for name in ["version", "state", "proofs", "outbox"] {
            let image = image("{}", "x", 1);
            let mut texts = texts(&image);
            texts.insert(name, "[\"secret".to_owned());
            let error = read(&texts).unwrap_err().to_string();
            assert_eq!(error, format!("the item \"order-17\" has no readable `{name}`"));
        }
    }

    #[test]
    fn a_proof_is_kept_for_its_time_and_takes_the_place_of_its_predecessor() {
        let mut image = Image::absent(AggregateId::new("order-17").unwrap());
        let prove = |image: &mut Image, command: &str, at| {
            let reply = Reply::success(&command).unwrap();
            image.prove(Proof::new(CommandId::new(command).unwrap(), None, Some(reply), SystemTime::UNIX_EPOCH + at));
        };
        let commands = |image: &Image| image.proofs.iter().map(|it| it.command.to_string()).collect::<Vec<_>>();
        prove(&mut image, "a", Duration::ZERO);
        prove(&mut image, "b", Duration::from_secs(1));
        prove(&mut image, "b", Duration::from_secs(2));
        prove(&mut image, "c", PROOFS_KEPT);
        assert_eq!(commands(&image), ["a", "b", "c"]);
        prove(&mut image, "d", PROOFS_KEPT + Duration::from_secs(1));
        assert_eq!(commands(&image), ["b", "c", "d"]);
    }
}
