//! Lists: newest first, a page at a time, one's own alone.

use serde_json::Value;

use crate::fixtures::{Call, OTTO, Shop, body};

fn ids(page: &Value) -> Vec<String> {
    page["orders"].as_array().unwrap().iter().map(|it| it["order_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn pages_follow_each_other_newest_first_and_miss_nothing() {
    let shop = Shop::new();
    let mut placed = Vec::new();
    for number in 0..5 {
        placed.push(shop.placed(&format!("key-{number}")).await);
        shop.ask(&Call::place("other", body().to_string()).by(OTTO)).await;
    }
    // Two at the very same moment.
    for key in ["key-5", "key-6"] {
        placed.push(shop.ask(&Call::place(key, body().to_string())).await.order_id().to_owned());
    }
    placed[5..].sort();
    placed.reverse();
    for limit in [1, 2, 3, 7, 100] {
        let (mut found, mut target) = (Vec::new(), format!("/orders?limit={limit}"));
        loop {
            let page = shop.ask(&Call::get(&target)).await.body;
            assert!(ids(&page).len() <= limit);
            found.extend(ids(&page));
            let Some(next) = page["links"]["next"].as_str() else { break };
            assert_eq!(next, format!("/orders?limit={limit}&cursor={}", page["next_cursor"].as_str().unwrap()));
            target = next.to_owned();
        }
        assert_eq!(found, placed, "{limit} at a time");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_has_twenty_unless_it_is_asked_for_more() {
    let shop = Shop::new();
    for number in 0..21 {
        shop.placed(&format!("key-{number}")).await;
    }
    for (target, count, more) in
        [("/orders", 20, true), ("/orders?limit=21", 21, false), ("/orders?limit=100", 21, false)]
    {
        let page = shop.ask(&Call::get(target)).await.body;
        assert_eq!((ids(&page).len(), page.get("next_cursor").is_some()), (count, more), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_that_is_not_what_it_should_be_is_told_so() {
    let shop = Shop::new();
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=+1",
        "limit=1.0",
        "limit=",
        "limit=99999999999999999999",
        "limit=1,2",
        "limt=5",
    ] {
        let answer = shop.ask(&Call::get(&format!("/orders?{query}"))).await;
        assert_eq!((answer.status, answer.problem()), (400, "malformed-query"), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_is_its_customers_and_whole() {
    let shop = Shop::new();
    for number in 0..2 {
        shop.placed(&format!("key-{number}")).await;
    }
    let page = shop.ask(&Call::get("/orders?limit=1")).await.body;
    let cursor = page["next_cursor"].as_str().unwrap();
    let call = |cursor: &str| Call::get(&format!("/orders?cursor={cursor}"));
    assert_eq!(shop.ask(&call(cursor)).await.status, 200);
    let changed = format!("{}{}", &cursor[1..], &cursor[..1]);
    for call in [call(cursor).by(OTTO), call(&changed), call(&cursor[1..]), call(""), call("AAAA"), call("%00")] {
        let answer = shop.ask(&call).await;
        assert_eq!((answer.status, answer.problem()), (400, "malformed-cursor"));
    }
}
