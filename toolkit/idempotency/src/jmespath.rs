//! Parts of an event by [JMESPath](https://jmespath.org/specification.html).

use std::sync::LazyLock;

use jmespath::functions::{ArgumentType, CustomFunction, Signature};
use jmespath::{Context, Expression, JmespathError, Rcvar, Runtime, Variable};
use serde::Serialize;

use crate::part::{Part, PartError};

/// The expression cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("not a JMESPath expression")]
pub struct ExpressionError(#[from] JmespathError);

impl<E: Serialize> Part<E> {
    /// What a JMESPath expression makes of an event, for instance `order.id` or `[customer, order.id]`. Beside the standard
    /// functions there is `parse_json(text)`, for a body that is a string: `parse_json(body).order.id`.
    ///
    /// # Errors
    /// [`ExpressionError`] where it cannot be compiled.
    pub fn jmespath(expression: &str) -> Result<Self, ExpressionError> {
        let compiled: Expression<'static> = RUNTIME.compile(expression)?;
        Ok(Self::trying(move |event| {
            let found = compiled.search(event).map_err(|_| PartError::Expression)?;
            serde_json::to_value(&*found).map_err(|_| PartError::Event)
        }))
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = Runtime::new();
    runtime.register_builtin_functions();
    let text = Signature::new(vec![ArgumentType::String], None);
    runtime.register_function("parse_json", Box::new(CustomFunction::new(text, Box::new(parse_json))));
    runtime
});

/// Text that is not JSON holds nothing, so what is selected from it is missing.
fn parse_json(arguments: &[Rcvar], _: &mut Context<'_>) -> Result<Rcvar, JmespathError> {
    let text = arguments.first().and_then(|argument| argument.as_string());
    let parsed = text.and_then(|text| Variable::from_json(text).ok());
    Ok(Rcvar::new(parsed.unwrap_or(Variable::Null)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn key(expression: &str, event: &Value) -> Option<crate::Key> {
        Part::jmespath(expression).unwrap().key("scope", event).unwrap()
    }

    #[test]
    fn an_expression_and_a_closure_give_the_same_key() {
        let event = json!({"order": {"id": 17, "customer": "mona"}, "body": r#"{"order":{"id":17}}"#});
        let by_closure = Part::of(|event: &Value| event["order"]["id"].clone()).key("scope", &event).unwrap();
        assert_eq!(key("order.id", &event), by_closure);
        assert_eq!(key("parse_json(body).order.id", &event), by_closure);
        let both = Part::of(|event: &Value| json!([event["order"]["customer"], event["order"]["id"]]));
        assert_eq!(key("order.[customer, id]", &event), both.key("scope", &event).unwrap());
    }

    #[test]
    fn what_an_expression_does_not_find_is_missing() {
        let event = json!({"order": {"id": 17}, "body": "not JSON"});
        for expression in ["order.number", "order.[id, number]", "parse_json(body).id", "items[?id].id"] {
            assert_eq!(key(expression, &event), None, "{expression}");
        }
    }

    #[test]
    fn a_failing_expression_is_an_error_and_quotes_nothing() {
        assert!(Part::<Value>::jmespath("order.[").is_err());
        let error = Part::jmespath("length(secret)").unwrap().key("scope", &json!({"secret": 4711})).unwrap_err();
        assert_eq!(error.to_string(), "the JMESPath expression fails on the event");
    }
}
