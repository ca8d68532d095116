//! What to do about an error.

use tidegate_operations::Hint;

/// The advice anywhere in the chain of causes.
pub fn advice(error: &anyhow::Error) -> Option<&str> {
    // `downcast_ref` also looks through the layers that `context` adds; the chain finds hints that are plain sources.
    let own = error.downcast_ref::<Hint>().or_else(|| error.chain().find_map(|cause| cause.downcast_ref::<Hint>()));
    let of_local_stack = || {
        let hint = error.downcast_ref::<tidegate_local::Hint>();
        hint.or_else(|| error.chain().find_map(|cause| cause.downcast_ref::<tidegate_local::Hint>()))
    };
    let of_standin = || {
        let unreachable = error.downcast_ref::<tidegate_standins::client::Unreachable>();
        unreachable.map(|_| "run `tidegate up`, which starts it again")
    };
    own.map(Hint::advice).or_else(|| of_local_stack().map(tidegate_local::Hint::advice)).or_else(of_standin)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn advice_is_found_beneath_added_context() {
        let error = Err::<(), _>(anyhow::Error::new(Hint::new("no such source", "list them")))
            .context("the delivery was not sent")
            .unwrap_err();
        assert_eq!(advice(&error), Some("list them"));
        assert_eq!(format!("{error:#}"), "the delivery was not sent: no such source");
    }

    #[test]
    fn advice_of_the_local_stack_is_found_too() {
        let error = Err::<(), _>(tidegate_local::Hint::new("the emulator is not installed", "run `make setup`"));
        assert_eq!(advice(&error.context("not up").unwrap_err()), Some("run `make setup`"));
    }

    #[test]
    fn an_error_without_a_hint_has_no_advice() {
        assert_eq!(advice(&anyhow::anyhow!("broken")), None);
    }
}
