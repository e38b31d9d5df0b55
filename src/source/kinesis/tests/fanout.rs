//! Enhanced fan-out: one subscription after the other, and what is done when there is none.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn subscribing(
    answers: impl IntoIterator<Item = Result<Answer, Class>>,
    subscriptions: impl IntoIterator<Item = Result<Vec<Event>, Trouble>>,
) -> Arc<Script> {
    let script = Script::new(answers);
    *script.subscriptions.lock().unwrap() = subscriptions.into_iter().collect();
    script
}

fn fan_out(script: &Arc<Script>, start: Start) -> BoxFlow<'static, Batch, Error> {
    source_with(script, |builder| builder.consumer("app")).read(&Partition::new("s/1"), start)
}

/// An event that goes on at a position.
fn event(positions: impl IntoIterator<Item = u64>, on: u64) -> Event {
    Event::Give(Answer { next: None, on: Some(Position::new(on, 0)), ..answer(positions, 0) })
}

fn end(positions: impl IntoIterator<Item = u64>) -> Event {
    Event::Give(Answer { next: None, ended: true, children: true, ..answer(positions, 0) })
}

/// When and from where it was subscribed.
fn subscribed(script: &Arc<Script>) -> Vec<(u64, String)> {
    let calls = script.calls.lock().unwrap().clone();
    let calls =
        calls.into_iter().filter_map(|(at, call)| Some((at, call.strip_prefix("subscribe 1 arn:s/app ")?.to_owned())));
    calls.map(|(at, from)| (at, from.chars().filter(char::is_ascii_digit).collect())).collect()
}

#[tokio::test(start_paused = true)]
async fn events_are_given_until_the_end_of_the_shard_by_an_active_consumer() {
    let script = subscribing([], [Ok(vec![event([1, 2], 3), event([], 5), event([6], 7), end([8])])]);
    let batches: Vec<Batch> = fan_out(&script, Start::Beginning).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [1, 2, 6, 8]);
    assert_eq!(batches.iter().map(|batch| batch.closed).collect::<Vec<_>>(), [false, false, false, true]);
    assert!(batches.iter().all(|batch| batch.retention.is_some()));
    assert_eq!(script.calls()[..2], ["consumer app", "consumer app"], "it was not active at once");
    assert!(script.times().is_empty(), "nothing is polled");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_followed_by_another_from_where_it_ended() {
    let lives = Event::Wait(300 * SECOND);
    let quiet = (0..58).flat_map(|n| [Event::Wait(5 * SECOND), event([], 20 + n)]);
    let script = subscribing(
        [],
        [
            Ok([event([1, 2], 3)].into_iter().chain(quiet).chain([lives]).collect()),
            // It is over early.
            Ok(vec![event([], 90)]),
            Ok(vec![event([], 91), Event::Wait(6 * SECOND), event([], 92), Event::Fail(Class::Unreachable)]),
            Ok(vec![end([99])]),
        ],
    );
    let batches: Vec<Batch> = fan_out(&script, Start::Beginning).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [1, 2, 99]);
    let subscribed = subscribed(&script);
    let from: Vec<&str> = subscribed.iter().map(|(_, from)| &**from).collect();
    let of = |n: u64| {
        format!("{:?}", Cursor::With(Position::new(n, 0))).chars().filter(char::is_ascii_digit).collect::<String>()
    };
    assert_eq!(from, ["", &of(77), &of(90), &of(92)]);
    let times: Vec<u64> = subscribed.iter().map(|(at, _)| at - subscribed[0].0).collect();
    assert_eq!(times[1], 290_000, "before Kinesis ends it");
    assert_eq!(times[2], 295_000, "sooner it would be refused");
    assert!((301_000..302_000).contains(&times[3]), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn records_that_come_again_with_the_next_subscription_are_left_out() {
    let script = subscribing([], [Ok(vec![event([1, 2, 3], 3)]), Ok(vec![event([3, 4], 4)]), Ok(vec![end([4, 5])])]);
    let batches: Vec<Batch> = fan_out(&script, Start::After(Position::new(1, 0))).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_subscription_is_given_up() {
    let silent = || Ok(vec![event([1], 2), Event::Wait(10_000 * SECOND)]);
    let script = subscribing([], [silent(), Ok(vec![end([3])])]);
    let source = source_with(&script, |builder| builder.consumer("app"));
    let batches: Vec<Batch> = source.read(&Partition::new("s/1"), Start::Beginning).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [1, 3]);
    assert_eq!(subscribed(&script)[1].0 - subscribed(&script)[0].0, 15_000);
    assert_eq!((source.stats().stalled.get(), source.stats().subscribed.get()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn subscriptions_that_are_all_silent_or_over_at_once_lead_to_polling() {
    for events in [vec![Event::Wait(10_000 * SECOND)], vec![]] {
        let script = subscribing([Ok(answer([1], 0)), Ok(last([2]))], (0..9).map(|_| Ok(events.clone())));
        let source = source_with(&script, |builder| builder.consumer("app"));
        let batches: Vec<Batch> = source.read(&Partition::new("s/1"), Start::Beginning).try_collect().await.unwrap();
        assert_eq!(positions(&batches), [1, 2]);
        assert_eq!(source.stats().fell_back.get(), 1);
        assert!(script.times()[0] < 50_000, "{:?}", script.times());
    }
}

/// A reader that is slow is no silent service.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_goes_on_with_its_subscription() {
    let script = subscribing([], [Ok(vec![event([1], 2), event([2], 3), end([3])])]);
    let mut flow = fan_out(&script, Start::Beginning);
    for _ in 0..3 {
        flow.try_next().await.unwrap().unwrap();
        tokio::time::sleep(60 * SECOND).await;
    }
    assert_eq!(subscribed(&script).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_cannot_be_subscribed_to_is_polled_for_a_minute() {
    let refused = || Err(trouble(Class::Busy));
    let quiet = (0..64).map(|_| Ok(answer([], 0)));
    let script = subscribing(
        [Ok(answer([2, 3], 9))].into_iter().chain(quiet),
        [Ok(vec![event([1], 2)])].into_iter().chain((0..12).map(|_| refused())).chain([Ok(vec![end([3, 4])])]),
    );
    let source = source_with(&script, |builder| builder.consumer("app"));
    let mut flow = source.read(&Partition::new("s/1"), Start::Beginning);
    let mut batches = Vec::new();
    while let Some(batch) = flow.try_next().await.unwrap() {
        batches.push(batch);
        // As many refusals as come in half a minute, whatever the dice say.
        if script.times().len() == 1 {
            *script.subscriptions.lock().unwrap() = [Ok(vec![end([3, 4])])].into();
        } else if script.times().is_empty() {
            *script.subscriptions.lock().unwrap() = (0..1_000).map(|_| refused()).collect();
        }
    }
    assert_eq!(positions(&batches), [1, 2, 3, 4]);
    assert_eq!(source.stats().fell_back.get(), 1);
    let (times, subscribed) = (script.times(), subscribed(&script));
    let tries: Vec<u64> = subscribed.iter().map(|(at, _)| *at).collect();
    let first = times[0];
    assert!((30_000..50_000).contains(&(first - tries[0])), "{tries:?}");
    let again = tries.iter().find(|at| **at > first).unwrap();
    assert!((60_000..62_000).contains(&(again - first)), "{first} {again}");
    assert!(source.stats().busy.get() > 3);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_refused_for_good_is_said_at_once() {
    let denied = Trouble { class: Class::Fatal, error: Error::new(ErrorKind::Denied, "no") };
    let script = subscribing([], [Err(denied)]);
    assert_eq!(fan_out(&script, Start::Beginning).try_next().await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_gone_is_looked_for_again_and_the_shard_polled_meanwhile() {
    let gone = Trouble { class: Class::Fatal, error: Error::new(ErrorKind::NotFound, "no such consumer") };
    let script = subscribing([Ok(answer([1], 0)), Ok(last([2]))], [Err(gone)]);
    let batches: Vec<Batch> = fan_out(&script, Start::Beginning).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [1, 2]);
}

/// A server may end a subscription to a closed shard and never say that it was the end.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_shard_whose_children_are_named_is_asked_for() {
    let children = |on| match event([], on) {
        Event::Give(event) => Event::Give(Answer { children: true, ..event }),
        other => other,
    };
    let script = subscribing([Ok(last([7]))], [Ok(vec![event([1], 2), children(5)])]);
    let batches: Vec<Batch> = fan_out(&script, Start::Beginning).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [1, 7]);
    assert!(batches.last().unwrap().closed);
    assert_eq!(script.calls().last().unwrap(), "records at 5");
}

#[tokio::test(start_paused = true)]
async fn events_take_their_room_from_the_budget() {
    let large = |n: u64| {
        let mut answer = Answer { next: None, on: Some(Position::new(n + 1, 0)), ..answer([n], 9) };
        answer.records[0].data = vec![0; 6 << 20].into();
        Event::Give(answer)
    };
    let script = subscribing([], [Ok(vec![large(1), end([9])]), Ok(vec![large(1), end([9])])]);
    let source = source_with(&script, |builder| builder.consumer("app").read_ahead(1));
    let mut shards = ["s/1", "s/2"].map(|name| source.read(&Partition::new(name), Start::Beginning));
    let [first, second] = &mut shards;
    first.try_next().await.unwrap().unwrap();
    tokio::time::timeout(SECOND * 60, second.try_next()).await.unwrap_err();
    let (one, other) = futures::join!(first.try_next(), second.try_next());
    assert_eq!(positions(&[one.unwrap().unwrap()]), [9]);
    assert_eq!(positions(&[other.unwrap().unwrap()]), [1]);
}

#[tokio::test]
async fn a_name_that_no_consumer_can_have_is_refused() {
    let error = KinesisSource::builder("s").consumer("a b").build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
}
