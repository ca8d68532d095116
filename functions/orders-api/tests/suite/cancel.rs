//! Cancelling: recorded once, told once, and refused only when it is certainly too late.

use futures::join;
use tidegate_events::OrderCommand;

use crate::fixtures::{Call, Shop};
use crate::memory::Broken;

const REQUESTED: &str = "com.tidegate.orders.order-cancellation-requested.v1";

#[tokio::test(start_paused = true)]
async fn the_wish_is_one_write_with_its_event_and_the_same_again_is_none() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    let first = shop.ask(&Call::cancel(&id).with("x-correlation-id", "ticket-3")).await;
    assert_eq!(
        (first.status, &first.body["cancellation"], &first.body["status"]),
        (202, &"cancelling".into(), &"placed".into())
    );
    let again = shop.ask(&Call::cancel(&id)).await;
    assert_eq!(first, again);

    let events = shop.orders.events();
    assert_eq!((shop.orders.images().len(), events.len()), (2, 2));
    let event = &events[1];
    assert_eq!((event.ty(), event.id()), (REQUESTED, format!("{id}/2/0").as_str()));
    assert_eq!(event.causationid(), Some(format!("{id}/RequestCancellation").as_str()));
    assert_eq!(event.correlationid(), Some("ticket-3"));
    let told = shop.ask(&Call::get(&format!("/orders/{id}"))).await.body;
    assert_eq!((&told["cancellation_requested"], told["links"].get("cancellation")), (&true.into(), None));
}

#[tokio::test(start_paused = true)]
async fn the_answer_tells_how_far_the_order_is() {
    let cancel = || OrderCommand::Cancel { reason: "PaymentDeclined".to_owned() };
    for (commands, status, word) in [
        (vec![], 202, "cancelling"),
        (vec![OrderCommand::WithdrawConfirmation {}], 202, "cancelling"),
        (vec![cancel()], 202, "cancelled"),
        (vec![OrderCommand::Confirm {}], 409, ""),
    ] {
        let shop = Shop::new();
        let id = shop.placed("key-1").await;
        for command in commands {
            shop.command(&id, command).await;
        }
        let first = shop.ask(&Call::cancel(&id)).await;
        assert_eq!((first.status, first.body["cancellation"].as_str().unwrap_or_default()), (status, word));
        if word == "cancelled" {
            assert_eq!(first.body["cancel_reason"], "payment_declined");
        }
        if status == 409 {
            assert_eq!(first.problem(), "already-confirmed");
        }
        assert_eq!(shop.ask(&Call::cancel(&id)).await, first, "again");
    }
}

#[tokio::test(start_paused = true)]
async fn wishes_at_once_are_told_once() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    let call = Call::cancel(&id);
    let (one, two) = join!(shop.ask(&call), shop.ask(&call));
    assert_eq!((one.status, &one), (202, &two));
    assert_eq!(shop.orders.events().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_not_told_asks_again_and_is() {
    for (broken, first) in [(Broken::Unwritten, 503), (Broken::Unheard, 503), (Broken::Repeated, 202)] {
        let shop = Shop::new();
        let id = shop.placed("key-1").await;
        shop.orders.broken.lock().unwrap().push_back(broken);
        assert_eq!(shop.ask(&Call::cancel(&id)).await.status, first, "{broken:?}");
        assert_eq!(shop.ask(&Call::cancel(&id)).await.status, 202, "{broken:?}");
        assert_eq!(shop.orders.events().len(), 2, "{broken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whom_others_always_overtake_is_asked_to_come_again() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    shop.orders.broken.lock().unwrap().extend([Broken::Conflicting; 4]);
    assert_eq!(shop.ask(&Call::cancel(&id)).await.status, 202);
    let id = shop.placed("key-2").await;
    shop.orders.broken.lock().unwrap().extend([Broken::Conflicting; 5]);
    assert_eq!(shop.ask(&Call::cancel(&id)).await.status, 503);
}
