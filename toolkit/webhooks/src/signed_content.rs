//! What an `hmac` source signs: fixed text, id, timestamp and body in a configured order.

/// A template such as `v0:{timestamp}:{body}`: text and, each at most once, the places of `{id}` and `{timestamp}`, with
/// `{body}` at the end.
///
/// No two deliveries may have the same signed bytes, else a signature for one would fit another. So an id or a timestamp
/// is followed by text before the next value begins; a timestamp is all digits and the text after it begins with
/// another character; an id must not hold the first character of the text after it; and the body comes last, where
/// nothing has to tell its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignedContent {
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Text(Vec<u8>),
    Id,
    Timestamp,
}

impl SignedContent {
    pub(crate) fn parse(template: &str) -> Result<SignedContent, &'static str> {
        let before_body = template.strip_suffix("{body}").ok_or("must end with `{body}`")?;
        let mut steps = Vec::new();
        let mut rest = before_body;
        while !rest.is_empty() {
            let step = if let Some(after) = rest.strip_prefix("{id}") {
                rest = after;
                Step::Id
            } else if let Some(after) = rest.strip_prefix("{timestamp}") {
                rest = after;
                Step::Timestamp
            } else {
                let (text, after) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
                if text.is_empty() || text.contains('}') {
                    return Err("knows `{id}`, `{timestamp}` and one `{body}` at the end, and no other braces");
                }
                rest = after;
                Step::Text(text.as_bytes().to_vec())
            };
            steps.push(step);
        }
        let content = SignedContent { steps };
        content.check()?;
        Ok(content)
    }

    /// A configured timestamp that is not signed would protect from nothing; one that is signed has to come from
    /// somewhere.
    pub(crate) fn fitting(self, timestamp_header: bool, id_header: bool) -> Result<SignedContent, &'static str> {
        if self.steps.contains(&Step::Timestamp) != timestamp_header {
            return Err("must have `{timestamp}` if and only if there is a `timestamp_header`");
        }
        if self.has_id() && !id_header {
            return Err("has `{id}`, which needs an `id_header`");
        }
        Ok(self)
    }

    pub(crate) fn has_id(&self) -> bool {
        self.steps.contains(&Step::Id)
    }

    /// The character that ends the id and so must not be in it.
    pub(crate) fn id_separator(&self) -> Option<u8> {
        let id = self.steps.iter().position(|step| *step == Step::Id)?;
        self.text_after(id)
    }

    pub(crate) fn pieces<'p>(&'p self, id: &'p [u8], timestamp: &'p [u8], body: &'p [u8]) -> Vec<&'p [u8]> {
        let before_body = self.steps.iter().map(|step| match step {
            Step::Text(text) => text.as_slice(),
            Step::Id => id,
            Step::Timestamp => timestamp,
        });
        before_body.chain([body]).collect()
    }

    fn check(&self) -> Result<(), &'static str> {
        for (index, step) in self.steps.iter().enumerate() {
            if matches!(step, Step::Text(_)) {
                continue;
            }
            if self.steps[..index].contains(step) {
                return Err("must have `{id}` and `{timestamp}` at most once each");
            }
            match self.text_after(index) {
                None => return Err("must have text between `{id}`, `{timestamp}` and `{body}` to keep them apart"),
                Some(c) if *step == Step::Timestamp && c.is_ascii_digit() => {
                    return Err("must not have a digit right after `{timestamp}`");
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn text_after(&self, index: usize) -> Option<u8> {
        match self.steps.get(index + 1) {
            Some(Step::Text(text)) => text.first().copied(),
            Some(Step::Id | Step::Timestamp) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_lays_out_text_id_timestamp_and_body() {
        for (template, expected) in [
            ("{body}", "BODY"),
            ("{timestamp}.{body}", "77.BODY"),
            ("v0:{timestamp}:{body}", "v0:77:BODY"),
            ("{id}.{timestamp}.{body}", "msg.77.BODY"),
            ("{timestamp}|{id}|end|{body}", "77|msg|end|BODY"),
        ] {
            let content = SignedContent::parse(template).unwrap();
            assert_eq!(content.pieces(b"msg", b"77", b"BODY").concat(), expected.as_bytes(), "{template}");
        }
    }

    #[test]
    fn templates_under_which_two_deliveries_could_sign_the_same_are_refused() {
        for template in [
            "",
            "{timestamp}",
            "{body}.",
            "{body}{body}",
            "{body}.{timestamp}",
            "{timestamp}{body}",
            "{id}{timestamp}.{body}",
            "{timestamp}0{body}",
            "{id}.{id}.{body}",
            "{timestamp}.{timestamp}.{body}",
            "{url}.{body}",
            "{.{body}",
            "}.{body}",
            "{ID}.{body}",
        ] {
            assert!(SignedContent::parse(template).is_err(), "{template}");
        }
    }

    #[test]
    fn a_template_fits_the_headers_that_are_configured() {
        let fits = |template, timestamp, id| SignedContent::parse(template).unwrap().fitting(timestamp, id).is_ok();
        assert!(fits("{body}", false, true));
        assert!(fits("{id}.{timestamp}.{body}", true, true));
        assert!(!fits("{body}", true, false));
        assert!(!fits("{timestamp}.{body}", false, false));
        assert!(!fits("{id}.{body}", false, false));
    }

    #[test]
    fn the_character_after_the_id_is_its_separator() {
        let separator = |template| SignedContent::parse(template).unwrap().id_separator();
        assert_eq!(separator("{id}:{body}"), Some(b':'));
        assert_eq!(separator("x{timestamp}.{body}"), None);
    }
}
