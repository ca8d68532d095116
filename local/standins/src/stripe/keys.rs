//! Idempotency keys as Stripe documents them: <https://docs.stripe.com/api/idempotent_requests>.

use std::collections::HashMap;

use super::answer::StripeAnswer;

/// Longer ones are refused.
const MAX_KEY: usize = 255;

/// A request's path, and its parameters in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    path: String,
    values: Vec<String>,
}

impl Parameters {
    pub(super) fn new(path: &str, body: &str) -> Self {
        let mut values: Vec<String> = body.split('&').map(str::to_owned).collect();
        values.sort();
        Self { path: path.to_owned(), values }
    }
}

/// The keys in use, and the answers of those that were.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<String, Kept>);

#[derive(Debug)]
struct Kept {
    request: Parameters,
    /// None while the first request is under way.
    answer: Option<StripeAnswer>,
}

/// Whether a request with a key is to be carried out.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// It is the first with this key: carry it out, then [`Keys::end`].
    First,
    /// Not: this is its answer, the first request's or a refusal.
    Answered(StripeAnswer),
}

impl Keys {
    pub(super) fn begin(&mut self, key: &str, request: Parameters) -> Outcome {
        if key.len() > MAX_KEY {
            return Outcome::Answered(StripeAnswer::error(
                400,
                "invalid_request_error",
                None,
                "Idempotency keys must be shorter than 255 characters.",
            ));
        }
        match self.0.get(key) {
            None => {
                self.0.insert(key.to_owned(), Kept { request, answer: None });
                Outcome::First
            }
            Some(kept) if kept.request.path != request.path => mismatch(&format!(
                "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{}' vs '{}').",
                request.path, kept.request.path
            )),
            Some(kept) if kept.request != request => mismatch(
                "Keys for idempotent requests can only be used with the same parameters they were first used with.",
            ),
            Some(Kept { answer: Some(answer), .. }) => Outcome::Answered(answer.clone().replayed()),
            Some(Kept { answer: None, .. }) => Outcome::Answered(StripeAnswer::error(
                409,
                "idempotency_error",
                Some("idempotency_key_in_use"),
                "There is currently another in-progress request using this Idempotency Key.",
            )),
        }
    }

    /// Ends the first request with this key: repeats get its answer if that is kept, and otherwise the key is free again.
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

fn mismatch(message: &str) -> Outcome {
    Outcome::Answered(StripeAnswer::error(400, "idempotency_error", None, message))
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
        assert_eq!(keys.begin("k", Parameters::new("/v1/x", "a=1&b=2")), Outcome::First);
        keys.end("k", Some(&answer(200)));
        let Outcome::Answered(replayed) = keys.begin("k", Parameters::new("/v1/x", "b=2&a=1")) else {
            panic!("carried out")
        };
        assert_eq!((replayed.status, replayed.is_replayed()), (200, true));
    }

    #[test]
    fn other_parameters_another_endpoint_and_a_request_under_way_are_refused() {
        let mut keys = Keys::default();
        assert_eq!(keys.begin("k", Parameters::new("/v1/x", "a=1")), Outcome::First);
        for (path, body, status) in [("/v1/x", "a=1", 409), ("/v1/x", "a=2", 400), ("/v1/y", "a=1", 400)] {
            let Outcome::Answered(refusal) = keys.begin("k", Parameters::new(path, body)) else {
                panic!("carried out")
            };
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
            keys.begin("k", Parameters::new("/v1/x", "a=1"));
            keys.end("k", Some(&answer(status)));
            let again = keys.begin("k", Parameters::new("/v1/x", "a=1"));
            assert_eq!(again != Outcome::First, kept, "{status}");
        }
    }
}
