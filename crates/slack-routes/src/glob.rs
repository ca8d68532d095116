//! Patterns in which `*` stands for any run of characters and nothing else is special.

/// A pattern, as the texts between its stars.
#[derive(Debug)]
pub(crate) struct Glob {
    pieces: Vec<String>,
}

impl Glob {
    pub(crate) fn new(pattern: &str) -> Self {
        Self { pieces: pattern.split('*').map(str::to_owned).collect() }
    }

    /// Whether the whole text matches. Taking each piece at its first place is enough, so nothing is tried twice.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return self.pieces.iter().all(|whole| whole == text);
        };
        let Some(rest) = text.strip_prefix(first.as_str()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
        for piece in middle {
            match rest.split_once(piece.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text, expected) in [
            ("main", "main", true),
            ("main", "mainly", false),
            ("*", "", true),
            ("*", "a/b", true),
            ("octo/*", "octo/tides", true),
            ("octo/*", "octo/", true),
            ("octo/*", "octo", false),
            ("*/tides", "octo/tides", true),
            ("release/*-rc*", "release/1.4-rc1", true),
            ("release/*-rc*", "release/1.4", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a**b", "ab", true),
            ("a?c", "abc", false),
            ("[ab]", "a", false),
            ("潮*表", "潮汐表", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    /// The definition of a match, as slow as it is plain.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|skipped| by_definition(rest, &text[skipped..])),
            [one, rest @ ..] => text.first() == Some(one) && by_definition(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn matches_by_definition(pattern in "[ab*]{0,7}", text in "[ab]{0,9}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(Glob::new(&pattern).matches(&text), by_definition(&p, &t));
        }
    }
}
