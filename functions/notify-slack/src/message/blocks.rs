//! Block Kit, as far as it is used here, and the one place that keeps Slack's limits.
//!
//! <https://docs.slack.dev/reference/block-kit/blocks>
//!
//! There are no buttons: a button with a link still calls the app back when it is pressed, and Slack shows a warning
//! when nobody answers. Links in the text need no answer.

use serde::Serialize;

use super::mrkdwn::{MAX_TEXT, Mrkdwn};

/// Blocks in a message.
pub(super) const MAX_BLOCKS: usize = 50;
/// Length of a header.
pub(super) const MAX_HEADER: usize = 150;

/// The content of a `chat.postMessage` request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Stands in for the blocks in notifications and screen readers. Escaped like every other text.
    pub text: String,
    /// What the channel shows.
    pub blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// A line in large letters; always plain text.
    Header { text: Text },
    /// Text with markup.
    Section { text: Text },
    /// Small print below.
    Context { elements: Vec<Text> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Text {
    /// Shown as it is.
    PlainText { text: String },
    /// With Slack's markup.
    Mrkdwn {
        text: String,
        /// Always true: Slack then leaves names and addresses in plain text alone, so that `@here` stays a word.
        verbatim: bool,
    },
}

/// Puts a message together and keeps it inside Slack's limits.
#[derive(Debug, Default)]
pub(super) struct Composer {
    blocks: Vec<Block>,
}

impl Composer {
    /// A heading of this program's own words: plain text has no escaping, so no user text goes there.
    pub(super) fn header(&mut self, words: &'static str) {
        let text = words.chars().take(MAX_HEADER).collect();
        self.push(Block::Header { text: Text::PlainText { text } });
    }

    /// A line of the body. It joins the section before it while that has room.
    pub(super) fn line(&mut self, line: Mrkdwn) {
        let line = line.into_markup();
        if line.is_empty() {
            return; // Slack refuses an empty text.
        }
        if let Some(Block::Section { text: Text::Mrkdwn { text, .. } }) = self.blocks.last_mut()
            && text.len() + 1 + line.len() <= MAX_TEXT
        {
            text.push('\n');
            text.push_str(&line);
            return;
        }
        self.push(Block::Section { text: Text::Mrkdwn { text: line, verbatim: true } });
    }

    /// Small print.
    pub(super) fn context(&mut self, line: Mrkdwn) {
        let text = line.into_markup();
        if !text.is_empty() {
            self.push(Block::Context { elements: vec![Text::Mrkdwn { text, verbatim: true }] });
        }
    }

    pub(super) fn finish(self, fallback: Mrkdwn) -> Message {
        Message { text: fallback.into_markup(), blocks: self.blocks }
    }

    fn push(&mut self, block: Block) {
        if self.blocks.len() < MAX_BLOCKS {
            self.blocks.push(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_share_a_section_until_it_is_full() {
        let mut composer = Composer::default();
        for _ in 0..10 {
            composer.line(Mrkdwn::default().text(&"tide ".repeat(100), 400));
        }
        let message = composer.finish(Mrkdwn::default());
        let lengths: Vec<usize> = message
            .blocks
            .iter()
            .map(|block| {
                let Block::Section { text: Text::Mrkdwn { text, .. } } = block else { panic!("no section: {block:?}") };
                text.len()
            })
            .collect();
        assert_eq!(lengths.len(), 2);
        assert!(lengths.iter().all(|&length| length <= MAX_TEXT), "{lengths:?}");
    }

    #[test]
    fn the_fifty_first_block_is_left_out() {
        let mut composer = Composer::default();
        for _ in 0..60 {
            composer.context(Mrkdwn::default().raw("small print"));
        }
        assert_eq!(composer.finish(Mrkdwn::default()).blocks.len(), MAX_BLOCKS);
    }

    #[test]
    fn a_text_object_has_slacks_shape() {
        let block = Block::Section { text: Text::Mrkdwn { text: "*hi*".to_owned(), verbatim: true } };
        assert_eq!(
            serde_json::to_value(&block).unwrap(),
            serde_json::json!({"type": "section", "text": {"type": "mrkdwn", "text": "*hi*", "verbatim": true}})
        );
    }
}
