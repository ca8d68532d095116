//! Changing a source's secret while deliveries come.

use std::sync::Arc;

use anyhow::Result;

use crate::command::{file, path, tidegate};
use crate::sender::{Sender, deliver, delivery_id, push_to_repository, secret};
use crate::stack::Stack;
use crate::wait::{SOON, eventually};

const REPOSITORY: &str = "octo-harbour/unrouted";

pub(crate) async fn during_a_rotation_both_secrets_pass_and_afterwards_only_the_new_one(
    stack: Arc<Stack>,
) -> Result<()> {
    let (old, new) = (secret(), secret());
    let signs_old = Sender::github("rotated", &[&old])?;
    let signs_new = signs_old.with_secrets(&[&new])?;
    set(&stack, &signs_old).await?;
    assert_eq!(push(&stack, &signs_old).await?, 202);
    assert_eq!(push(&stack, &signs_new).await?, 401);

    set(&stack, &signs_old.with_secrets(&[&new, &old])?).await?;
    let new_passes = async || Ok((push(&stack, &signs_new).await? == 202).then_some(()));
    eventually("the new secret passes", SOON, new_passes).await?;
    for _ in 0..5 {
        assert_eq!(push(&stack, &signs_old).await?, 202, "the old secret passes during the rotation");
    }

    set(&stack, &signs_new).await?;
    // Each worker of the function has a copy of its own, and may look again 5 s after it did so last. A signature that fails
    // is what makes it look; without one it would believe its copy for longer.
    let only_new = async || {
        let forged = push(&stack, &signs_old.with_secrets(&[&secret()])?).await?;
        assert_eq!(forged, 401);
        let seen = (push(&stack, &signs_old).await?, push(&stack, &signs_new).await?);
        Ok((seen == (401, 202)).then_some(()))
    };
    eventually("the old secret fails and the new one passes", SOON, only_new).await
}

async fn set(stack: &Stack, sender: &Sender) -> Result<()> {
    let document = file(&sender.document.to_string())?;
    tidegate(stack, &["source", "set", &sender.name, "--file", path(&document)?]).await?.success().map(drop)
}

async fn push(stack: &Stack, sender: &Sender) -> Result<u16> {
    let delivery = sender.push(&delivery_id(), &push_to_repository(REPOSITORY))?;
    Ok(deliver(stack, &delivery).await?.status)
}
