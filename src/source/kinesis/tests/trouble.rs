//! A stream that changes while it is read, and positions that are not known any more.

use super::*;

fn refused(kind: ErrorKind) -> Trouble {
    Trouble { class: Class::Fatal, error: Error::new(kind, "refused") }
}

#[tokio::test(start_paused = true)]
async fn every_batch_says_how_long_records_are_kept_and_that_is_asked_for_again() {
    let answers = (0..700).map(|_| Ok(answer([], 0)));
    let script = Script::new(answers);
    let mut flow = read(&script, Start::Beginning);
    let mut hours = Vec::new();
    for _ in 0..700 {
        let retention = flow.try_next().await.unwrap().unwrap().retention.unwrap();
        assert_eq!(retention.now, time(1_000));
        assert_eq!(retention.horizon(), retention.now - retention.period);
        hours.push(retention.period.as_secs() / 3600);
        // Seen later; what cannot be asked for meanwhile is believed.
        *script.described.lock().unwrap() = match hours.len() {
            0..350 => Err(trouble(Class::Busy)),
            _ => Ok(Described { retention: Duration::from_secs(48 * 3600), ..described() }),
        };
    }
    let longer = hours.iter().position(|hours| *hours == 48).unwrap();
    assert!((350..=650).contains(&longer), "{longer}");
    assert!(hours[..longer].iter().all(|hours| *hours == 24));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_made_again_while_it_is_read_is_said_so() {
    let script = Script::new((0..700).map(|_| Ok(answer([], 0))));
    let mut flow = read(&script, Start::Beginning);
    flow.try_next().await.unwrap();
    *script.described.lock().unwrap() = Ok(Described { created: Some(time(2)), ..described() });
    let error = loop {
        match flow.try_next().await {
            Ok(batch) => assert!(batch.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("made again"), "{error}");
    assert!(script.begun.elapsed() <= Duration::from_secs(301), "{:?}", script.begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_deleted_while_it_is_read_is_no_shard_that_is_gone() {
    let script = Script::new([Ok(answer([5], 0)), Err(Class::Stale)]);
    let mut flow = read(&script, Start::Beginning);
    flow.try_next().await.unwrap();
    *script.refusal.lock().unwrap() = Some(refused(ErrorKind::NotFound));
    *script.described.lock().unwrap() = Err(refused(ErrorKind::NotFound));
    let error = flow.try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("deleted while it was read"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_gone_stays_one_that_is_not_found() {
    let script = Script::new([Ok(answer([5], 0)), Err(Class::Stale)]);
    let mut flow = read(&script, Start::Beginning);
    flow.try_next().await.unwrap();
    *script.refusal.lock().unwrap() = Some(refused(ErrorKind::NotFound));
    assert_eq!(flow.try_next().await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// Kinesis does not say what it does about a number that was trimmed: it may begin with the oldest record, or refuse.
#[tokio::test(start_paused = true)]
async fn a_position_that_is_not_known_any_more_leads_to_the_oldest_record_and_nothing_is_given_twice() {
    let script = Script::new([Ok(answer([4, 5], 0)), Ok(answer([6], 0)), Err(Class::Stale), Ok(last([5, 6, 7]))]);
    *script.refusal.lock().unwrap() = Some(refused(ErrorKind::Invalid));
    let batches: Vec<Batch> = read(&script, Start::After(Position::new(4, 0))).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [5, 6, 7]);
    let iterators: Vec<_> = script.calls().into_iter().filter(|call| call.starts_with("iterator")).collect();
    assert_eq!(
        iterators,
        ["iterator 1 with 4", "iterator 1 the beginning", "iterator 1 after 6", "iterator 1 the beginning"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_iterator_that_expires_at_an_instant_without_records_is_renewed_from_there() {
    let script = Script::new([Ok(answer([], 0)), Err(Class::Stale), Ok(last([9, 10]))]);
    let batches: Vec<Batch> = read(&script, Start::At(time(10))).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [10]);
    assert_eq!(script.calls()[3], "iterator 1 at 10");
}
