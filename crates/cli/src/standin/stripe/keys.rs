//! Idempotency keys as Stripe documents them: <https://docs.stripe.com/api/idempotent_requests>.

use std::collections::HashMap;

use super::answer::StripeAnswer;

/// Longer ones are refused.
const MAX_KEY: usize = 255;

/// What a request asks: where, and with which parameters in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    path: String,
    parameters: Vec<String>,
}

impl Asked {
    pub(super) fn new(path: &str, body: &str) -> Self {
        let mut parameters: Vec<String> = body.split('&').map(str::to_owned).collect();
        parameters.sort();
        Self { path: path.to_owned(), parameters }
    }
}

/// What is known under each key.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<String, Kept>);

#[derive(Debug)]
struct Kept {
    asked: Asked,
    /// Nothing as long as the first request is under way.
    answer: Option<StripeAnswer>,
}

/// What becomes of a request with a key.
#[derive(Debug, PartialEq)]
pub(super) enum Begun {
    /// It is the first: carry it out, then [`Keys::end`].
    First,
    /// It is answered as the first was, or refused.
    Answered(StripeAnswer),
}

impl Keys {
    pub(super) fn begin(&mut self, key: &str, asked: Asked) -> Begun {
        if key.len() > MAX_KEY {
            return Begun::Answered(StripeAnswer::error(
                400,
                "invalid_request_error",
                None,
                "Idempotency keys must be shorter than 255 characters.",
            ));
        }
        match self.0.get(key) {
            None => {
                self.0.insert(key.to_owned(), Kept { asked, answer: None });
                Begun::First
            }
            Some(kept) if kept.asked.path != asked.path => mismatch(&format!(
                "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{}' vs '{}').",
                asked.path, kept.asked.path
            )),
            Some(kept) if kept.asked != asked => mismatch(
                "Keys for idempotent requests can only be used with the same parameters they were first used with.",
            ),
            Some(Kept { answer: Some(answer), .. }) => Begun::Answered(answer.clone().replayed()),
            Some(Kept { answer: None, .. }) => Begun::Answered(StripeAnswer::error(
                409,
                "idempotency_error",
                Some("idempotency_key_in_use"),
                "There is currently another in-progress request using this Idempotency Key.",
            )),
        }
    }

    /// The first request under this key is over: with an answer that later ones get too, or as if it had never been.
    pub(super) fn end(&mut self, key: &str, answer: Option<&StripeAnswer>) {
        match answer.filter(|answer| answer.is_kept()) {
            None => drop(self.0.remove(key)),
            Some(answer) => {
                if let Some(kept) = self.0.get_mut(key) {
                    kept.answer = Some(answer.clone());
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn mismatch(message: &str) -> Begun {
    Begun::Answered(StripeAnswer::error(400, "idempotency_error", None, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> StripeAnswer {
        StripeAnswer::error(status, "api_error", Some("made_up"), "made up")
    }

    #[test]
    fn parameters_may_come_in_another_order() {
        let mut keys = Keys::default();
        assert_eq!(keys.begin("k", Asked::new("/v1/x", "a=1&b=2")), Begun::First);
        keys.end("k", Some(&answer(200)));
        let Begun::Answered(replayed) = keys.begin("k", Asked::new("/v1/x", "b=2&a=1")) else { panic!("carried out") };
        assert_eq!((replayed.status, replayed.is_replayed()), (200, true));
    }

    #[test]
    fn other_parameters_another_endpoint_and_a_request_under_way_are_refused() {
        let mut keys = Keys::default();
        assert_eq!(keys.begin("k", Asked::new("/v1/x", "a=1")), Begun::First);
        for (path, body, status) in [("/v1/x", "a=1", 409), ("/v1/x", "a=2", 400), ("/v1/y", "a=1", 400)] {
            let Begun::Answered(refusal) = keys.begin("k", Asked::new(path, body)) else { panic!("carried out") };
            assert_eq!(refusal.status, status, "{path} {body}");
            assert_eq!(refusal.body["error"]["type"], "idempotency_error");
        }
    }

    #[test]
    fn an_answer_is_kept_only_where_something_was_carried_out() {
        for (status, kept) in
            [(200, true), (402, true), (500, true), (503, true), (401, false), (404, false), (429, false)]
        {
            let mut keys = Keys::default();
            keys.begin("k", Asked::new("/v1/x", "a=1"));
            keys.end("k", Some(&answer(status)));
            let again = keys.begin("k", Asked::new("/v1/x", "a=1"));
            assert_eq!(again != Begun::First, kept, "{status}");
        }
    }
}
