//! Slack's markup, built so that user text stays text.
//!
//! - `&`, `<` and `>` are escaped, so that no `<!channel>`, `<@U…>` or `<https://…|…>` can come from a user
//!   (<https://docs.slack.dev/messaging/formatting-message-text/#escaping>).
//! - `*`, `_`, `~` and `` ` `` have no escape in Slack. Where they could format, a look-alike takes their place; inside
//!   a word (`snake_case`, `2*3`) Slack leaves them alone and so does this.
//! - Line breaks become spaces, so that no quotation or code block opens; control characters and those that reverse
//!   the direction of writing are dropped.
//! - Links are http(s) only. What would end a link early is percent-encoded.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// Length of a section's or a context element's text. Slack counts "characters" without saying which; UTF-8 bytes are
/// never fewer than any reading of it, and what does not fit one section goes to the next.
pub(super) const MAX_TEXT: usize = 3_000;
/// A longer link is shown as its label only: a few such links would fill a section.
const MAX_URL: usize = 1_000;
/// What marks a text that was cut.
const ELLIPSIS: char = '…';
/// What may not stand in a link as it is: Slack would end the link there.
const IN_LINK: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'|').add(b'`').add(b'\\').add(b'^');
/// What is encoded in a path made from a branch name: all but the unreserved characters and the slash.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A line of markup, never longer than Slack takes. A piece that does not fit is left out whole, with `…` in its
/// place, so that no link and no escape is ever cut in two.
#[derive(Debug, Clone, Default)]
pub(super) struct Mrkdwn {
    markup: String,
    full: bool,
    unstyled: bool,
}

impl Mrkdwn {
    /// A line in which links are their labels and nothing is bold: the fallback, which notifications show as it is.
    pub(super) fn unstyled() -> Self {
        Self { unstyled: true, ..Self::default() }
    }

    /// Markup of this program's own; being `'static` keeps user text out.
    pub(super) fn raw(self, markup: &'static str) -> Self {
        self.append(markup)
    }

    /// User text of at most `max` characters.
    pub(super) fn text(self, text: &str, max: usize) -> Self {
        let text = plain(text, max);
        self.append(&text)
    }

    /// A number, with commas between its thousands.
    pub(super) fn number(self, number: u64) -> Self {
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        self.append(&grouped)
    }

    /// A link, or its label alone when there is no usable address.
    pub(super) fn link(self, url: Option<&str>, label: &str, max: usize) -> Self {
        self.styled("", url, label, max)
    }

    /// A bold link, or its label alone in bold.
    pub(super) fn bold(self, url: Option<&str>, label: &str, max: usize) -> Self {
        self.styled("*", url, label, max)
    }

    /// A link in the style of code, or its label alone in that style.
    pub(super) fn code(self, url: Option<&str>, label: &str, max: usize) -> Self {
        self.styled("`", url, label, max)
    }

    pub(super) fn into_markup(self) -> String {
        self.markup
    }

    fn styled(self, mark: &'static str, url: Option<&str>, label: &str, max: usize) -> Self {
        let label = plain(label, max);
        if label.is_empty() || self.unstyled {
            return self.append(&label);
        }
        let label = label.replace('|', "∣");
        let linked = url.and_then(address).map(|url| format!("{mark}<{url}|{label}>{mark}"));
        match linked {
            Some(linked) if self.has_room_for(&linked) => self.append(&linked),
            _ => self.append(&format!("{mark}{label}{mark}")),
        }
    }

    fn append(mut self, piece: &str) -> Self {
        if self.full {
            return self;
        }
        if self.has_room_for(piece) {
            self.markup.push_str(piece);
        } else {
            self.markup.push(ELLIPSIS);
            self.full = true;
        }
        self
    }

    /// Room is always kept for an ellipsis.
    fn has_room_for(&self, piece: &str) -> bool {
        self.markup.len() + piece.len() + ELLIPSIS.len_utf8() <= MAX_TEXT
    }
}

/// The page of a branch or tag.
pub(super) fn tree_url(repository: &str, name: &str) -> String {
    format!("{}/tree/{}", repository.trim_end_matches('/'), utf8_percent_encode(name, IN_PATH))
}

/// The page of a commit.
pub(super) fn commit_url(repository: &str, id: &str) -> String {
    format!("{}/commit/{}", repository.trim_end_matches('/'), utf8_percent_encode(id, IN_PATH))
}

/// The first line of a text that has something on it.
pub(super) fn first_line(text: &str) -> &str {
    text.trim_start().lines().next().unwrap_or_default()
}

/// An address in the form that a link takes.
fn address(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    if !web || rest.is_empty() || rest.starts_with(['/', '?', '#']) {
        return None;
    }
    let encoded = utf8_percent_encode(url, IN_LINK).to_string().replace('&', "&amp;");
    (encoded.len() <= MAX_URL).then_some(encoded)
}

/// User text as Slack shows it literally, on one line.
fn plain(text: &str, max: usize) -> String {
    let line = one_line(text, max);
    let mut plain = String::with_capacity(line.len() + line.len() / 8);
    let mut before = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let inside_a_word = |next: Option<&char>| {
            before.is_some_and(|c: char| c.is_ascii_alphanumeric()) && next.is_some_and(char::is_ascii_alphanumeric)
        };
        match character {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '`' => plain.push('ˋ'),
            '*' if !inside_a_word(characters.peek()) => plain.push('∗'),
            '_' if !inside_a_word(characters.peek()) => plain.push('ˍ'),
            '~' if !inside_a_word(characters.peek()) => plain.push('∼'),
            other => plain.push(other),
        }
        before = Some(character);
    }
    plain
}

/// Single spaces, no control characters, at most `max` characters.
fn one_line(text: &str, max: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    let mut space = false;
    for character in text.chars() {
        if character.is_whitespace() {
            space = length > 0;
            continue;
        }
        if character.is_control() || reorders(character) {
            continue;
        }
        let wanted = 1 + usize::from(space);
        if length + wanted > max {
            // The cut itself takes a character's place.
            if length == max {
                line.pop();
            }
            line.truncate(line.trim_end().len());
            line.push(ELLIPSIS);
            break;
        }
        if space {
            line.push(' ');
            space = false;
        }
        line.push(character);
        length += wanted;
    }
    line
}

/// Marks that change the direction of writing (and so what a reader sees), and the byte order mark.
fn reorders(character: char) -> bool {
    matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Mrkdwn::default().text(text, 100).into_markup()
    }

    #[test]
    fn mentions_and_links_in_user_text_are_only_text() {
        assert_eq!(
            shown("<!channel> & <@U01> <https://evil.example|safe>"),
            "&lt;!channel&gt; &amp; &lt;@U01&gt; &lt;https://evil.example|safe&gt;"
        );
        assert_eq!(shown("already &lt;escaped&gt;"), "already &amp;lt;escaped&amp;gt;");
    }

    #[test]
    fn marks_that_would_format_become_look_alikes_and_words_stay() {
        assert_eq!(shown("*bold* _it_ ~no~ `code` ```"), "∗bold∗ ˍitˍ ∼no∼ ˋcodeˋ ˋˋˋ");
        assert_eq!(shown("snake_case 2*3 a~b"), "snake_case 2*3 a~b");
        assert_eq!(shown("__init__"), "ˍˍinitˍˍ");
    }

    #[test]
    fn a_text_is_one_line_without_control_or_reversing_characters() {
        assert_eq!(shown(" two\r\n\tlines\u{0}\u{7}\u{2028}here "), "two lines here");
        assert_eq!(shown("\u{202E}txt.exe\u{2066}\u{FEFF}"), "txt.exe");
        assert_eq!(shown("> quoted"), "&gt; quoted");
    }

    #[test]
    fn a_cut_falls_between_characters_and_keeps_the_length() {
        let cut = |text: &str, max| Mrkdwn::default().text(text, max).into_markup();
        assert_eq!(cut("tide", 4), "tide");
        assert_eq!(cut("tides", 4), "tid…");
        assert_eq!(cut("潮汐表潮汐表", 4), "潮汐表…");
        assert_eq!(cut("🌊🌊🌊", 2), "🌊…");
        assert_eq!(cut("ab cd", 3), "ab…");
        assert_eq!(cut("ab cd", 4), "ab…");
        assert_eq!(cut("<<<<", 3), "&lt;&lt;…");
    }

    #[test]
    fn a_link_needs_a_web_address() {
        let link = |url: &str| Mrkdwn::default().link(Some(url), "here", 10).into_markup();
        assert_eq!(link("https://example.com/a?b=1&c=2"), "<https://example.com/a?b=1&amp;c=2|here>");
        assert_eq!(link("HTTP://example.com"), "<HTTP://example.com|here>");
        for other in
            ["javascript:alert(1)", "ftp://example.com", "https:///x", "https://", "", "!channel", "//x.example"]
        {
            assert_eq!(link(other), "here", "{other}");
        }
        assert_eq!(Mrkdwn::default().link(None, "here", 10).into_markup(), "here");
        assert_eq!(link(&format!("https://example.com/{}", "x".repeat(MAX_URL))), "here");
    }

    #[test]
    fn an_address_cannot_end_its_link_early() {
        let link = Mrkdwn::default().link(Some("https://example.com/a|b>c<d e\n`é"), "x", 10).into_markup();
        assert_eq!(link, "<https://example.com/a%7Cb%3Ec%3Cd%20e%0A%60%C3%A9|x>");
    }

    #[test]
    fn a_label_cannot_end_its_link_early() {
        let link = Mrkdwn::default().bold(Some("https://example.com"), "a|b> <!here> *c*", 30).into_markup();
        assert_eq!(link, "*<https://example.com|a∣b&gt; &lt;!here&gt; ∗c∗>*");
    }

    #[test]
    fn a_branch_with_odd_characters_has_a_working_page() {
        assert_eq!(
            tree_url("https://github.com/octo-harbour/tide-tables/", "fix/50%-#1?|x>é"),
            "https://github.com/octo-harbour/tide-tables/tree/fix/50%25-%231%3F%7Cx%3E%C3%A9"
        );
    }

    #[test]
    fn a_full_line_ends_in_an_ellipsis_and_whole_pieces() {
        let mut line = Mrkdwn::default();
        for _ in 0..20 {
            line = line.link(Some(&format!("https://example.com/{}", "x".repeat(400))), "label", 10);
        }
        let markup = line.into_markup();
        assert!(markup.len() <= MAX_TEXT);
        assert!(markup.ends_with('…'));
        assert_eq!(markup.matches('<').count(), markup.matches('>').count());
    }

    #[test]
    fn an_unstyled_line_has_labels_only() {
        let line = Mrkdwn::unstyled().bold(Some("https://example.com"), "a|b", 10).raw(" ").code(None, "<c>", 10);
        assert_eq!(line.into_markup(), "a|b &lt;c&gt;");
    }

    #[test]
    fn thousands_have_commas() {
        let number = |n| Mrkdwn::default().number(n).into_markup();
        assert_eq!((number(7), number(2048), number(1_234_567)), ("7".into(), "2,048".into(), "1,234,567".into()));
    }
}
